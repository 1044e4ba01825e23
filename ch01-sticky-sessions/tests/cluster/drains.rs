//! Web processes that are taken out of service in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use axum::http::{Method, StatusCode};
use ch01_sticky_sessions::system::client::Browser;
use serde_json::json;

use crate::kit::TestShop;

const WEBS: [&str; 4] = ["web-1", "web-2", "web-3", "web-4"];

/// What users saw.
#[derive(Default)]
struct Seen {
    carts: AtomicU64,
    others: AtomicU64,
}

/// Looks into the cart until it is told to end.
async fn look(mut browser: Browser, seen: Arc<Seen>, is_over: Arc<AtomicBool>) {
    while !is_over.load(Relaxed) {
        let page = browser.call(Method::GET, "/cart").await;
        let is_cart = page.is_some_and(|page| page.status == StatusCode::OK);
        let count = if is_cart { &seen.carts } else { &seen.others };
        count.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_rolling_restart_with_drain_under_load_is_not_noticed_by_anybody() {
    let mut shop = TestShop::new(7);
    let (seen, is_over) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
    let users: Vec<_> = (0..8)
        .map(|_| shop.spawn(look(shop.alice(), Arc::clone(&seen), Arc::clone(&is_over))))
        .collect();
    for web in WEBS {
        let (code, said) = shop.command(&["drain", web]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&format!("{web} is gone: it has no requests and no sessions")));
        let before = seen.carts.load(Relaxed);
        shop.until("users go on", || (seen.carts.load(Relaxed) > before + 100).then_some(()));
        shop.cluster.restart(web, None).unwrap();
    }
    is_over.store(true, Relaxed);
    for user in users {
        shop.join(user);
    }
    assert_eq!(seen.others.load(Relaxed), 0, "of {} carts", seen.carts.load(Relaxed));
}

#[test]
fn a_drain_keeps_the_sessions_in_memory_until_they_end_or_its_time_is_over() {
    let shop = TestShop::new(3);
    let (mut alice, mut bob) = (shop.alice(), shop.browser());
    let home = shop.get(&mut alice).served_by;
    bob.set_cookie("node", &home);
    assert_eq!(shop.post(&mut bob, "/sign-in?user=bob").served_by, home);
    let at = format!("/backends/{home}/drain");
    assert_eq!(shop.operate(&at).field("state"), "draining");
    shop.until("both are counted", || {
        shop.metrics().contains(&format!("sessions_left{{backend=\"{home}\"}} 2\n")).then_some(())
    });
    assert_eq!(shop.get(&mut alice).served_by, home, "her session is there");
    assert_ne!(shop.post(&mut shop.browser(), "/sign-in?user=carol").served_by, home);
    assert_eq!(shop.post(&mut alice, "/sign-out").status, StatusCode::OK);
    shop.until("one is left", || {
        shop.metrics().contains(&format!("sessions_left{{backend=\"{home}\"}} 1\n")).then_some(())
    });

    shop.operate(&format!("/backends/{home}/activate"));
    let (code, said) = shop.command(&["drain", &home, "--within", "0"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("1 session was only there, and is lost"), "{said}");
    let page = shop.get(&mut bob);
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_ne!(page.served_by, home);
    let (code, said) = shop.command(&["activate", &home]);
    assert_eq!(code, Some(0), "{said}");
    bob.set_cookie("node", &home);
    let cart = json!({ "user": "bob", "cart": [] });
    assert_eq!(shop.get(&mut bob).body, cart, "it was not stopped");
}

#[test]
fn a_drain_does_not_wait_for_sessions_that_nobody_can_reach() {
    let shop = TestShop::new(2);
    let mut alice = shop.alice();
    let home = shop.get(&mut alice).served_by;
    shop.operate(&format!("/backends/{home}/drain?within=3600"));
    shop.until("it is gone", || (shop.status("lb")["backends"][&home] == "gone").then_some(()));
    let (code, said) = shop.command(&["drain", &home]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no cookie says who has one there"), "{said}");
    assert!(said.contains("1 session was only there, and is lost"), "{said}");
    let page = shop.get(&mut alice);
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_ne!(page.served_by, home);
}

#[test]
fn a_process_that_dies_while_it_drains_is_not_taken_for_one_that_is_active_again() {
    let mut shop = TestShop::new(3);
    let home = shop.get(&mut shop.alice()).served_by;
    shop.operate(&format!("/backends/{home}/drain?within=3600"));
    shop.cluster.kill(&home).unwrap();
    shop.until("it is down", || (shop.status("lb")["backends"][&home] == "down").then_some(()));
    let (code, said) = shop.command(&["drain", &home, "--within", "3600"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&format!("{home} is down before its drain was over")), "{said}");
}

#[test]
fn a_drain_that_cannot_be_asked_for_says_what_can() {
    let shop = TestShop::new(7);
    let (code, said) = shop.command(&["drain", "web-9"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("web-1, web-2, web-3, web-4"), "{said}");
    let refused = shop.operate("/backends/web-1/drain?within=soon");
    assert_eq!(refused.status, 400);
    assert!(refused.field("error").contains("whole seconds"), "{refused:?}");
}

//! Who is still signed in when processes are killed.

use axum::http::{Method, StatusCode};
use ch01_sticky_sessions::types::CART;
use serde_json::json;

use crate::kit::TestShop;

#[test]
fn round_robin_asks_to_sign_in_at_the_next_click() {
    let shop = TestShop::new(1);
    let mut alice = shop.browser();
    let first = shop.post(&mut alice, "/sign-in?user=alice");
    let second = shop.get(&mut alice);
    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::UNAUTHORIZED));
    assert_ne!(first.served_by, second.served_by);
}

#[test]
fn a_sticky_cookie_is_good_until_its_node_dies() {
    let mut shop = TestShop::new(3);
    let mut alice = shop.alice();
    let home = shop.get(&mut alice).served_by;
    for _ in 0..8 {
        let page = shop.get(&mut alice);
        assert_eq!((page.status, &page.served_by), (StatusCode::OK, &home));
    }
    shop.cluster.kill(&home).unwrap();
    let page = shop.get(&mut alice);
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_ne!(page.served_by, home);
}

#[test]
fn with_a_hint_nobody_is_signed_out_when_a_node_dies() {
    let mut shop = TestShop::new(7);
    let mut alice = shop.alice();
    let home = shop.get(&mut alice).served_by;
    shop.cluster.kill(&home).unwrap();
    let page = shop.get(&mut alice);
    assert_eq!(page.body, json!({ "user": "alice", "cart": ["umbrella"] }));
    assert_ne!(page.served_by, home);
}

#[test]
fn a_rolling_restart_of_all_processes_signs_nobody_out() {
    let mut shop = TestShop::new(7);
    let mut alice = shop.alice();
    for (i, role) in ["web-1", "web-2", "web-3", "web-4", "store"].into_iter().enumerate() {
        shop.cluster.kill(role).unwrap();
        if role != "store" {
            assert_eq!(shop.get(&mut alice).status, StatusCode::OK, "{role} is down");
        }
        shop.cluster.restart(role, None).unwrap();
        let page = shop.post(&mut alice, &format!("/cart?item=item-{i}"));
        assert_eq!(page.status, StatusCode::OK, "{role} was restarted");
    }
    let cart = ["item-0", "item-1", "item-2", "item-3", "item-4", "umbrella"];
    assert_eq!(shop.get(&mut alice).body, json!({ "user": "alice", "cart": cart }));
}

#[test]
fn while_the_store_is_down_the_answer_is_later_and_not_sign_in() {
    let mut shop = TestShop::new(5);
    let mut alice = shop.alice();
    shop.cluster.kill("store").unwrap();
    let page = shop.until("an answer", || shop.once(&mut alice, "/cart"));
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    shop.cluster.restart("store", None).unwrap();
    assert_eq!(shop.get(&mut alice).body, json!({ "user": "alice", "cart": ["umbrella"] }));
}

#[test]
fn a_copy_of_the_cookies_of_a_session_that_has_ended_is_refused_in_the_end() {
    let shop = TestShop::new(7);
    let mut alice = shop.alice();
    let mut thief = alice.copied();
    assert_eq!(shop.get(&mut thief).status, StatusCode::OK);
    assert_eq!(shop.post(&mut alice, "/sign-out").status, StatusCode::OK);
    assert_eq!(shop.get(&mut alice).status, StatusCode::UNAUTHORIZED);
    shop.until("the copy is refused", || {
        (shop.get(&mut thief).status == StatusCode::UNAUTHORIZED).then_some(())
    });
}

#[test]
fn what_is_not_understood_is_refused_and_changes_nothing() {
    let shop = TestShop::new(3);
    let mut alice = shop.alice();
    for path in ["/cart", "/cart?item=", "/cart?item=a%20b", "/cart?thing=boots", "/sign-in"] {
        let page = shop.call(&mut alice, &Method::POST, path);
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(page.body["error"].as_str().unwrap().contains("write POST"), "{path}");
    }
    assert_eq!(shop.get(&mut alice).body, json!({ "user": "alice", "cart": ["umbrella"] }));
}

#[test]
fn cookies_that_nobody_set_change_nothing() {
    let shop = TestShop::new(7);
    let mut alice = shop.alice();
    let digits = shop.name_of(&alice)[24..].to_owned();
    for seen in ["18446744073709551615", "18446744073709551616", "0", "-1", "x"] {
        alice.set_cookie(&format!("seen-{digits}-{seen}"), "1");
        let page = shop.post(&mut alice, "/cart?item=boots");
        let cart = ["boots", "umbrella"];
        assert_eq!(page.body, json!({ "user": "alice", "cart": cart }), "{seen}");
    }
}

#[test]
fn a_cart_that_is_full_stays_as_it_is() {
    for design in [3, 5, 7] {
        let shop = TestShop::new(design);
        let mut alice = shop.alice();
        for i in 1..CART {
            shop.post(&mut alice, &format!("/cart?item=item-{i}"));
        }
        let page = shop.call(&mut alice, &Method::POST, "/cart?item=one-more");
        assert_eq!(page.status, StatusCode::CONFLICT, "design {design}");
        let cart = shop.get(&mut alice).body["cart"].as_array().expect("a cart").len();
        assert_eq!(cart, CART, "design {design}");
    }
}

#[test]
fn who_signs_in_once_more_has_ended_the_session_before() {
    for design in [3, 5, 7] {
        let shop = TestShop::new(design);
        let mut alice = shop.alice();
        let mut thief = alice.copied();
        shop.post(&mut alice, "/sign-in?user=alice");
        shop.until("the copy is refused", || {
            (shop.get(&mut thief).status == StatusCode::UNAUTHORIZED).then_some(())
        });
    }
}

#[test]
fn a_page_of_another_site_signs_nobody_in() {
    let shop = TestShop::new(3);
    let mut alice = shop.alice();
    assert_eq!(shop.get(&mut alice).status, StatusCode::OK);
    let own = format!("http://{}", shop.shop());
    for (origin, status) in [("http://shop.example", "403"), ("null", "403"), (&own, "200")] {
        let head = format!("POST /sign-in?user=mallory HTTP/1.1\r\nOrigin: {origin}\r\n");
        let answer = shop.raw(&head);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{origin}: {answer}");
    }
}

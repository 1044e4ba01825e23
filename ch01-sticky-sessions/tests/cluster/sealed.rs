//! Design 6 as processes: the session is in the cookie.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::kit::TestShop;

#[test]
fn a_sealed_session_outlives_all_web_processes_and_a_new_key() {
    let mut shop = TestShop::new(6);
    let mut alice = shop.alice();
    for web in ["web-1", "web-2", "web-3", "web-4"] {
        shop.cluster.restart(web, None).unwrap();
    }
    let (code, said) = shop.command(&["rotate-keys"]);
    assert_eq!(code, Some(0), "{said}");
    let cart = json!({ "user": "alice", "cart": ["umbrella"] });
    for _ in 0..8 {
        assert_eq!(shop.get(&mut alice).body, cart);
    }
    assert_eq!(alice.cookie("sid"), None, "no session is kept anywhere else");
}

#[test]
fn signing_out_does_nothing_to_a_copy_of_a_sealed_session() {
    let shop = TestShop::new(6);
    let mut alice = shop.alice();
    let mut thief = alice.copied();
    assert_eq!(shop.post(&mut alice, "/sign-out").status, StatusCode::OK);
    assert_eq!(shop.get(&mut alice).status, StatusCode::UNAUTHORIZED);
    assert_eq!(shop.get(&mut thief).status, StatusCode::OK, "this is what design 6 cannot do");
}

#[test]
fn a_sealed_session_that_was_changed_is_none() {
    let shop = TestShop::new(6);
    let mut alice = shop.alice();
    let cart = alice.cookie("cart").expect("she is signed in");
    for forged in [&cart[1..], &format!("{cart}A"), &cart.to_lowercase(), "", "AAAA"] {
        alice.set_cookie("cart", forged);
        assert_eq!(shop.get(&mut alice).status, StatusCode::UNAUTHORIZED, "{forged}");
    }
    alice.set_cookie("cart", &cart);
    assert_eq!(shop.get(&mut alice).status, StatusCode::OK);
}

#[test]
fn a_cart_that_no_browser_would_keep_is_refused_and_the_one_before_stays() {
    let shop = TestShop::new(6);
    let mut alice = shop.alice();
    let letters = "a".repeat(37);
    let refused = (0..100).find_map(|i| {
        let path = format!("/cart?item={letters}-{i:02}");
        let page = shop.call(&mut alice, &Method::POST, &path);
        (page.status == StatusCode::CONFLICT).then_some((i, page))
    });
    let (added, page) = refused.expect("a hundred of them do not fit");
    assert!(page.body["error"].as_str().unwrap().contains("no more than 4096"), "{page:?}");
    let cart = shop.get(&mut alice).body["cart"].as_array().expect("a cart").len();
    assert_eq!(cart, 1 + added);
    let cookie = alice.cookie("cart").expect("she is signed in");
    let path = format!("/cart?item={letters}-{added:02}");
    let fields = format!("Accept: text/html\r\nCookie: cart={cookie}\r\n");
    let page = shop.raw(&format!("POST {path} HTTP/1.1\r\n{fields}"));
    assert!(page.starts_with("HTTP/1.1 409 ") && page.contains("<!doctype html>"), "{page}");
    assert!(page.contains("\r\ncache-control: no-store\r\n"), "{page}");
}

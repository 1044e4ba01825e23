//! What a browser may and may not do with the balancer's cookie in design 7.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::kit::TestShop;

#[test]
fn a_token_brings_its_session_back_to_the_same_web_process_and_no_other_one() {
    let shop = TestShop::new(7);
    let mut alice = shop.alice();
    let home = shop.get(&mut alice).served_by;
    for _ in 0..8 {
        assert_eq!(shop.hit(&mut alice), (home.clone(), "hit".into()));
    }
    let token = alice.cookie("node").expect("she has been served");
    let mut bob = shop.browser();
    shop.post(&mut bob, "/sign-in?user=bob");
    bob.set_cookie("node", &token);
    assert_eq!(shop.hit(&mut bob).1, "miss", "her token is not his");
    assert_ne!(bob.cookie("node").as_deref(), Some(&*token), "he has one of his own");
    assert_eq!(shop.hit(&mut bob).1, "hit");
}

#[test]
fn a_forged_token_is_a_miss_and_never_an_error() {
    let shop = TestShop::new(7);
    let mut alice = shop.alice();
    let token = alice.cookie("node").expect("she has been served");
    for forged in ["web-1", "", "AAAA", &token[1..], &format!("{token}A"), &"A".repeat(6_000)] {
        alice.set_cookie("node", forged);
        let page = shop.get(&mut alice);
        assert_eq!(page.body, json!({ "user": "alice", "cart": ["umbrella"] }), "{forged}");
        alice.set_cookie("node", forged);
        assert_eq!(shop.hit(&mut alice).1, "miss", "{forged}");
    }
}

#[test]
fn a_token_of_a_web_process_that_was_started_again_is_a_miss() {
    let mut shop = TestShop::new(7);
    let mut alice = shop.alice();
    let home = shop.get(&mut alice).served_by;
    let token = alice.cookie("node").expect("she has been served");
    shop.cluster.restart(&home, None).unwrap();
    shop.until("it is back", || shop.is_active(&home).then_some(()));
    alice.set_cookie("node", &token);
    assert_eq!(shop.hit(&mut alice).1, "miss", "its copies are gone");
    assert_eq!(shop.get(&mut alice).status, StatusCode::OK);
}

#[test]
fn who_is_not_signed_in_gets_no_token_and_signing_out_takes_it() {
    let shop = TestShop::new(7);
    let mut alice = shop.browser();
    assert_eq!(shop.get(&mut alice).status, StatusCode::UNAUTHORIZED);
    assert_eq!(alice.cookie("node"), None);
    shop.post(&mut alice, "/sign-in?user=alice");
    assert!(alice.cookie("node").is_some());
    shop.post(&mut alice, "/sign-out");
    assert_eq!(alice.cookie("node").as_deref(), Some(""), "it is told to forget");
}

#[test]
fn keys_are_rotated_and_no_token_is_refused() {
    let shop = TestShop::new(7);
    let mut alice = shop.alice();
    let old = alice.cookie("node").expect("she has been served");
    let (code, said) = shop.command(&["rotate-keys"]);
    assert_eq!(code, Some(0), "{said}");
    let names = |shop: &TestShop| shop.status("lb")["keys"].as_array().expect("names").clone();
    let new = said.split(' ').next().unwrap();
    shop.until("the new key seals", || (names(&shop)[0] == new).then_some(()));
    assert_eq!(names(&shop).len(), 2);
    assert_eq!(shop.hit(&mut alice).1, "hit", "the old key still opens");
    let mut bob = shop.browser();
    shop.call(&mut bob, &Method::POST, "/sign-in?user=bob");
    // The name of the key stands before what is sealed, from the second byte on.
    assert_ne!(bob.cookie("node").unwrap()[2..6], old[2..6]);
    assert_eq!(shop.hit(&mut bob).1, "hit");
}

//! An attacker puts a session of their own choice into a victim's browser, and waits until the victim signs in.

use axum::http::StatusCode;
use serde_json::json;

use crate::kit::TestShop;

#[test]
fn a_session_that_was_foisted_on_a_browser_is_not_the_one_it_signs_in_to() {
    for design in [1, 3, 5, 7] {
        let shop = TestShop::with(design, |options| options.with_value("nodes", "1"));
        // One that never was, and one in which the attacker is signed in.
        let mut mallory = shop.browser();
        shop.post(&mut mallory, "/sign-in?user=mallory");
        let own = mallory.cookie("sid").unwrap();
        for foisted in ["0123456789abcdef0123456789abcdef", &own] {
            let mut victim = shop.browser();
            victim.set_cookie("sid", foisted);
            shop.post(&mut victim, "/sign-in?user=alice");
            shop.post(&mut victim, "/cart?item=umbrella");
            assert_ne!(victim.cookie("sid").as_deref(), Some(foisted), "design {design}");
            let cart = json!({ "user": "alice", "cart": ["umbrella"] });
            assert_eq!(shop.get(&mut victim).body, cart, "design {design}");

            let mut attacker = shop.browser();
            attacker.set_cookie("sid", foisted);
            let page = shop.post(&mut attacker, "/cart?item=boots");
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "design {design}: {}", page.body);
        }
    }
}

//! Who is still signed in after a user has signed out everywhere: two browsers of hers, with two tabs each.

use axum::http::StatusCode;
use ch01_sticky_sessions::system::client::Browser;

use crate::kit::TestShop;

/// Looks until this browser is shown the sign-in page.
fn until_signed_out(shop: &TestShop, browser: &mut Browser) {
    shop.until("it is signed out", || {
        (shop.get(browser).status == StatusCode::UNAUTHORIZED).then_some(())
    });
}

#[test]
fn all_browsers_of_the_user_are_signed_out_and_nobody_else_is() {
    let mut shop = TestShop::new(7);
    let (mut phone, mut laptop) = (shop.alice(), shop.alice());
    let (mut phone_tab, mut laptop_tab) = (phone.tab(), laptop.tab());
    let mut bob = shop.browser();
    shop.post(&mut bob, "/sign-in?user=bob");
    for browser in [&mut phone, &mut phone_tab, &mut laptop, &mut laptop_tab, &mut bob] {
        assert_eq!(shop.get(browser).status, StatusCode::OK);
    }
    let page = shop.post(&mut phone, "/sign-out-everywhere");
    assert_eq!((page.status, page.body["outcome"].as_str()), (StatusCode::OK, Some("signed out")));
    for tab in [&mut phone, &mut phone_tab] {
        assert_eq!(shop.get(tab).status, StatusCode::UNAUTHORIZED, "its cookie is gone");
    }
    until_signed_out(&shop, &mut laptop);
    until_signed_out(&shop, &mut laptop_tab);
    // Nor can it change anything, on whichever web process it is, and after a restart of the store.
    shop.cluster.restart("store", None).unwrap();
    for web in ["web-1", "web-2", "web-3", "web-4"] {
        shop.cluster.restart(web, None).unwrap();
        let page = shop.post(&mut laptop, "/cart?item=boots");
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{web} was restarted");
    }
    let page = shop.post(&mut laptop, "/sign-out-everywhere");
    assert_eq!(page.status, StatusCode::UNAUTHORIZED, "who is signed out signs nobody out");
    assert_eq!(shop.get(&mut bob).status, StatusCode::OK);

    let mut again = shop.alice();
    assert_eq!(shop.get(&mut again).status, StatusCode::OK, "a session of the next epoch");
}

#[test]
fn a_user_with_no_session_signs_nobody_out_everywhere() {
    let shop = TestShop::new(7);
    let page = shop.post(&mut shop.browser(), "/sign-out-everywhere");
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
}

/// Before design 7, the other browser stays signed in: nothing says which sessions are hers.
#[test]
fn without_epochs_the_other_browser_stays_signed_in() {
    for design in [3, 5, 6] {
        let shop = TestShop::new(design);
        let (mut phone, mut laptop) = (shop.alice(), shop.alice());
        let page = shop.post(&mut phone, "/sign-out-everywhere");
        assert_eq!(page.status, StatusCode::OK, "design {design}");
        assert_eq!(shop.get(&mut phone).status, StatusCode::UNAUTHORIZED, "design {design}");
        assert_eq!(shop.get(&mut laptop).status, StatusCode::OK, "design {design}");
    }
}

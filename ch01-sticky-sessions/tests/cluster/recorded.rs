//! What users of real processes were told, held against the session guarantees.

use crate::kit::TestShop;
use crate::users::{assert_kept, goes_on, recorded};

#[test]
fn design_7_keeps_its_guarantees_while_processes_are_killed_and_drained() {
    let shop = TestShop::new(7);
    let at = shop.shop();
    let book = recorded(shop, at, |shop, book| {
        for role in ["web-1", "store", "web-3"] {
            goes_on(shop, book);
            shop.cluster.kill(role).unwrap();
            if role != "store" {
                goes_on(shop, book);
            }
            shop.cluster.restart(role, None).unwrap();
        }
        goes_on(shop, book);
        let (code, said) = shop.command(&["drain", "web-2"]);
        assert_eq!(code, Some(0), "{said}");
        goes_on(shop, book);
    });
    assert_kept(&book);
}

/// Both tabs load the session, and the second save puts an older cart in the place of a newer one.
#[test]
fn design_5_loses_what_a_tab_was_told() {
    let shop = TestShop::new(5);
    let at = shop.shop();
    recorded(shop, at, |shop, book| {
        shop.until("an update is lost", || (!book.findings().unread.is_empty()).then_some(()));
    });
}

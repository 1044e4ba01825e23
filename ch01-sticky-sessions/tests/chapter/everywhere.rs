//! A sign-out from everywhere, counted.

use ch01_sticky_sessions::experiments::{Everywhere, by_copies, everywhere};

#[test]
fn another_browser_is_signed_out_as_soon_as_no_copy_may_be_used() {
    for (fresh, found) in by_copies() {
        let lag = found.lag.expect("each of them is signed out");
        assert!(lag <= fresh * 1_000_000, "{fresh} s: {found:?}");
        // The bound is no larger than it has to be: some copy is almost as old.
        assert!(lag * 10 >= fresh * 1_000_000 * 7, "{fresh} s: {found:?}");
        assert_eq!(found.sign_ins, 50, "once each: a session that begins later is left alone");
    }
    let found = by_copies().map(|(_, found)| (found.lag, found.store));
    let counted = [(0, 100), (791_082, 44), (4_671_416, 11), (28_772_950, 3)];
    assert_eq!(found, counted.map(|(lag, store)| (Some(lag), store)));
}

#[test]
fn without_epochs_another_browser_stays_signed_in() {
    for step in ["step3", "step5", "step6"] {
        let Everywhere { lag, sign_ins, .. } = everywhere(step);
        assert_eq!((lag, sign_ins), (None, 0), "{step}");
    }
}

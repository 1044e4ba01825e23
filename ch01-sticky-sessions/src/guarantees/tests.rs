//! What the checker finds in small histories.

use super::*;

fn cart(items: &[&str]) -> Told {
    Told::Cart(items.iter().map(|item| Item::new(item)).collect())
}

fn add(item: &str) -> Deed {
    Deed::Add(Item::new(item))
}

/// Visits of one session, each answered 2 after it was asked.
fn judged(visits: &[(u64, Deed, Told)]) -> Findings {
    let visit = |(asked, deed, told): &(u64, Deed, Told)| Visit {
        asked: *asked,
        answered: asked + 2,
        session: "s1".into(),
        user: String::new(),
        deed: deed.clone(),
        is_copied: false,
        told: told.clone(),
    };
    judge(&visits.iter().map(visit).collect::<Vec<_>>()).expect("a small cart")
}

#[test]
fn a_clean_history_shows_nothing() {
    let found = judged(&[
        (0, Deed::SignIn, Told::Done),
        (10, add("boots"), cart(&["boots"])),
        // Asked while another one is under way: either may be first.
        (20, add("candle"), cart(&["boots", "candle"])),
        (21, Deed::Look, cart(&["boots"])),
        (30, Deed::Look, cart(&["boots", "candle"])),
        (40, Deed::Look, Told::Unknown),
        (50, Deed::SignOut, Told::Done),
        (60, Deed::Look, Told::SignInPage),
    ]);
    assert_eq!(found, Findings::default());
}

#[test]
fn a_cart_without_what_was_added_before_is_not_read_your_writes() {
    let found = judged(&[
        (0, Deed::SignIn, Told::Done),
        (10, add("boots"), cart(&["boots"])),
        (20, Deed::Look, cart(&[])),
        (30, Deed::Look, cart(&[])),
    ]);
    let missing = Finding { at: 2, since: 1, what: Item::new("boots") };
    assert_eq!(found.unread, [missing]);
}

#[test]
fn a_cart_that_is_older_than_one_before_is_not_monotonic() {
    let found = judged(&[
        (0, Deed::SignIn, Told::Done),
        (10, Deed::Look, cart(&["boots"])),
        (20, Deed::Look, cart(&[])),
    ]);
    let missing = Finding { at: 2, since: 1, what: Item::new("boots") };
    assert_eq!((found.unread, found.unseen), (vec![], vec![missing]));
}

#[test]
fn a_cart_after_a_sign_out_is_late_by_as_long() {
    let found = judged(&[
        (0, Deed::SignIn, Told::Done),
        (10, Deed::SignOut, Told::Done),
        // Under way when the session ended.
        (11, Deed::Look, cart(&[])),
        (20, Deed::Look, cart(&[])),
        (30, Deed::Look, Told::SignInPage),
    ]);
    assert_eq!(found.revoked, [Finding { at: 3, since: 1, what: 8 }]);
    assert_eq!(found.lag(), 8);
}

#[test]
fn a_cart_after_a_sign_out_is_held_against_what_was_added_too() {
    let found = judged(&[
        (0, Deed::SignIn, Told::Done),
        (10, add("boots"), cart(&["boots"])),
        (20, Deed::SignOut, Told::Done),
        (30, Deed::Look, cart(&[])),
    ]);
    let missing = Finding { at: 3, since: 1, what: Item::new("boots") };
    assert_eq!((found.unread, found.unseen), (vec![missing.clone()], vec![missing]));
    assert_eq!(found.revoked, [Finding { at: 3, since: 2, what: 8 }]);
}

#[test]
fn a_sign_in_page_for_an_open_session_is_forced() {
    let found = judged(&[
        (0, Deed::SignIn, Told::Done),
        (10, Deed::Look, Told::SignInPage),
        (20, Deed::SignOut, Told::SignInPage),
    ]);
    assert_eq!(found.forced, [1]);
}

#[test]
fn a_session_with_more_than_any_cart_is_refused() {
    let items: Vec<String> = (0..=MOST_ITEMS).map(|i| i.to_string()).collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    let visit = |asked, told| Visit {
        asked,
        answered: asked,
        session: "s1".into(),
        user: String::new(),
        deed: Deed::Look,
        is_copied: false,
        told,
    };
    let visits = [visit(0, cart(&items)), visit(1, cart(&items))];
    assert_eq!(judge(&visits), Err(TooMany { at: 0 }));
}

/// Two browsers of Alice and one of Bob; each visit is answered 2 after it was asked.
fn of_users(visits: &[(u64, &str, Deed, Told)]) -> Findings {
    let visit = |(asked, session, deed, told): &(u64, &str, Deed, Told)| Visit {
        asked: *asked,
        answered: asked + 2,
        session: (*session).into(),
        user: if session.starts_with('a') { "alice".into() } else { "bob".into() },
        deed: deed.clone(),
        is_copied: false,
        told: told.clone(),
    };
    judge(&visits.iter().map(visit).collect::<Vec<_>>()).expect("a small cart")
}

#[test]
fn a_sign_out_from_everywhere_ends_what_its_user_had_begun_and_nothing_else() {
    let found = of_users(&[
        (0, "a1", Deed::SignIn, Told::Done),
        (10, "a2", Deed::SignIn, Told::Done),
        (20, "b1", Deed::SignIn, Told::Done),
        // Begun while everything ends: it may have ended or not.
        (99, "a3", Deed::SignIn, Told::Done),
        (100, "a1", Deed::SignOutEverywhere, Told::Done),
        (110, "a4", Deed::SignIn, Told::Done),
        (120, "a2", Deed::Look, cart(&[])),
        (121, "a3", Deed::Look, cart(&[])),
        (122, "a4", Deed::Look, cart(&[])),
        (123, "b1", Deed::Look, cart(&[])),
        (130, "a2", Deed::Look, Told::SignInPage),
        (131, "a3", Deed::Look, Told::SignInPage),
        (132, "a4", Deed::Look, Told::SignInPage),
        (133, "b1", Deed::Look, Told::SignInPage),
    ]);
    assert_eq!(found.revoked, [Finding { at: 6, since: 4, what: 18 }]);
    assert_eq!(found.forced, [12, 13], "the new session, and Bob's");
}

#[test]
fn a_sign_out_from_everywhere_that_was_not_done_ends_nothing_for_certain() {
    let found = of_users(&[
        (0, "a1", Deed::SignIn, Told::Done),
        (10, "a2", Deed::SignIn, Told::Done),
        (20, "a1", Deed::SignOutEverywhere, Told::Unknown),
        (30, "a2", Deed::Look, cart(&[])),
        (40, "a2", Deed::Look, Told::SignInPage),
    ]);
    assert_eq!(found, Findings::default());
}

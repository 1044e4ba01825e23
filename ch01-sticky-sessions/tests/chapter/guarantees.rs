//! Session guarantees, judged from what everybody was told in simulated runs.

use ch01_sticky_sessions::experiments::{Event, FRESH, history, shown, shown_with_an_old_cookie};
use ch01_sticky_sessions::guarantees::history::{check, of};
use ch01_sticky_sessions::guarantees::{Deed, Told, judge};
use ch01_sticky_sessions::types::Item;
use lab::check::{History, Verdict};

/// The verdict on the written history of a run: the guarantee that is broken, or `ok`.
fn verdict(step: &str, event: Event) -> String {
    let text = of(&history(step, event)).to_json_lines();
    let read = History::read(&text).expect("what was written can be read");
    let judged = check(&read, FRESH * 1_000_000_000).expect("a history of sessions").judged;
    assert!(judged.counts.reads > 500, "{step}: {:?}", judged.counts);
    match judged.verdict {
        Verdict::Ok => "ok".into(),
        Verdict::Violation { why, .. } => why.split(':').next().unwrap_or_default().into(),
        Verdict::Undecided { why } => why,
    }
}

#[test]
fn a_store_without_versions_and_a_sealed_cookie_break_guarantees_and_the_others_keep_them() {
    for (step, expected) in [
        ("step1", "ok"),
        ("step2", "ok"),
        ("step3", "ok"),
        ("step4", "ok"),
        ("step5", "read your writes"),
        ("step6", "read your writes"),
        ("step7", "ok"),
    ] {
        assert_eq!(verdict(step, Event::Nothing), expected, "{step}");
    }
}

#[test]
fn step7_keeps_its_guarantees_whatever_happens_to_the_shop() {
    for event in [
        Event::Crash,
        Event::RollingRestart,
        Event::Joins,
        Event::Leaves,
        Event::TwoBalancers,
        Event::StoreDown,
        Event::StoreSlow,
    ] {
        assert_eq!(verdict("step7", event), "ok", "{event:?}");
    }
}

#[test]
fn a_session_on_two_nodes_shows_a_cart_that_goes_back_in_time_and_comes_back() {
    let umbrella = || Item::new("umbrella");
    let (full, empty) = (Told::Cart([umbrella()].into()), Told::Cart([].into()));
    let visits = shown("step1");
    let pages: Vec<_> = visits.iter().map(|visit| (&visit.deed, &visit.told)).collect();
    let expected = [
        (&Deed::SignIn, &Told::Done),
        (&Deed::Add(umbrella()), &full),
        (&Deed::Look, &empty),
        (&Deed::Look, &full),
    ];
    assert_eq!(pages, expected);
    let session = &visits[0].session;
    assert!(visits.iter().all(|visit| visit.session == *session), "one session: {visits:?}");
    let findings = judge(&visits).expect("a small history");
    let only = [&findings.unread, &findings.unseen].map(|found| {
        found.iter().map(|item| (item.at, item.since, item.what.clone())).collect::<Vec<_>>()
    });
    // The empty cart is the witness, against the answer to *add*.
    assert_eq!(only, [vec![(2, 1, umbrella())], vec![(2, 1, umbrella())]]);
    assert!(findings.forced.is_empty(), "nobody is asked to sign in");
}

#[test]
fn an_old_sealed_cookie_brings_an_old_cart_back() {
    let visits = shown_with_an_old_cookie();
    let [umbrella, boots] = ["umbrella", "boots"].map(Item::new);
    let carts: Vec<&Told> = visits.iter().map(|visit| &visit.told).skip(1).collect();
    let (old, new) =
        (Told::Cart([umbrella.clone()].into()), Told::Cart([umbrella, boots.clone()].into()));
    assert_eq!(carts, [&old, &old, &new, &old]);
    let findings = judge(&visits).expect("a small history");
    for found in [&findings.unread, &findings.unseen] {
        let found: Vec<_> = found.iter().map(|item| (item.at, item.since, &item.what)).collect();
        assert_eq!(found, [(4, 3, &boots)]);
    }
}

#[test]
fn a_judge_of_the_same_run_as_text_names_the_broken_guarantee() {
    let history = of(&shown("step1"));
    let judged = check(&history, 0).expect("a history of sessions").judged;
    let Verdict::Violation { why, window } = judged.verdict else { panic!("{:?}", judged.counts) };
    assert_eq!(why, "read your writes: umbrella was added, and is missing in a later cart");
    assert_eq!(window.len(), 4, "both requests with their answers: {window:?}");
}

//! Session guarantees, judged from what everybody was told in simulated runs.

use ch01_sticky_sessions::experiments::{Event, FRESH, history};
use ch01_sticky_sessions::guarantees::history::{check, of};
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

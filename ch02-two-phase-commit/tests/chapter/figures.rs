//! Each figure of the book shows what its caption claims.

use ch02_two_phase_commit::book::{figures, numbers};
use lab::event::{Kind, Log};

fn figure(name: &str) -> Log {
    let found = figures().into_iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no figure {name}")).1
}

fn last_state(log: &Log, node: &str) -> String {
    let mut states = log.events.iter().filter(|e| e.node == node).filter_map(|e| e.state.clone());
    states.next_back().unwrap_or_else(|| panic!("{node} never changes in {}", log.header.title))
}

#[test]
fn half_an_order_is_half_done() {
    let log = figure("half-an-order");
    assert_eq!(last_state(&log, "stock"), "umbrella 1");
    assert_eq!(last_state(&log, "pay"), "down");
}

#[test]
fn the_broken_ones_break_what_they_say() {
    for (name, property) in [
        ("declined-but-gone", "NACK"),
        ("done-twice", "ONCE"),
        ("forgotten-decision", "AC1"),
        ("half-visible", "HALF"),
        ("saga-half-visible", "HALF"),
        ("two-groups", "AC1"),
        ("left-early", "HALF"),
    ] {
        let verdict = figure(name).header.verdict.unwrap_or_default();
        assert!(verdict.starts_with(property), "{name}: {verdict:?}");
    }
    assert!(figure("forgot-its-vote").header.verdict.is_some());
}

#[test]
fn the_unbroken_ones_break_nothing() {
    for name in [
        "two-phases",
        "log-first",
        "deadlock",
        "coord-returns",
        "saga-undoes",
        "a-peer-knows",
        "fenced",
    ] {
        assert_eq!(figure(name).header.verdict, None, "{name}");
    }
}

#[test]
fn the_younger_of_two_in_a_deadlock_is_given_up_and_waits_for_its_turn() {
    let log = figure("deadlock");
    assert!(last_state(&log, "stock").contains("in doubt: tx 1.1; locked: umbrella"));
    assert!(last_state(&log, "stock").contains("waiting: tx 1.2"));
    let pay = last_state(&log, "pay");
    assert!(pay.ends_with("in doubt: tx 1.1; locked: alice, till"), "{pay}");
    assert_eq!(last_state(&log, "coord"), "voting on tx 1.1, tx 1.2/2");
}

#[test]
fn a_coordinator_that_was_replaced_is_refused_by_the_store() {
    let log = figure("fenced");
    assert_eq!(last_state(&log, "coord"), "does not lead");
    assert_eq!(last_state(&log, "coord-2"), "leads, epoch 2");
    assert_eq!(last_state(&log, "store"), "epoch 2, 0 records");
}

#[test]
fn no_participant_may_release_its_locks_while_the_coordinator_is_gone() {
    let log = figure("blocked");
    assert!(last_state(&log, "stock").contains("locked: umbrella"));
    assert!(last_state(&log, "pay").contains("locked: alice, till"));
    assert_eq!(last_state(&log, "coord"), "down");
}

#[test]
fn two_of_three_coordinators_are_enough_to_end_it() {
    let log = figure("two-of-three");
    assert_eq!(last_state(&log, "coord"), "down");
    assert!(!last_state(&log, "stock").contains("in doubt"));
    assert!(!last_state(&log, "pay").contains("in doubt"));
}

#[test]
fn figures_fit_on_a_page() {
    for (name, log) in figures() {
        let shown = log.events.iter().filter(|e| e.kind != Kind::Send).count();
        assert!(shown <= 32, "{name} has {shown} events");
    }
}

/// Two participants: an order, an answer, and four messages for each of them.
#[test]
fn costs_are_counted() {
    let numbers: std::collections::BTreeMap<_, _> = numbers().into_iter().collect();
    let count = |name: &str| numbers[name].as_str();
    assert_eq!(count("messages_step1"), "6");
    assert_eq!(count("messages_step2"), "10");
    assert_eq!(count("messages_step3"), "10");
    assert_eq!(count("messages_step4"), "10");
    assert_eq!(count("messages_step5"), "6");
    assert_eq!(count("records_step1"), "2");
    assert_eq!(count("records_step2"), "2");
    assert_eq!(count("records_step3"), "6");
    assert_eq!(count("records_step4"), "6");
    assert_eq!(count("records_step5"), "4");
}

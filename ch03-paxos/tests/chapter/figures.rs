//! Each figure of the book shows what its caption claims.

use ch03_paxos::book::{figures, numbers};
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
fn the_broken_ones_break_what_they_say() {
    for (name, property) in
        [("lost-write", "READ"), ("two-primaries", "READ"), ("forgets", "AGREE")]
    {
        let verdict = figure(name).header.verdict.unwrap_or_default();
        assert!(verdict.starts_with(property), "{name}: {verdict:?}");
    }
}

#[test]
fn the_unbroken_ones_break_nothing() {
    for name in
        ["split-vote", "adopts", "remembers", "duel", "log", "new-leader", "twice", "once", "pulls"]
    {
        assert_eq!(figure(name).header.verdict, None, "{name}");
    }
}

#[test]
fn who_pulls_a_snapshot_has_executed_what_it_never_accepted() {
    let log = figure("pulls");
    assert_eq!(last_state(&log, "replica-2"), "follows; snapshot before #2; ");
    let is_dropped = |event: &&lab::event::Event| event.kind == Kind::Discard;
    assert_eq!(log.events.iter().filter(is_dropped).count(), 2);
}

#[test]
fn two_primaries_need_no_crash() {
    let log = figure("two-primaries");
    assert!(log.events.iter().all(|event| event.kind != Kind::Crash));
    assert!(last_state(&log, "replica-1").starts_with("primary"));
    assert!(last_state(&log, "replica-2").starts_with("primary"));
}

#[test]
fn in_a_split_vote_each_value_has_one_vote() {
    let log = figure("split-vote");
    for (web, wanted) in [("web-1", "alice"), ("web-2", "bob"), ("web-3", "carol")] {
        assert_eq!(last_state(&log, web), format!("wants {wanted}; votes: {wanted} 1"));
    }
}

#[test]
fn web_2_wants_bob_and_asks_for_alice() {
    for name in ["adopts", "remembers"] {
        assert_eq!(last_state(&figure(name), "web-2"), "round 1: 0 accepted alice", "{name}");
    }
}

#[test]
fn a_command_is_in_two_slots_and_an_increment_in_two_counts_once() {
    let leader = last_state(&figure("twice"), "replica-1");
    assert_eq!(leader, "leads; #1✓ alice (3.11), #2✓ alice (3.11)");
    assert_eq!(last_state(&figure("once"), "web-1"), "told 1; has its answers");
    let replica = last_state(&figure("once"), "replica-2");
    assert_eq!(replica.matches("✓ s1/1 increment sold").count(), 2, "{replica}");
}

#[test]
fn figures_fit_on_a_page() {
    // The book shows the end of these.
    let long = ["twice", "once", "pulls"];
    for (name, log) in figures().into_iter().filter(|(name, _)| !long.contains(&name.as_str())) {
        let shown = log.events.iter().filter(|e| e.kind != Kind::Send).count();
        assert!(shown <= 25, "{name} has {shown} events");
    }
}

/// One proposer, three replicas: a question and an answer for each, in each phase.
#[test]
fn costs_are_counted() {
    let numbers: std::collections::BTreeMap<_, _> = numbers().into_iter().collect();
    let count = |name: &str| numbers[name].as_str();
    assert_eq!(count("messages_step2"), "6");
    assert_eq!(count("messages_step3"), "12");
    assert_eq!(count("messages_step4"), "12");
    // Request, accept, accepted, answer and commit; three replicas write.
    assert_eq!((count("messages_step6"), count("records_step6")), ("8", "3"));
    assert_eq!((count("records_step3"), count("records_step4")), ("0", "6"));
}

#[test]
fn in_a_duel_both_are_refused_and_nothing_is_accepted() {
    let log = figure("duel");
    let refused = |node: &str| {
        let mut received = log.events.iter().filter(|e| e.kind == Kind::Receive && e.node == node);
        received.any(|e| e.text.starts_with("refuse"))
    };
    assert!(refused("web-1") && refused("web-2"));
    assert!(log.events.iter().all(|e| !e.text.starts_with("accepted")));
}

#[test]
fn a_new_leader_proposes_again_what_it_is_told() {
    let log = figure("new-leader");
    assert_eq!(last_state(&log, "replica-1"), "down");
    assert!(last_state(&log, "replica-3").starts_with("leads; #1✓ alice"));
}

//! Proofs about small worlds. State counts are golden: a change that searches less is a change.

#[cfg(feature = "slow")]
use ch03_paxos::book::STATES_THREE_BALLOTS;
use ch03_paxos::book::split_votes;
use ch03_paxos::designs::{row, study};
use ch03_paxos::worlds::{Crashing, Scope};
use lab::chapter::{Bounds, Models};
use lab::explore::{Edge, Limits, explore};

/// The states of a design with two proposers, whose timers expire so often.
fn holds(id: &str, scope: Scope, limits: &Limits) -> usize {
    let report = explore(&row(id).model(scope), limits);
    assert_eq!(report.violation.map(|violation| violation.broken), None);
    assert!(!report.gave_up, "undecided: more than {} states", limits.states);
    assert!(report.never.is_empty(), "never reached: {:?}", report.never);
    report.graph.states()
}

fn ballots(more: u8, crashes: u8) -> Limits {
    Limits { timeouts: Some(more), ..Limits::safety(crashes) }
}

#[test]
fn votes_are_safe_in_memory_as_long_as_no_replica_restarts() {
    let limits = Limits::safety(0);
    assert_eq!(holds("step2", Scope::TWO, &limits), 2_129);
    assert_eq!(holds("step2", Scope::THREE, &limits), 163_075);
}

#[test]
fn a_split_vote_needs_no_fault() {
    let world = row("step2").model(Scope::THREE);
    let report = explore(&world, &Limits::progress(0, 0, 0));
    assert!(report.violation.is_none());
    assert!(!report.graph.stuck(&[Edge::Work, Edge::Restart]).is_empty());
    assert_eq!(split_votes(1_000), 227);
}

#[test]
fn steps_3_and_4_are_safe_with_two_ballots() {
    for id in ["step3", "step4"] {
        assert_eq!(holds(id, Scope::TWO, &ballots(0, 0)), 14_032);
    }
}

#[test]
fn step4_is_safe_with_two_ballots_and_a_replica_that_restarts() {
    assert_eq!(holds("step4", Scope::TWO, &ballots(0, 1)), 151_174);
}

#[test]
fn step4_goes_on_while_a_majority_is_up() {
    let world = row("step4").model(Scope::ONE);
    let for_good = Limits { restarts: false, ..Limits::progress(1, 1, 0) };
    let report = explore(&world, &for_good);
    assert!(!report.gave_up && report.violation.is_none() && report.never.is_empty());
    assert!(report.graph.stuck(&[Edge::Work]).is_empty());
}

/// Each of the two proposers has one ballot, and one of them gets another.
#[cfg(feature = "slow")]
#[test]
fn step4_is_safe_with_three_ballots_and_a_replica_that_restarts() {
    let limits = Limits { states: 20_000_000, ..ballots(1, 1) };
    assert_eq!(holds("step4", Scope::TWO, &limits), STATES_THREE_BALLOTS);
}

#[cfg(feature = "slow")]
#[test]
fn step4_is_safe_with_two_ballots_and_a_proposer_that_restarts() {
    let limits = Limits { states: 20_000_000, ..ballots(0, 1) };
    assert_eq!(holds("step4", Scope::TWO.crashing(Crashing::Proposers), &limits), 2_175_296);
}

#[test]
fn step3_forgets_after_a_restart_of_one_replica() {
    let world = row("step3").model(Scope::TWO.crashing(Crashing::OneReplica));
    let violation = explore(&world, &ballots(0, 1)).violation.expect("it disagrees");
    assert_eq!((violation.broken.property, violation.path.len()), ("AGREE", 18));
}

#[test]
fn an_exploration_says_what_is_expected() {
    let bounds = Bounds { crashes: 1, losses: 0, duplicates: 0, states: 2_000_000 };
    for step in study().steps() {
        let explored = study().explore(step.id, &bounds, &mut |_| {}).expect("a step");
        assert!(explored.as_expected, "{}: {}", step.id, explored.summary);
    }
}

//! A log of decisions: proofs about small worlds, and what they do not cover.

use ch03_paxos::designs::{row, study};
use ch03_paxos::worlds::{Crashing, Scope};
use lab::chapter::Models;
use lab::explore::{Limits, explore};

fn holds(scope: Scope, leaders: u8, crashes: u8) -> usize {
    let limits = Limits { timeouts: Some(leaders - 1), ..Limits::safety(crashes) };
    let world = row("step6").model(scope.crashing(Crashing::OneReplica));
    let report = explore(&world, &limits);
    assert_eq!(report.violation.map(|violation| violation.broken), None);
    assert!(!report.gave_up && report.never.is_empty());
    report.graph.states()
}

#[test]
fn one_leader_and_two_commands_are_safe() {
    assert_eq!(holds(Scope::ONE.commands(2), 1, 0), 1_345);
}

#[test]
fn two_leaders_and_one_command_are_safe_with_a_replica_that_restarts() {
    assert_eq!(holds(Scope::ONE, 2, 0), 37_123);
    assert_eq!(holds(Scope::ONE, 2, 1), 168_639);
}

/// What is lost is sent again: without that, one lost message leaves a slot open for ever.
#[test]
fn a_log_goes_on_though_one_message_in_ten_is_lost() {
    let checked = study().check("step6", "loss").expect("a cell");
    assert!(checked.as_expected, "{:?}", checked.cell);
}

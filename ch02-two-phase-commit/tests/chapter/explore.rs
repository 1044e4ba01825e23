//! Proofs about small worlds. State counts are golden: a change that searches less is a change.

use ch02_two_phase_commit::client::Client;
use ch02_two_phase_commit::designs::{ATOMIC, PLAIN as SAGA, study};
use ch02_two_phase_commit::invariants::ShopWorld;
use ch02_two_phase_commit::shop::AnyNode;
use ch02_two_phase_commit::types::Outcome;
use ch02_two_phase_commit::worlds::{Nodes, Read, Scope};
use ch02_two_phase_commit::{
    step2_two_phases as step2, step4_isolation as step4, step5_saga as step5,
};
use lab::chapter::{Bounds, Models};
use lab::explore::{Edge, Limits, Report, explore};

/// Too many processes for a crash and a loss; `deeper.rs` explores them.
const WIDE: [&str; 3] = ["paxos-commit", "fencing", "decision-store"];
const STEP2: Nodes = Nodes::new(
    || AnyNode::new(step2::Coordinator::default()),
    |accounts| AnyNode::new(step2::Participant::new(accounts)),
);
const STEP3: Nodes = Nodes::STEP3;
const STEP4: Nodes = Nodes::new(
    || AnyNode::new(step4::Coordinator::default()),
    |accounts| AnyNode::new(step4::Participant::new(accounts)),
);
const STEP5: Nodes = Nodes::new(
    || AnyNode::new(step5::Coordinator::default()),
    |accounts| AnyNode::new(step5::Participant::new(accounts)),
);

fn holds(design: &Nodes, scope: Scope, promised: &[&'static str], limits: &Limits) -> usize {
    let report = explore(&design.model(scope, promised), &limits.with_edges());
    assert_eq!(report.violation.map(|violation| violation.broken), None);
    assert!(!report.gave_up, "undecided: more than {} states", limits.states);
    assert!(report.never.is_empty(), "never reached: {:?}", report.never);
    assert!(report.graph.stuck(&[Edge::Work, Edge::Restart]).is_empty(), "stuck for ever");
    report.graph.states()
}

#[test]
fn step3_is_atomic_whatever_one_crash_and_the_network_do() {
    let states = holds(&STEP3, Scope::ONE_ORDER, ATOMIC, &Limits::safety(1));
    assert_eq!(states, 10_246);
}

#[test]
fn step3_goes_on_after_two_crashes_and_a_loss_once_all_are_back() {
    let limits = Limits::progress(2, 1, 0);
    holds(&STEP3, Scope::ONE_ORDER, ATOMIC, &limits);
}

#[test]
fn step3_is_atomic_with_three_participants() {
    let limits = Limits::progress(1, 1, 0);
    holds(&STEP3, Scope::THREE, ATOMIC, &limits);
}

#[test]
fn step4_is_atomic_whatever_one_crash_and_the_network_do() {
    let limits = Limits { timeouts: Some(1), ..Limits::safety(1) };
    let model = STEP4.model(Scope::ONE_ORDER, ATOMIC);
    let report = explore(&model, &limits);
    assert_eq!(report.violation.map(|violation| violation.broken), None);
    assert!(!report.gave_up && report.never.is_empty());
    assert_eq!(report.graph.states(), 18_062);
}

#[test]
fn an_order_that_must_be_declined_is_safe_under_crashes_too() {
    for (design, promised) in [(&STEP3, ATOMIC), (&STEP4, ATOMIC), (&STEP5, SAGA)] {
        holds(design, Scope::REFUSED, promised, &Limits::progress(1, 1, 1));
    }
}

#[test]
fn step4_declines_goes_on_and_conserves_money() {
    let limits = Limits::progress(1, 1, 0);
    holds(&STEP4, Scope::TWO_ORDERS, ATOMIC, &limits);
}

#[test]
fn step4_shows_a_reader_one_moment_though_a_message_is_lost() {
    let scope = Scope::ONE_ORDER.with(Read::Snapshot);
    let limits = Limits::progress(0, 1, 0);
    let promised: Vec<_> = ATOMIC.iter().chain(&["HALF"]).copied().collect();
    holds(&STEP4, scope, &promised, &limits);
}

#[test]
fn step5_is_done_or_made_up_for_after_two_crashes() {
    let limits = Limits::progress(2, 1, 1);
    holds(&STEP5, Scope::TWO_ORDERS, SAGA, &limits);
    let states = holds(&STEP5, Scope::ONE_ORDER, SAGA, &Limits::safety(1));
    assert_eq!(states, 72);
}

/// AC4: nothing fails, every participant votes yes, no timer runs out: every path ends in *done*.
#[test]
fn without_failures_all_yes_means_commit() {
    let limits = Limits { timeouts: Some(0), ..Limits::progress(0, 0, 0) };
    fn all_end_done(design: &Nodes, limits: &Limits) {
        let model = design.model(Scope::ONE_ORDER, ATOMIC);
        let report = explore(&model, limits);
        assert!(report.graph.states() > 10);
        let declined = explore(
            &lab::explore::Model { always: vec![("never declined", not_declined)], ..model },
            limits,
        );
        assert_eq!(declined.violation.map(|violation| violation.broken), None);
        assert!(report.never.is_empty(), "some path has to end in done");
    }
    all_end_done(&STEP2, &limits);
    all_end_done(&STEP3, &limits);
    all_end_done(&STEP4, &limits);
}

fn not_declined(world: &ShopWorld) -> Result<(), String> {
    let mut clients = world.nodes().filter_map(|(_, node)| node.downcast_ref::<Client>());
    let declined = clients.any(|client| client.answers.values().any(|a| *a != Outcome::done()));
    if declined {
        Err("an order that every participant can do was declined".into())
    } else {
        Ok(())
    }
}

/// Carrying a step out at once and cutting it anywhere is a short cut for a disk that takes its time.
#[test]
fn an_asynchronous_disk_gives_the_same_verdicts() {
    fn verdict(design: &Nodes, async_disk: bool) -> (Option<&'static str>, bool, bool) {
        let limits = Limits { async_disk, ..Limits::progress(1, 1, 0) };
        let report: Report<_> = explore(&design.model(Scope::ONE_ORDER, ATOMIC), &limits);
        assert!(!report.gave_up);
        let broken = report.violation.as_ref().map(|violation| violation.broken.property);
        let stuck = |allowed: &[Edge]| !report.graph.stuck(allowed).is_empty();
        match broken {
            Some(_) => (broken.map(|_| "broken"), false, false),
            None => (None, stuck(&[Edge::Work]), stuck(&[Edge::Work, Edge::Restart])),
        }
    }
    fn same(design: &Nodes, expected: (Option<&'static str>, bool, bool)) {
        assert_eq!(verdict(design, false), expected);
        assert_eq!(verdict(design, true), expected);
    }
    same(&STEP2, (Some("broken"), false, false));
    same(&STEP3, (None, true, false));
    same(&STEP4, (None, true, false));
}

#[test]
fn an_exploration_says_what_is_expected() {
    let bounds = Bounds { crashes: 1, losses: 1, duplicates: 0, states: 300_000 };
    let steps = study().steps().into_iter().map(|info| info.id);
    for step in steps.filter(|id| !WIDE.contains(id)) {
        let explored = study().explore(step, &bounds, &mut |_| {}).expect("a step");
        assert!(explored.as_expected, "{step}: {}", explored.summary);
    }
    let step3 = study().explore("step3", &bounds, &mut |_| {}).expect("step 3").summary;
    assert_eq!(
        step3,
        "safe in 10,246 states; stuck if coord never returns (with the schedule); ok if it does"
    );
}

#[test]
fn more_states_than_the_limit_are_not_what_is_expected() {
    let bounds = Bounds { crashes: 1, losses: 1, duplicates: 0, states: 1_000 };
    let explored = study().explore("step3", &bounds, &mut |_| {}).expect("step 3");
    assert_eq!(explored.summary, "undecided: more than 1,000 states");
    assert!(!explored.as_expected);
}

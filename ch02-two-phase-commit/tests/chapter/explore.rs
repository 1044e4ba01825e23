//! Proofs about small worlds. State counts are golden: a change that searches less is a change.

use ch02_two_phase_commit::shop::{Coordinator, Participant};
use ch02_two_phase_commit::worlds::{Look, Scope, model};
use ch02_two_phase_commit::{
    step2_two_phases as step2, step3_log_first as step3, step4_isolation as step4,
    step5_saga as step5, steps,
};
use lab::chapter::Bounds;
use lab::explore::{Edge, Limits, Report, explore};

const ATOMIC: &[&str] = &["AC1", "AC2", "AC3", "ACK", "NACK", "ONCE", "FORGET", "MONEY"];
/// Too many processes for a crash and a loss; `deeper.rs` explores them.
const WIDE: [&str; 2] = ["paxos-commit", "fencing"];
const SAGA: &[&str] = &["ACK", "NACK", "ONCE", "MONEY"];

fn holds<C: Coordinator, P: Participant>(
    scope: Scope,
    promised: &[&'static str],
    limits: &Limits,
) -> usize {
    let report = explore(&model::<C, P>(scope, promised), limits);
    assert_eq!(report.violation.map(|violation| violation.broken), None);
    assert!(!report.gave_up, "undecided: more than {} states", limits.states);
    assert!(report.never.is_empty(), "never reached: {:?}", report.never);
    assert!(report.graph.stuck(&[Edge::Work, Edge::Restart]).is_empty(), "stuck for ever");
    report.graph.states()
}

#[test]
fn step3_is_atomic_whatever_one_crash_and_the_network_do() {
    let states = holds::<step3::Coordinator, step3::Participant>(
        Scope::ONE_ORDER,
        ATOMIC,
        &Limits::safety(1),
    );
    assert_eq!(states, 24_424);
}

#[test]
fn step3_goes_on_after_two_crashes_and_a_loss_once_all_are_back() {
    let limits = Limits::progress(2, 1, 0);
    holds::<step3::Coordinator, step3::Participant>(Scope::ONE_ORDER, ATOMIC, &limits);
}

#[test]
fn step3_is_atomic_with_three_participants() {
    let limits = Limits::progress(1, 1, 0);
    holds::<step3::Coordinator, step3::Participant>(Scope::THREE, ATOMIC, &limits);
}

#[test]
fn step4_is_atomic_whatever_one_crash_and_the_network_do() {
    let limits = Limits { timeouts: Some(1), ..Limits::safety(1) };
    let model = model::<step4::Coordinator, step4::Participant>(Scope::ONE_ORDER, ATOMIC);
    let report = explore(&model, &limits);
    assert_eq!(report.violation.map(|violation| violation.broken), None);
    assert!(!report.gave_up && report.never.is_empty());
    assert_eq!(report.graph.states(), 24_036);
}

#[test]
fn step4_declines_goes_on_and_conserves_money() {
    let limits = Limits::progress(1, 1, 0);
    holds::<step4::Coordinator, step4::Participant>(Scope::TWO_ORDERS, ATOMIC, &limits);
}

#[test]
fn step4_shows_a_reader_one_moment_though_a_message_is_lost() {
    let scope = Scope::ONE_ORDER.with(Look::OneMoment);
    let limits = Limits::progress(0, 1, 0);
    let promised: Vec<_> = ATOMIC.iter().chain(&["HALF"]).copied().collect();
    holds::<step4::Coordinator, step4::Participant>(scope, &promised, &limits);
}

#[test]
fn step5_is_done_or_made_up_for_after_two_crashes() {
    let limits = Limits::progress(2, 1, 1);
    holds::<step5::Coordinator, step5::Participant>(Scope::TWO_ORDERS, SAGA, &limits);
    let states =
        holds::<step5::Coordinator, step5::Participant>(Scope::ONE_ORDER, SAGA, &Limits::safety(1));
    assert_eq!(states, 72);
}

/// AC4: nothing fails, everybody votes yes, no timer runs out: every path ends in *done*.
#[test]
fn without_failures_all_yes_means_commit() {
    let limits = Limits { timeouts: Some(0), ..Limits::progress(0, 0, 0) };
    fn all_end_done<C: Coordinator, P: Participant>(limits: &Limits) {
        let model = model::<C, P>(Scope::ONE_ORDER, ATOMIC);
        let report = explore(&model, limits);
        assert!(report.graph.states() > 10);
        let declined = explore(
            &lab::explore::Model { always: vec![("never declined", not_declined)], ..model },
            limits,
        );
        assert_eq!(declined.violation.map(|violation| violation.broken), None);
        assert!(report.never.is_empty(), "some path has to end in done");
    }
    all_end_done::<step2::Coordinator, step2::Participant>(&limits);
    all_end_done::<step3::Coordinator, step3::Participant>(&limits);
    all_end_done::<step4::Coordinator, step4::Participant>(&limits);
}

fn not_declined<C: Coordinator, P: Participant>(
    world: &ch02_two_phase_commit::invariants::ShopWorld<C, P>,
) -> Result<(), String> {
    use ch02_two_phase_commit::shop::Shop;
    use ch02_two_phase_commit::types::Outcome;
    let declined = world.nodes().any(|(_, node)| match node {
        Shop::Client(client) => client.answers.values().any(|a| *a != Outcome::done()),
        Shop::Coordinator(_) | Shop::Participant(_) | Shop::Reader(_) => false,
    });
    if declined { Err("an order that everybody can do was declined".into()) } else { Ok(()) }
}

/// Carrying a step out at once and cutting it anywhere is a short cut for a disk that lags behind.
#[test]
fn a_lagging_disk_gives_the_same_verdicts() {
    fn verdict<C: Coordinator, P: Participant>(
        lagging: bool,
    ) -> (Option<&'static str>, bool, bool) {
        let limits = Limits { lagging, ..Limits::progress(1, 1, 0) };
        let report: Report<_> = explore(&model::<C, P>(Scope::ONE_ORDER, ATOMIC), &limits);
        assert!(!report.gave_up);
        let broken = report.violation.as_ref().map(|violation| violation.broken.property);
        let stuck = |allowed: &[Edge]| !report.graph.stuck(allowed).is_empty();
        match broken {
            Some(_) => (broken.map(|_| "broken"), false, false),
            None => (None, stuck(&[Edge::Work]), stuck(&[Edge::Work, Edge::Restart])),
        }
    }
    fn same<C: Coordinator, P: Participant>(expected: (Option<&'static str>, bool, bool)) {
        assert_eq!(verdict::<C, P>(false), expected);
        assert_eq!(verdict::<C, P>(true), expected);
    }
    same::<step2::Coordinator, step2::Participant>((Some("broken"), false, false));
    same::<step3::Coordinator, step3::Participant>((None, true, false));
    same::<step4::Coordinator, step4::Participant>((None, true, false));
}

#[test]
fn the_guide_says_what_is_pinned() {
    let bounds = Bounds { crashes: 1, losses: 1, duplicates: 0, states: 300_000 };
    for step in steps::all().iter().filter(|step| !WIDE.contains(&step.info().id)) {
        let explored = step.explore(&bounds);
        assert!(explored.as_pinned, "{}: {}", step.info().id, explored.summary);
    }
    let step3 = steps::step("step3").expect("step 3").explore(&bounds).summary;
    assert_eq!(
        step3,
        "safe in 24,424 states; stuck if coord never returns (with the schedule); ok if it does"
    );
}

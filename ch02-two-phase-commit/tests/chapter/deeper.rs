//! The designs off the main path.

use std::time::Duration;

use ch02_two_phase_commit::costs::{LINES, counted};
use ch02_two_phase_commit::deeper::in_doubt::{Shares, without_coordinator};
use ch02_two_phase_commit::deeper::{Msg as Deeper, termination};
use ch02_two_phase_commit::designs::{row, study};
use ch02_two_phase_commit::shop::{Effect, Input};
use ch02_two_phase_commit::step4_isolation as step4;
use ch02_two_phase_commit::types::{COORD, Key, Msg, PAY, STOCK};
use ch02_two_phase_commit::worlds::{Scope, umbrella};
use lab::NodeId;
use lab::explore::{Edge, Limits, explore};
use lab::node::react;
use lab::testing::{CrashPoints, crash_points};

#[test]
fn every_design_costs_what_theory_says() {
    for line in &LINES {
        assert_eq!(counted(line), line.theory, "{} {}", line.step, line.case);
    }
}

/// States; whether all promises hold; whether some state is stuck as long as no process comes back.
fn searched(id: &str, limits: &Limits) -> (usize, Option<&'static str>, bool) {
    let report = explore(&row(id).model(Scope::ONE_ORDER), &limits.with_edges());
    assert!(!report.gave_up, "{id}: more than {} states", limits.states);
    let broken = report.violation.map(|violation| violation.broken.property);
    (report.graph.states(), broken, !report.graph.stuck(&[Edge::Work]).is_empty())
}

fn for_good(crashes: u8) -> Limits {
    Limits { restarts: false, ..Limits::progress(crashes, 0, 0) }
}

#[test]
fn asking_the_peers_helps_about_a_third_of_those_in_doubt() {
    let shares = without_coordinator("termination");
    assert_eq!(shares, Shares { helped: 79, peer_down: 98, blocked: 31 });
}

#[test]
fn three_phases_are_safe_and_never_stuck_while_only_failed_processes_are_silent() {
    assert_eq!(searched("3pc", &for_good(1)), (1_033, None, false));
    assert_eq!(searched("3pc", &for_good(2)), (3_112, None, false));
    assert_eq!(searched("3pc", &Limits::progress(1, 0, 0)), (17_404, None, false));
}

#[test]
fn three_phases_are_unsafe_once_a_message_may_be_late() {
    let model = row("3pc").model(Scope::ONE_ORDER);
    let violation = explore(&model, &Limits::safety(0)).violation.expect("a violation");
    assert_eq!((violation.broken.property, violation.path.len()), ("AC1", 9));
}

#[test]
fn paxos_commit_goes_on_with_one_gone_and_waits_with_two() {
    assert_eq!(searched("paxos-commit", &for_good(1)), (43_871, None, false));
    let model = row("paxos-commit").model(Scope::ONE_ORDER);
    let two_gone = "deliver web-1 coord\ndeliver coord stock\ncrash coord\ncrash coord-2\n";
    let asks = "timeout stock\nrun\ntimeout coord-3\nrun\n".repeat(4);
    let play = lab::script::Play::new(model, "").run(&format!("{two_gone}{asks}"));
    let play = play.expect("it can happen");
    let stock = play.world().line(STOCK);
    assert!(stock.contains("in doubt"), "{stock}");
}

#[test]
fn a_coordinator_that_was_replaced_changes_nothing() {
    let limits = Limits { timeouts: Some(1), ..Limits::safety(1) };
    let (states, broken, _) = searched("fencing", &limits);
    assert_eq!((states, broken), (47_737, None));
}

/// With step 3 the others wait where both are in doubt, and where one has not received its message
/// yet.
#[test]
fn every_crash_point_of_every_design_ends_as_counted() {
    let counted = |id: &str| crash_points(study(), id);
    let fine = CrashPoints::default();
    let step2 = CrashPoints {
        points: 34,
        waiting: 4,
        unsafe_points: 4,
        pairs: 88,
        unsafe_pairs: 53,
        stuck_pairs: 54,
        ..fine
    };
    assert_eq!(counted("step2"), step2);
    assert_eq!(counted("step3"), CrashPoints { points: 38, waiting: 5, pairs: 124, ..fine });
    assert_eq!(counted("termination"), CrashPoints { points: 38, waiting: 3, pairs: 139, ..fine });
    assert_eq!(counted("3pc"), CrashPoints { points: 53, pairs: 287, ..fine });
    assert_eq!(counted("paxos-commit"), CrashPoints { points: 55, pairs: 518, ..fine });
    assert_eq!(
        counted("decision-store"),
        CrashPoints { points: 45, waiting: 2, pairs: 211, ..fine }
    );
    assert_eq!(counted("fencing"), CrashPoints { points: 53, waiting: 4, pairs: 319, ..fine });
}

#[test]
fn each_participant_is_told_the_others_whether_or_not_the_question_waits_for_the_disk() {
    let mut coordinator = termination::Coordinator::new(step4::Coordinator::default());
    let (me, client) = (COORD, NodeId(10));
    react(&mut coordinator, me, Duration::ZERO, Input::Boot { start: 1 });
    let msg = Msg::Submit { key: Key::new("k"), order: umbrella(2) };
    let input = Input::Message { from: client, msg };
    let sent = react(&mut coordinator, me, Duration::ZERO, input);
    let peers = sent.into_iter().filter_map(|effect| match effect {
        Effect::Send { msg, .. } | Effect::SendAhead { msg, .. } => Some(msg),
        _ => None,
    });
    let peers = peers.map(|msg| match msg {
        Msg::Deeper(Deeper::Prepare { peers, .. }) => peers.to_vec(),
        other => panic!("{other} names no participants"),
    });
    assert_eq!(peers.collect::<Vec<_>>(), [[STOCK, PAY], [STOCK, PAY]]);
}

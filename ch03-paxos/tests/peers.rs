//! Another explorer, stateright, runs the same nodes and must come to the same verdicts: without
//! crashes, after visiting exactly as many states.

use std::collections::BTreeSet;

use ch03_paxos::designs::scenes::PROMISED;
use ch03_paxos::designs::{CONSENSUS, row};
use ch03_paxos::group::{AnyNode, Paxos};
use ch03_paxos::invariants::Ledger;
use ch03_paxos::step4_durable::{Acceptor, Proposer};
use ch03_paxos::types::Record;
use ch03_paxos::worlds::{Crashing, Nodes, Scope, wanted};
use lab::explore::{Limits, Model, Search};
use lab::node::Changed;
use lab::script::Play;
use lab::stateright::{Bounds, Checked, check};
use lab::world::Wire;
use lab::{Effect, Node};

/// AGREE, asked of the nodes.
fn agree(nodes: &[&AnyNode]) -> bool {
    let learned = nodes.iter().filter_map(|node| node.summary().learned);
    learned.collect::<BTreeSet<_>>().len() <= 1
}

/// Both proposers ask for acceptance, each with promises of two replicas, and some of their messages are
/// lost.
const ASKED: &str = "deliver web-1 replica-1
deliver web-1 replica-2
deliver web-2 replica-1
deliver web-2 replica-2
lose web-1 replica-3
lose web-2 replica-3
deliver replica-1 web-1
deliver replica-2 web-1
deliver replica-1 web-2
deliver replica-2 web-2
lose web-1 replica-1
lose web-1 replica-2
lose web-2 replica-2";

/// What both explorers say about what may follow in a world whose timers expire so often.
fn both(
    world: &Model<Paxos, Ledger>,
    opening: &str,
    (timeouts, crashes): (u8, u8),
) -> (Checked, Checked) {
    let begun = Play::new(world.clone(), "").run(opening).expect("a script");
    let bounds = Bounds { timeouts: Some(timeouts), crashes, holds: agree };
    let theirs = check(begun.world(), bounds);
    let limits = Limits {
        wire: Wire::Bag,
        cuts: false,
        timeouts: Some(timeouts),
        states: 1_000_000,
        ..Limits::safety(crashes)
    };
    let report = Search::from_world(world, &limits, begun.world()).finish();
    assert!(!report.gave_up);
    let ours = Checked { states: report.graph.states(), holds: report.violation.is_none() };
    println!("{ours:?} {theirs:?}");
    (ours, theirs)
}

fn world(id: &str) -> Model<Paxos, Ledger> {
    row(id).model(Scope::TWO.crashing(Crashing::OneReplica))
}

#[test]
fn both_visit_all_states_of_two_ballots() {
    let (ours, theirs) = both(&world("step4"), "", (0, 0));
    assert!(ours.holds);
    assert_eq!(theirs, ours);
}

#[test]
fn both_visit_all_states_that_may_follow_with_three_ballots() {
    let (ours, theirs) = both(&world("step4"), ASKED, (1, 0));
    assert!(ours.holds);
    assert_eq!(theirs, ours);
}

#[test]
fn both_find_step_4_safe_if_a_replica_restarts() {
    let (ours, theirs) = both(&world("step4"), "", (0, 1));
    assert!(ours.holds && theirs.holds);
}

#[test]
fn both_find_that_step_3_forgets() {
    let (ours, theirs) = both(&world("step3"), PROMISED, (0, 1));
    assert!(!ours.holds && !theirs.holds);
}

#[test]
fn both_find_that_promises_have_to_be_on_disk() {
    let forgets = Nodes::Group {
        proposer: |group, i| AnyNode::new(Proposer::new(group, wanted(i))),
        acceptor: |group| {
            AnyNode::new(Changed::new(AnyNode::new(Acceptor::new(group))).asks(
                |effect| match effect {
                    Effect::Persist(Record::Promised(_)) => None,
                    other => Some(other),
                },
            ))
        },
    };
    let world = forgets.model(Scope::TWO.crashing(Crashing::OneReplica), CONSENSUS);
    let (ours, theirs) = both(&world, PROMISED, (0, 1));
    assert!(!ours.holds && !theirs.holds);
}

//! Two coordinators and a store that keeps the first row of each key. Both halves are needed: that the
//! store keeps the first row, and that a coordinator that does not know asks it.

use std::collections::BTreeSet;

use ch02_two_phase_commit::deeper::Msg as Deeper;
use ch02_two_phase_commit::deeper::decision_store::{self, STORE};
use ch02_two_phase_commit::designs::{ATOMIC, row};
use ch02_two_phase_commit::shop::{AnyNode, Cx, Effect, Input, Shop, Summary};
use ch02_two_phase_commit::step4_isolation as step4;
use ch02_two_phase_commit::types::{Msg, PAY, Record, STOCK};
use ch02_two_phase_commit::worlds::{Nodes, Scope};
use lab::explore::{Edge, Limits, explore};
use lab::world::{Action, Transition};
use lab::{Node, NodeId};

const STORED: Nodes = Nodes {
    standbys: decision_store::STANDBYS,
    endpoints: decision_store::ENDPOINTS,
    ..Nodes::new(
        || AnyNode::new(decision_store::Coordinator::default()),
        |accounts| {
            AnyNode::new(decision_store::Participant::new(step4::Participant::new(accounts)))
        },
    )
};

/// A store that keeps nothing: it answers each coordinator with its own row.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Agreeing(decision_store::Coordinator);

impl Node for Agreeing {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Message { from, msg: Msg::Deeper(Deeper::Decide { record }) } => {
                cx.send(from, Msg::Deeper(Deeper::Decision { record }));
            }
            other => self.0.step(other, cx),
        }
    }

    fn summary(&self) -> Summary {
        self.0.summary()
    }
}

/// A coordinator that presumes *abort* of what it does not know, as step 4 does, and asks nobody.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Presuming(decision_store::Coordinator);

impl Node for Presuming {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        for effect in cx.capture(|cx| self.0.step(input, cx)) {
            if let Effect::Send { msg: Msg::Deeper(Deeper::Decide { record }), .. } = &effect
                && let Record::Decided { tx, order, .. } = &**record
                && order.0.is_empty()
            {
                [STOCK, PAY].into_iter().for_each(|id| cx.send(id, Msg::Abort { tx: *tx }));
            } else {
                cx.push(effect);
            }
        }
    }

    fn summary(&self) -> Summary {
        self.0.summary()
    }
}

/// The length of a shortest schedule that breaks a promise when no process crashes, and how many states
/// there are. With two timers a participant asks, and the other coordinator has waited for long enough.
fn shortest(design: &Nodes) -> (Option<usize>, usize) {
    let limits = Limits { timeouts: Some(2), states: 1_000_000, ..Limits::safety(0) };
    let report = explore(&design.model(Scope::ONE_ORDER, ATOMIC), &limits);
    assert!(!report.gave_up, "more than {} states", limits.states);
    (report.violation.map(|violation| violation.path.len()), report.graph.states())
}

#[test]
fn with_the_store_two_coordinators_never_decide_twice() {
    assert_eq!(shortest(&STORED), (None, 696_679));
}

#[test]
fn a_store_that_agrees_with_whoever_asks_lets_them_decide_twice() {
    let design = STORED.with_coordinator(|| AnyNode::new(Agreeing::default()));
    assert_eq!(shortest(&design).0, Some(14));
}

#[test]
fn a_coordinator_that_presumes_abort_takes_back_what_the_other_one_committed() {
    let design = STORED.with_coordinator(|| AnyNode::new(Presuming::default()));
    assert_eq!(shortest(&design).0, Some(12));
}

/// How many states there are within these limits, and which process those wait for that are stuck.
fn searched(limits: &Limits) -> (usize, BTreeSet<NodeId>) {
    let model = row("decision-store").model(Scope::ONE_ORDER);
    let report = explore(&model, &limits.with_edges());
    assert!(!report.gave_up, "more than {} states", limits.states);
    assert_eq!(report.violation.as_ref().map(|violation| &violation.broken), None);
    let stuck = report.graph.stuck(&[Edge::Work]);
    let actions = stuck.iter().flat_map(|state| report.graph.path(*state));
    let crashed = actions.filter_map(|Action { transition, cut }| {
        let crash = cut.is_some() || matches!(transition, Transition::Crash { .. });
        transition.node().filter(|_| crash)
    });
    (report.graph.states(), crashed.collect())
}

#[test]
fn with_one_process_gone_it_is_atomic_and_only_the_store_is_waited_for() {
    let for_good = Limits { restarts: false, ..Limits::progress(1, 0, 0) };
    assert_eq!(searched(&for_good), (21_056, BTreeSet::from([STORE])));
}

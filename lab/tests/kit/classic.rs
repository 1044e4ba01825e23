//! The classic model of two-phase commit (Gray and Lamport, *Consensus on transaction commit*,
//! 2006, appendix): no crashes, no log, no prepare message. Others have counted its states: 288 with
//! three resource managers (the TLA+ examples and stateright), 8,832 with five, 665 of those
//! with symmetry (stateright). A different count here would mean a wrong explorer.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use lab::explore::{Limits, Model, enabled, explore};
use lab::node::{Cx, Input, Node, NodeId};
use lab::world::{Action, Role, What, World};

const MANAGER: NodeId = NodeId(0);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Msg {
    Prepared,
    Commit,
    Abort,
}

/// Things a node does on its own, whenever it likes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Whim {
    Prepare,
    Abort,
    Commit,
}

macro_rules! display_as_debug {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self:?}")
            }
        }
    )*};
}
display_as_debug!(Msg, Whim);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum State {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Party {
    Manager { state: State, prepared: BTreeSet<NodeId>, parties: u64 },
    Resource(State),
}

fn whenever() -> std::ops::Range<Duration> {
    Duration::ZERO..Duration::from_secs(1)
}

impl Node for Party {
    type Msg = Msg;
    type Timer = Whim;
    type Record = Msg;
    type Note = Msg;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        match self {
            Self::Manager { state, prepared, parties } => {
                manager(state, prepared, *parties, input, cx);
            }
            Self::Resource(state) => resource(state, input, cx),
        }
    }
}

fn manager(
    state: &mut State,
    prepared: &mut BTreeSet<NodeId>,
    parties: u64,
    input: Input<Party>,
    cx: &mut Cx<Party>,
) {
    let everyone = (1..=parties).map(NodeId);
    match input {
        Input::Boot { .. } => cx.set_timer(Whim::Abort, whenever()),
        Input::Message { from, .. } if *state == State::Working => {
            prepared.insert(from);
            if prepared.len() as u64 == parties {
                cx.set_timer(Whim::Commit, whenever());
            }
        }
        Input::Timeout(whim) => {
            cx.cancel_timer(Whim::Abort);
            cx.cancel_timer(Whim::Commit);
            let (decided, word) = if whim == Whim::Commit {
                (State::Committed, Msg::Commit)
            } else {
                (State::Aborted, Msg::Abort)
            };
            *state = decided;
            everyone.for_each(|party| cx.send(party, word.clone()));
        }
        Input::Message { .. } | Input::Replay(_) | Input::Gone(_) => {}
    }
}

fn resource(state: &mut State, input: Input<Party>, cx: &mut Cx<Party>) {
    match input {
        Input::Boot { .. } => {
            cx.set_timer(Whim::Prepare, whenever());
            cx.set_timer(Whim::Abort, whenever());
            return;
        }
        Input::Timeout(Whim::Prepare) => {
            *state = State::Prepared;
            cx.send(MANAGER, Msg::Prepared);
        }
        Input::Timeout(_) => *state = State::Aborted,
        Input::Message { msg: Msg::Commit, .. } => *state = State::Committed,
        Input::Message { .. } => *state = State::Aborted,
        Input::Replay(_) | Input::Gone(_) => {}
    }
    cx.cancel_timer(Whim::Prepare);
    cx.cancel_timer(Whim::Abort);
}

fn states<'a>(world: &'a World<Party, ()>) -> impl Iterator<Item = State> + 'a {
    world.nodes().filter_map(|(_, node)| match node {
        Party::Resource(state) => Some(*state),
        Party::Manager { .. } => None,
    })
}

fn consistent(world: &World<Party, ()>) -> Result<(), String> {
    let both =
        states(world).any(|s| s == State::Committed) && states(world).any(|s| s == State::Aborted);
    if both { Err("one committed, another aborted".into()) } else { Ok(()) }
}

fn model(parties: u64) -> Model<Party, ()> {
    let manager = Party::Manager { state: State::Working, prepared: BTreeSet::new(), parties };
    let role = |id, name, program| Role { id, name, role: name, program, may_crash: false };
    let mut roles = vec![role(MANAGER, "coord", manager)];
    roles.extend((1..=parties).map(|i| role(NodeId(i), "stock", Party::Resource(State::Working))));
    Model {
        roles,
        observe: |_, _, _| {},
        describe: |node| format!("{node:?}"),
        always: vec![("consistent", consistent)],
        steps: Vec::new(),
        sometimes: vec![
            ("all commit", |w| states(w).all(|s| s == State::Committed)),
            ("all abort", |w| states(w).all(|s| s == State::Aborted)),
        ],
        goal: |w| {
            states(w).all(|s| s == State::Committed) || states(w).all(|s| s == State::Aborted)
        },
        symmetry: None,
    }
}

#[test]
fn three_resource_managers_have_288_states() {
    let report = explore(&model(3), &Limits::safety(0));
    assert_eq!(report.graph.states(), 288);
    assert!(report.violation.is_none() && report.never.is_empty() && !report.gave_up);
}

#[test]
fn five_resource_managers_have_8832_states() {
    assert_eq!(explore(&model(5), &Limits::safety(0)).graph.states(), 8_832);
}

/// Resource managers are interchangeable. For each: its state, whether the manager heard of it, and
/// whether it said it is prepared.
fn situations(world: &World<Party, ()>) -> (State, Vec<(State, bool, bool)>) {
    let Some(Party::Manager { state, prepared, .. }) = world.node(MANAGER) else {
        panic!("the manager never crashes")
    };
    let said = |id| world.network().in_flight().any(|envelope| envelope.from == id);
    let resources = world.nodes().filter_map(|(id, node)| match node {
        Party::Resource(state) => Some((*state, prepared.contains(&id), said(id))),
        Party::Manager { .. } => None,
    });
    (*state, resources.collect())
}

/// Sorted by state alone, as stateright's example does it: resource managers in the same state keep
/// their order, so some states that differ only by a renaming are still counted twice.
fn sorted_by_state(world: &World<Party, ()>) -> u128 {
    let (manager, mut resources) = situations(world);
    resources.sort_by_key(|(state, ..)| *state);
    lab::fingerprint(&(manager, resources))
}

/// Sorted by all there is to know about each: one representative for each set of equal states.
fn sorted_by_all(world: &World<Party, ()>) -> u128 {
    let (manager, mut resources) = situations(world);
    resources.sort_unstable();
    lab::fingerprint(&(manager, resources))
}

/// The place of an action in the order in which stateright's example lists them: the manager decides;
/// then for each resource manager: the manager hears of it, it prepares, it aborts, it is told.
fn published_order(what: &What<Party>) -> (u64, u8) {
    match what {
        What::Timeout(MANAGER, Whim::Commit) => (0, 0),
        What::Timeout(MANAGER, _) => (0, 1),
        What::Deliver { envelope, .. } if envelope.to == MANAGER => (envelope.from.0, 0),
        What::Timeout(id, Whim::Prepare) => (id.0, 1),
        What::Timeout(id, _) => (id.0, 2),
        What::Deliver { envelope, .. } => (envelope.to.0, 3),
        other => panic!("the classic model knows no {other:?}"),
    }
}

/// A representative that is not the same for all equal states makes the count depend on the order of
/// the search, so the published count needs the published search: depth first, last action first.
#[test]
fn with_the_published_symmetry_and_search_five_have_665_states() {
    let limits = Limits::safety(0);
    let first = World::new(model(5).stage(limits.wire, false), &mut ());
    let mut met = BTreeSet::from([sorted_by_state(&first)]);
    let mut stack = vec![first];
    while let Some(world) = stack.pop() {
        let mut actions = enabled(&world, &limits).0;
        actions.sort_by_key(published_order);
        for what in actions {
            let mut next = world.clone();
            next.apply(&Action::new(what), Duration::ZERO, &mut ());
            if met.insert(sorted_by_state(&next)) {
                stack.push(next);
            }
        }
    }
    assert_eq!(met.len(), 665);
}

#[test]
fn with_full_symmetry_five_have_314_states() {
    let model = Model { symmetry: Some(sorted_by_all), ..model(5) };
    assert_eq!(explore(&model, &Limits::safety(0)).graph.states(), 314);
}

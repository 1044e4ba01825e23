//! The classic model of two-phase commit (Gray and Lamport, *Consensus on transaction commit*,
//! 2006, appendix): no crashes, no log, no prepare message. Others have counted its states: 288 with
//! three resource managers (the TLA+ examples and stateright), 8,832 with five, 665 of those
//! with symmetry (stateright). A different count here would mean a wrong explorer.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use lab::explore::Model;
use lab::node::{Cx, Input, Node, NodeId, Protocol};
use lab::world::{Role, World};
use serde::{Deserialize, Serialize};

pub(crate) const MANAGER: NodeId = NodeId(0);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Msg {
    Prepared,
    Commit,
    Abort,
}

/// Things a node does on its own, whenever it likes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Whim {
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
pub(crate) enum State {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Party {
    Manager { state: State, prepared: BTreeSet<NodeId>, parties: u64 },
    Resource(State),
}

fn whenever() -> std::ops::Range<Duration> {
    Duration::ZERO..Duration::from_secs(1)
}

/// The vocabulary of the model; nothing is persisted and nothing noted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Classic;

impl Protocol for Classic {
    type Msg = Msg;
    type Timer = Whim;
    type Record = Msg;
    type Note = Msg;
    type Summary = String;
}

impl Node for Party {
    type Protocol = Classic;

    fn step(&mut self, input: Input<Classic>, cx: &mut Cx<'_, Classic>) {
        match self {
            Self::Manager { state, prepared, parties } => {
                manager(state, prepared, *parties, input, cx);
            }
            Self::Resource(state) => resource(state, input, cx),
        }
    }

    fn summary(&self) -> String {
        format!("{self:?}")
    }
}

fn manager(
    state: &mut State,
    prepared: &mut BTreeSet<NodeId>,
    parties: u64,
    input: Input<Classic>,
    cx: &mut Cx<'_, Classic>,
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
        Input::Message { .. } | Input::Replay(_) | Input::Disconnected(_) => {}
    }
}

fn resource(state: &mut State, input: Input<Classic>, cx: &mut Cx<'_, Classic>) {
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
        Input::Replay(_) | Input::Disconnected(_) => {}
    }
    cx.cancel_timer(Whim::Prepare);
    cx.cancel_timer(Whim::Abort);
}

fn states<'a>(world: &'a World<Classic, ()>) -> impl Iterator<Item = State> + 'a {
    world.nodes().filter_map(|(_, node)| match node.downcast_ref()? {
        Party::Resource(state) => Some(*state),
        Party::Manager { .. } => None,
    })
}

fn consistent(world: &World<Classic, ()>) -> Result<(), String> {
    let both =
        states(world).any(|s| s == State::Committed) && states(world).any(|s| s == State::Aborted);
    if both { Err("one committed, another aborted".into()) } else { Ok(()) }
}

pub(crate) fn model(parties: u64) -> Model<Classic, ()> {
    let manager = Party::Manager { state: State::Working, prepared: BTreeSet::new(), parties };
    let resource = |i| Role::new(NodeId(i), "stock", "stock", Party::Resource(State::Working));
    let roles = std::iter::once(Role::new(MANAGER, "coord", "coord", manager));
    Model {
        always: vec![("consistent", consistent)],
        sometimes: vec![
            ("all commit", |w| states(w).all(|s| s == State::Committed)),
            ("all abort", |w| states(w).all(|s| s == State::Aborted)),
        ],
        goal: |w| {
            states(w).all(|s| s == State::Committed) || states(w).all(|s| s == State::Aborted)
        },
        ..Model::new(roles.chain((1..=parties).map(resource)).collect())
    }
}

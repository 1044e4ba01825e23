//! Many decisions on the same processes: a node of steps 2 to 5 for each put, under the put's number.
//! Steps 6 and 7 are what makes this unnecessary.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use ch03_paxos::group::{AnyNode, Input, Paxos};
use ch03_paxos::types::{Msg, Note, Record, Timer};
use lab::{Cx, Effect, Node, NodeId, Protocol};
use serde::{Deserialize, Serialize};

/// What belongs to the decision with this number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Numbered<T>(pub(crate) u64, pub(crate) T);

impl<T: Display> Display for Numbered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0, self.1)
    }
}

/// The proposers or the acceptors of all decisions in one process, and their vocabulary.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Decisions {
    /// A node before its decision.
    blank: AnyNode,
    nodes: BTreeMap<u64, AnyNode>,
    /// Who is to be told.
    clients: BTreeMap<u64, NodeId>,
    start: u64,
}

impl Protocol for Decisions {
    type Msg = Numbered<Msg>;
    type Timer = Numbered<Timer>;
    type Record = Numbered<Record>;
    type Note = Numbered<Note>;
    type Summary = String;
}

impl Decisions {
    /// None yet.
    pub(crate) fn of(blank: AnyNode) -> Self {
        Self { blank, nodes: BTreeMap::new(), clients: BTreeMap::new(), start: 0 }
    }

    fn pass(&mut self, n: u64, input: Input, cx: &mut Cx<'_, Self>) {
        let node = self.nodes.entry(n).or_insert_with(|| self.blank.clone());
        let (mut marks, mut effects) = (0, Vec::new());
        node.step(input, &mut lab::Cx::new(cx.me(), cx.now(), &mut marks, &mut effects));
        for effect in effects {
            self.carry_out(n, effect, cx);
        }
    }

    fn carry_out(&mut self, n: u64, effect: Effect<Paxos>, cx: &mut Cx<'_, Self>) {
        match effect {
            Effect::Send { to, msg } => cx.send(to, Numbered(n, msg)),
            Effect::SendAhead { to, msg } => cx.send_ahead(to, Numbered(n, msg)),
            Effect::Persist(record) => cx.persist(Numbered(n, record)),
            Effect::SetTimer { timer, after } => cx.set_timer(Numbered(n, timer), after),
            Effect::CancelTimer(timer) => cx.cancel_timer(Numbered(n, timer)),
            Effect::Note(Note::Learned(value)) => {
                if let Some(client) = self.clients.remove(&n) {
                    cx.send(client, Numbered(n, Msg::Written { value }));
                }
            }
            Effect::Note(note) => cx.note(Numbered(n, note)),
            Effect::Mark(_)
            | Effect::DiscardBefore(_)
            | Effect::Connect { .. }
            | Effect::Disconnect(_) => unreachable!("steps 2 to 5 do none of these"),
        }
    }
}

impl Node for Decisions {
    type Protocol = Self;

    fn step(&mut self, input: lab::Input<Self>, cx: &mut Cx<'_, Self>) {
        match input {
            lab::Input::Replay(Numbered(n, record)) => self.pass(n, Input::Replay(record), cx),
            lab::Input::Boot { start } => self.start = start,
            // A client's put begins the decision.
            lab::Input::Message { from, msg: Numbered(n, Msg::Write { .. }) } => {
                self.clients.insert(n, from);
                self.pass(n, Input::Boot { start: self.start }, cx);
            }
            lab::Input::Message { from, msg: Numbered(n, msg) } => {
                self.pass(n, Input::Message { from, msg }, cx);
            }
            lab::Input::Timeout(Numbered(n, timer)) => self.pass(n, Input::Timeout(timer), cx),
            lab::Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> String {
        format!("{} decisions", self.nodes.len())
    }
}

//! A store with one node that decides, the first one: the others send requests on to it. Some of its
//! forms are wrong.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::ops::Range;
use std::time::Duration;

use lab::maelstrom::{Answer, Code, Group, LinKv, Operation};
use lab::{AnyNode, Cx, Input, Node, NodeId, Protocol};
use serde::{Deserialize, Serialize};

/// For the answer of the node that decides.
const GIVE_UP: Range<Duration> = Duration::from_millis(300)..Duration::from_millis(400);

/// How the store is wrong, if it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Form {
    Correct,
    /// The others answer reads from copies.
    StaleCopies,
    /// A write is acknowledged and kept in memory.
    InMemory,
    /// Answers for certain that nothing was done, and it may be done.
    FalseAbort,
    /// Waits for the node that decides, however long that takes.
    WithoutTimer,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Op {
    Read { key: String },
    Write { key: String, value: String },
    Cas { key: String, from: String, to: String },
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Value(String),
    Done,
    NoKey,
    OtherValue,
    Unknown,
    Aborted,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Msg {
    Request { number: u64, op: Op },
    Forward { client: NodeId, number: u64, op: Op },
    Answer { number: u64, outcome: Outcome },
    Copy { key: String, value: String },
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct GiveUp {
    client: NodeId,
    number: u64,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Set {
    key: String,
    value: String,
}

macro_rules! display_as_debug {
    ($($t:ty),*) => {$(impl Display for $t {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{self:?}") }
    })*};
}
display_as_debug!(Msg, GiveUp, Set);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Words;

impl Protocol for Words {
    type Msg = Msg;
    type Timer = GiveUp;
    type Record = Set;
    type Note = String;
    type Summary = String;
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Register {
    form: Form,
    group: Vec<NodeId>,
    values: BTreeMap<String, String>,
}

impl Register {
    pub(crate) fn of(form: Form, group: &Group) -> AnyNode<Words> {
        AnyNode::new(Self { form, group: group.all.clone(), values: BTreeMap::new() })
    }

    fn decide(&mut self, op: Op, cx: &mut Cx<'_, Words>) -> Outcome {
        let (key, value) = match op {
            Op::Read { key } => {
                return self.values.get(&key).cloned().map_or(Outcome::NoKey, Outcome::Value);
            }
            Op::Write { key, value } => (key, value),
            Op::Cas { key, from, to } => match self.values.get(&key) {
                None => return Outcome::NoKey,
                Some(value) if *value != from => return Outcome::OtherValue,
                Some(_) => (key, to),
            },
        };
        self.values.insert(key.clone(), value.clone());
        if self.form != Form::InMemory {
            cx.persist(Set { key: key.clone(), value: value.clone() });
        }
        if self.form == Form::StaleCopies {
            for other in self.group.iter().skip(1) {
                cx.send(*other, Msg::Copy { key: key.clone(), value: value.clone() });
            }
        }
        Outcome::Done
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx<'_, Words>) {
        let decides = self.group[0];
        match msg {
            Msg::Request { number, op: op @ Op::Read { .. } }
                if self.form == Form::StaleCopies && cx.me() != decides =>
            {
                let outcome = self.decide(op, cx);
                cx.send(from, Msg::Answer { number, outcome });
            }
            Msg::Request { number, op } if cx.me() != decides => {
                cx.send(decides, Msg::Forward { client: from, number, op });
                if self.form != Form::WithoutTimer {
                    cx.set_timer(GiveUp { client: from, number }, GIVE_UP);
                }
            }
            Msg::Request { number, op } => {
                let outcome = self.decide(op, cx);
                cx.send(from, Msg::Answer { number, outcome });
            }
            Msg::Forward { client, number, op } => {
                let outcome = self.decide(op, cx);
                cx.send(client, Msg::Answer { number, outcome });
            }
            Msg::Copy { key, value } => drop(self.values.insert(key, value)),
            Msg::Answer { .. } => {}
        }
    }
}

impl Node for Register {
    type Protocol = Words;

    fn step(&mut self, input: Input<Words>, cx: &mut Cx<'_, Words>) {
        match input {
            Input::Replay(Set { key, value }) => drop(self.values.insert(key, value)),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(GiveUp { client, number }) => {
                let false_abort = self.form == Form::FalseAbort;
                let outcome = if false_abort { Outcome::Aborted } else { Outcome::Unknown };
                cx.send(client, Msg::Answer { number, outcome });
            }
            Input::Boot { .. } | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> String {
        format!("{} keys", self.values.len())
    }
}

/// How clients ask a [`Register`].
pub(crate) struct Interface;

impl LinKv for Interface {
    type Protocol = Words;

    fn node(place: usize) -> NodeId {
        NodeId(place as u64 + 1)
    }

    fn request(number: u64, operation: Operation) -> Msg {
        let op = match operation {
            Operation::Read { key } => Op::Read { key },
            Operation::Write { key, value } => Op::Write { key, value },
            Operation::Cas { key, from, to } => Op::Cas { key, from, to },
        };
        Msg::Request { number, op }
    }

    fn answer(msg: Msg) -> Option<(u64, Answer)> {
        let Msg::Answer { number, outcome } = msg else { return None };
        let error = |code, text: &str| Answer::Error { code, text: text.into() };
        let answer = match outcome {
            Outcome::Value(value) => Answer::Value(value),
            Outcome::Done => Answer::Done,
            Outcome::NoKey => error(Code::KeyDoesNotExist, "no such key"),
            Outcome::OtherValue => error(Code::PreconditionFailed, "it has another value"),
            Outcome::Unknown => error(Code::Crash, "it may be done"),
            Outcome::Aborted => error(Code::Abort, "it is not done"),
        };
        Some((number, answer))
    }
}

//! The workload: clients that write a value, or read what is written.
//!
//! They are nodes like all others and take part in every model: the client who was told "written" is
//! the witness that something was lost. In steps 2 to 5 the proposers are the clients.

mod store;

use std::collections::VecDeque;

use lab::{Node, NodeId};

use crate::group::{Cx, Group, Input, Paxos, Summary};
use crate::types::log::{Command, Msg as Log};
use crate::types::{Msg, Timer, Value, wait};
pub use store::{COUNTER, StoreClient, counting};

/// One thing that a client of step 1 does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Writes this.
    Write(Value),
    /// Reads.
    Read,
    /// Does nothing for a moment.
    Wait,
}

/// A client of step 1. Does one thing after the other, each until it is answered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Client {
    /// What is still to be done; the first is being asked for.
    ops: VecDeque<Op>,
    /// Whom it asks: the first, and after each silence the next.
    replicas: VecDeque<NodeId>,
    /// What the last answer was.
    told: Option<String>,
}

impl Client {
    /// A client that does this.
    #[must_use]
    pub fn new(group: &Group, ops: &[Op]) -> Self {
        let replicas = group.replicas.iter().copied().collect();
        Self { ops: ops.iter().cloned().collect(), replicas, told: None }
    }

    /// Whether everything is answered.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.ops.is_empty()
    }

    fn ask(&self, cx: &mut Cx) {
        let msg = match self.ops.front() {
            Some(Op::Write(value)) => Msg::Write { value: value.clone() },
            Some(Op::Read) => Msg::Read,
            Some(Op::Wait) => return cx.set_timer(Timer::Next, wait::NEXT),
            None => return,
        };
        cx.send(self.replicas[0], msg);
        cx.set_timer(Timer::Retry, wait::RETRY);
    }

    fn on_answer(&mut self, msg: &Msg, cx: &mut Cx) {
        let is_expected = match (self.ops.front(), msg) {
            (Some(Op::Write(asked)), Msg::Written { value }) => asked == value,
            (Some(Op::Read), Msg::Have { .. }) => true,
            _ => false,
        };
        if is_expected {
            self.ops.pop_front();
            self.told = Some(msg.to_string());
            cx.cancel_timer(Timer::Retry);
            self.ask(cx);
        }
    }
}

impl Node for Client {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } => self.ask(cx),
            Input::Timeout(Timer::Next) => {
                self.ops.pop_front();
                self.ask(cx);
            }
            Input::Timeout(_) => {
                self.replicas.rotate_left(1);
                self.ask(cx);
            }
            Input::Message { msg, .. } => self.on_answer(&msg, cx),
            Input::Replay(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::of(self.told.clone().unwrap_or_else(|| "waits".into()))
    }
}

/// A client of a log. Asks for one command after the other, each until it is answered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Writer {
    /// What is still to be done; the first is being asked for.
    values: VecDeque<Value>,
    /// Which command the first one is.
    seq: u64,
    /// Whom it asks: the first, and after each silence the next.
    replicas: VecDeque<NodeId>,
}

impl Writer {
    /// A client that wants these values in the log, and begins with the replica of this number.
    #[must_use]
    pub fn new(group: &Group, first: usize, values: impl IntoIterator<Item = Value>) -> Self {
        let mut replicas: VecDeque<NodeId> = group.replicas.iter().copied().collect();
        replicas.rotate_left(first);
        Self { values: values.into_iter().collect(), seq: 1, replicas }
    }

    /// Whether everything is answered.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.values.is_empty()
    }

    fn ask(&self, cx: &mut Cx) {
        if let Some(value) = self.values.front() {
            let command = Command { client: cx.me(), seq: self.seq, value: value.clone() };
            cx.send(self.replicas[0], Msg::Log(Log::Request { command }));
            cx.set_timer(Timer::Retry, wait::RETRY);
        }
    }

    fn on_answer(&mut self, of: &Command, cx: &mut Cx) {
        if !self.is_done() && of.seq == self.seq {
            self.values.pop_front();
            self.seq += 1;
            cx.cancel_timer(Timer::Retry);
            self.ask(cx);
        }
    }
}

impl Node for Writer {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } => self.ask(cx),
            Input::Timeout(_) => {
                self.replicas.rotate_left(1);
                self.ask(cx);
            }
            Input::Message { msg: Msg::Log(Log::Answer { command, .. }), .. } => {
                self.on_answer(&command, cx);
            }
            Input::Message { .. } | Input::Replay(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::of(match self.values.front() {
            Some(value) => format!("waits for {value}"),
            None => "has its answers".into(),
        })
    }
}

//! The workload of step 1: clients that write a value, or read what is written.
//!
//! They are nodes like all others and take part in every model: the client who was told "written" is
//! the witness that something was lost. From step 2 on the proposers are the clients.

use std::collections::VecDeque;

use lab::{Node, NodeId};

use crate::group::{Cx, Group, Input, Paxos, Summary};
use crate::types::{Msg, Timer, Value, wait};

/// One thing that a client does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Writes this.
    Write(Value),
    /// Reads.
    Read,
    /// Does nothing for a moment.
    Wait,
}

/// Does one thing after the other, each until it is answered.
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

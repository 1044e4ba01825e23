//! # Write the acceptor
//! stars: 2
//! Write the two handlers of an acceptor, and what it reads back after a restart. Messages may come
//! late, twice, and in any order; the process may crash between any two lines, and comes back.
//! hint 1: A promise is about every lower ballot, in both phases. Which messages must get no answer?
//! hint 2: Whatever an answer says has to be on disk before the answer leaves.
//! hint 3: An acceptor that accepts a ballot has seen it: raise `promised` there too, and after a restart.

use ch03_paxos::group::{self, AnyNode, Cx, Group, Input, Paxos, Summary};
use ch03_paxos::types::{Ballot, Msg, Record, Value, Vote};
use lab::{Node, NodeId};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Acceptor {
    group: Group,
    /// The highest ballot that it has seen.
    promised: Option<Ballot>,
    /// What it accepted last.
    accepted: Option<Vote>,
}

impl Acceptor {
    /// Phase 1: answer with `Promise`, or not at all. The promise tells what was accepted.
    fn on_prepare(&mut self, from: NodeId, ballot: Ballot, cx: &mut Cx) {
        // SOLUTION-BEGIN
        if Some(ballot) <= self.promised {
            return;
        }
        self.promised = Some(ballot);
        cx.persist(Record::Promised(ballot));
        cx.send(from, Msg::Promise { ballot, accepted: self.accepted.clone() });
        // SOLUTION-END
        // STARTER: cx.send(from, Msg::Promise { ballot, accepted: None });
    }

    /// Phase 2: accept and tell, or do nothing.
    fn on_accept(&mut self, from: NodeId, ballot: Ballot, value: Value, cx: &mut Cx) {
        // SOLUTION-BEGIN
        if Some(ballot) < self.promised {
            return;
        }
        self.promised = Some(ballot);
        cx.persist(Record::Accepted(ballot, value.clone()));
        cx.send(from, Msg::Accepted { ballot, value: value.clone() });
        self.accepted = Some((ballot, value));
        // SOLUTION-END
        // STARTER: cx.send(from, Msg::Accepted { ballot, value });
    }

    /// One record of the log, oldest first. No effects here.
    fn on_replay(&mut self, record: Record) {
        // SOLUTION-BEGIN
        match record {
            Record::Promised(ballot) => self.promised = Some(ballot),
            Record::Accepted(ballot, value) => {
                self.promised = Some(ballot);
                self.accepted = Some((ballot, value));
            }
            other => group::foreign_record(&other),
        }
        // SOLUTION-END
    }
}

impl Node for Acceptor {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record),
            Input::Message { from, msg: Msg::Prepare { ballot } } => {
                self.on_prepare(from, ballot, cx);
            }
            Input::Message { from, msg: Msg::Accept { ballot, value } } => {
                self.on_accept(from, ballot, value, cx);
            }
            Input::Message { .. }
            | Input::Boot { .. }
            | Input::Timeout(_)
            | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::acceptor(self.promised, self.accepted.clone())
    }
}

impl Acceptor {
    fn new(group: Group) -> Self {
        Self { group, promised: None, accepted: None }
    }
}

pub fn check() -> Result<String, String> {
    ch03_paxos::exercises::acceptor(|group| AnyNode::new(Acceptor::new(group)))
}

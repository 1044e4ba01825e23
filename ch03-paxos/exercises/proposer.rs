//! # Build the proposer
//! stars: 3
//! Write a proposer of Paxos: its ballots, both phases, and when it learns what is chosen. The acceptors
//! are those of step 4. Its timer expires when it hears nothing; then it tries again. Its process may
//! restart and has no disk: `start` says which start this is. Note `Note::Learned` once it knows.
//! hint 1: Two attempts must never have the same ballot, not even two attempts of two starts.
//! hint 2: Answers may be late. Which attempt is this answer for, and from how many different replicas are there answers?
//! hint 3: Of the votes that a majority tells, adopt the value of the one with the highest ballot; your own value only if none is told.

use std::collections::BTreeSet;

use ch03_paxos::group::{AnyNode, Cx, Group, Input, Paxos, Summary};
use ch03_paxos::types::{Ballot, Msg, Note, Timer, Value, Vote, wait};
use ch03_paxos::worlds::wanted;
use lab::{Node, NodeId};

/// Where an attempt stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// Before the first attempt.
    Idle,
    /// Phase 1: who has promised, and the vote to adopt, as far as it is told.
    Preparing { promised: BTreeSet<NodeId>, highest: Option<Vote> },
    /// Phase 2: what is proposed, and who has accepted it.
    Accepting { value: Value, accepted: BTreeSet<NodeId> },
    /// The value is chosen.
    Learned(Value),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Proposer {
    group: Group,
    wanted: Value,
    start: u64,
    round: u32,
    phase: Phase,
}

impl Proposer {
    /// The ballot of the attempt that is under way. Compared by `round`, `node`, `start`.
    fn ballot(&self, cx: &Cx) -> Ballot {
        // SOLUTION-BEGIN
        Ballot { round: self.round, node: cx.me(), start: self.start }
        // SOLUTION-END
        // STARTER: Ballot { round: 1, node: cx.me(), start: 1 }
    }

    /// A new attempt: asks all replicas for promises, with `self.group.send_to_all`.
    fn prepare(&mut self, cx: &mut Cx) {
        // SOLUTION-BEGIN
        self.round += 1;
        self.phase = Phase::Preparing { promised: BTreeSet::new(), highest: None };
        self.group.send_to_all(&Msg::Prepare { ballot: self.ballot(cx) }, cx);
        // SOLUTION-END
        // STARTER: self.group.send_to_all(&Msg::Prepare { ballot: self.ballot(cx) }, cx);
        cx.set_timer(Timer::Retry, wait::RETRY);
    }

    /// Enough of these, and it asks all replicas to accept.
    fn on_promise(&mut self, from: NodeId, ballot: Ballot, accepted: Option<Vote>, cx: &mut Cx) {
        // SOLUTION-BEGIN
        let current = self.ballot(cx);
        let Phase::Preparing { promised, highest } = &mut self.phase else { return };
        if ballot != current {
            return;
        }
        promised.insert(from);
        if accepted > *highest {
            *highest = accepted;
        }
        if self.group.is_majority(promised) {
            let value = highest.take().map_or(self.wanted.clone(), |(_, value)| value);
            self.group.send_to_all(&Msg::Accept { ballot: current, value: value.clone() }, cx);
            self.phase = Phase::Accepting { value, accepted: BTreeSet::new() };
        }
        // SOLUTION-END
    }

    /// Enough of these, and the value is chosen: no more timer.
    fn on_accepted(&mut self, from: NodeId, ballot: Ballot, cx: &mut Cx) {
        // SOLUTION-BEGIN
        let current = self.ballot(cx);
        let Phase::Accepting { value, accepted } = &mut self.phase else { return };
        if ballot != current {
            return;
        }
        accepted.insert(from);
        if self.group.is_majority(accepted) {
            let value = value.clone();
            cx.cancel_timer(Timer::Retry);
            cx.note(Note::Learned(value.clone()));
            self.phase = Phase::Learned(value);
        }
        // SOLUTION-END
    }
}

impl Node for Proposer {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { start } => {
                self.start = start;
                self.prepare(cx);
            }
            Input::Timeout(_) => self.prepare(cx),
            Input::Message { from, msg: Msg::Promise { ballot, accepted } } => {
                self.on_promise(from, ballot, accepted, cx);
            }
            Input::Message { from, msg: Msg::Accepted { ballot, .. } } => {
                self.on_accepted(from, ballot, cx);
            }
            Input::Message { .. } | Input::Replay(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        match &self.phase {
            Phase::Learned(value) => Summary::learned(value),
            other => Summary::of(format!("round {}: {other:?}", self.round)),
        }
    }
}

impl Proposer {
    fn new(group: Group, wanted: Value) -> Self {
        Self { group, wanted, start: 0, round: 0, phase: Phase::Idle }
    }
}

pub fn check() -> Result<String, String> {
    ch03_paxos::exercises::proposer(|group, i| AnyNode::new(Proposer::new(group, wanted(i))))
}

//! Step 3: Paxos, in memory: before you propose, adopt what may already be chosen.
//!
//! A *ballot* names an attempt, and ballots have an order. A proposer first asks all acceptors to
//! *promise* that they will ignore every lower ballot, and to tell what they accepted last (phase 1).
//! Once a majority has promised, the proposer asks them to *accept* a value (phase 2): the one with
//! the highest ballot among those it was told, and only if there is none, its own. A value that a
//! majority accepted under one ballot is *chosen*.
//!
//! Why no second value is ever chosen: let `v` be chosen under ballot `b`, and let a proposer with a
//! higher ballot have a majority of promises. The two majorities share an acceptor. It accepted `v`
//! *before* it promised, or its promise would have made it ignore `b`. So the proposer is told of `v`,
//! or of a value with a ballot between the two, which for the same reason is `v` as well. (Lamport,
//! *Paxos Made Simple*, 2001, section 2.2.)
//!
//! What breaks: all of it is kept in memory. An acceptor that restarts has forgotten what it promised
//! and what it accepted.

use std::collections::BTreeSet;

use lab::{Node, NodeId};

use crate::group::{self, Cx, Group, Input, Paxos, Summary};
use crate::types::{Ballot, Msg, Note, Timer, Value, Vote, wait};

/// Where an attempt stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// Before the first attempt.
    Idle,
    /// Phase 1: these have promised, and this is the highest vote among what they told.
    Preparing { promised: BTreeSet<NodeId>, highest: Option<Vote> },
    /// Phase 2: these have accepted this value.
    Accepting { value: Value, accepted: BTreeSet<NodeId> },
    /// The value is chosen.
    Learned(Value),
}

/// Makes attempts until it learns what is chosen.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Proposer {
    group: Group,
    wanted: Value,
    start: u64,
    round: u32,
    phase: Phase,
}

impl Proposer {
    /// A proposer that wants this value to be chosen.
    #[must_use]
    pub fn new(group: Group, wanted: Value) -> Self {
        Self { group, wanted, start: 0, round: 0, phase: Phase::Idle }
    }

    fn ballot(&self, cx: &Cx) -> Ballot {
        Ballot { round: self.round, node: cx.me(), start: self.start }
    }

    fn prepare(&mut self, cx: &mut Cx) {
        self.round += 1;
        self.phase = Phase::Preparing { promised: BTreeSet::new(), highest: None };
        self.group.send_to_all(&Msg::Prepare { ballot: self.ballot(cx) }, cx);
        cx.set_timer(Timer::Retry, wait::RETRY);
    }

    // ANCHOR: on_promise
    fn on_promise(&mut self, from: NodeId, ballot: Ballot, accepted: Option<Vote>, cx: &mut Cx) {
        if ballot != self.ballot(cx) {
            return;
        }
        let Phase::Preparing { promised, highest } = &mut self.phase else { return };
        promised.insert(from);
        if accepted > *highest {
            *highest = accepted;
        }
        if self.group.is_majority(promised) {
            let value = highest.take().map_or(self.wanted.clone(), |(_, value)| value);
            self.group.send_to_all(&Msg::Accept { ballot, value: value.clone() }, cx);
            self.phase = Phase::Accepting { value, accepted: BTreeSet::new() };
        }
    }
    // ANCHOR_END: on_promise

    fn on_accepted(&mut self, from: NodeId, ballot: Ballot, cx: &mut Cx) {
        if ballot != self.ballot(cx) {
            return;
        }
        let Phase::Accepting { value, accepted } = &mut self.phase else { return };
        accepted.insert(from);
        if self.group.is_majority(accepted) {
            let value = value.clone();
            cx.cancel_timer(Timer::Retry);
            cx.note(Note::Learned(value.clone()));
            self.phase = Phase::Learned(value);
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Promise { ballot, accepted } => self.on_promise(from, ballot, accepted, cx),
            Msg::Accepted { ballot, .. } => self.on_accepted(from, ballot, cx),
            other => group::ignore(&other),
        }
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
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(_) => self.prepare(cx),
            Input::Replay(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let Self { wanted, round, .. } = self;
        match &self.phase {
            Phase::Idle => Summary::of(format!("wants {wanted}")),
            Phase::Preparing { promised, .. } => {
                Summary::of(format!("round {round}: {} promised; wants {wanted}", promised.len()))
            }
            Phase::Accepting { value, accepted } => {
                Summary::of(format!("round {round}: {} accepted {value}", accepted.len()))
            }
            Phase::Learned(value) => Summary::learned(value),
        }
    }
}

/// Promises and accepts. Keeps both in memory.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Acceptor {
    group: Group,
    promised: Option<Ballot>,
    accepted: Option<Vote>,
}

impl Acceptor {
    /// An acceptor that has promised nothing.
    #[must_use]
    pub fn new(group: Group) -> Self {
        Self { group, promised: None, accepted: None }
    }

    // ANCHOR: on_prepare
    fn on_prepare(&mut self, from: NodeId, ballot: Ballot, cx: &mut Cx) {
        if Some(ballot) <= self.promised {
            return;
        }
        self.promised = Some(ballot);
        cx.send(from, Msg::Promise { ballot, accepted: self.accepted.clone() });
    }
    // ANCHOR_END: on_prepare

    // ANCHOR: on_accept
    fn on_accept(&mut self, from: NodeId, ballot: Ballot, value: Value, cx: &mut Cx) {
        if Some(ballot) < self.promised {
            return;
        }
        self.promised = Some(ballot);
        self.accepted = Some((ballot, value.clone()));
        self.tell(from, ballot, value, cx);
    }
    // ANCHOR_END: on_accept

    fn tell(&self, proposer: NodeId, ballot: Ballot, value: Value, cx: &mut Cx) {
        for &learner in [proposer].iter().chain(self.group.learners.iter()) {
            cx.send(learner, Msg::Accepted { ballot, value: value.clone() });
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Prepare { ballot } => self.on_prepare(from, ballot, cx),
            Msg::Accept { ballot, value } => self.on_accept(from, ballot, value, cx),
            other => group::ignore(&other),
        }
    }
}

impl Node for Acceptor {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Replay(_) | Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::acceptor(self.promised, self.accepted.clone())
    }
}

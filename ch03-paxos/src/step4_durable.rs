//! Step 4: Paxos, on disk.
//!
//! Two records make the difference. An acceptor writes its promise before it sends it, and what it
//! accepts before it tells anyone. After a restart it reads both back, and is bound as before.
//!
//! A proposer needs no record. It may forget everything, because it can ask again. What it must not do
//! is use one ballot for two values, and its ballots carry the number of its start.
//!
//! What still breaks: nothing about safety, as long as disks keep what they confirmed. But two
//! proposers can overtake each other for ever, and each value takes two rounds of messages and two
//! forced writes, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Node, NodeId};

use crate::group::{self, Cx, Group, Input, Paxos, Summary};
use crate::types::{Ballot, Msg, Note, Record, Timer, Value, Vote, wait};

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

/// Promises and accepts. Writes both down first.
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
        cx.persist(Record::Promised(ballot));
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
        cx.persist(Record::Accepted(ballot, value.clone()));
        self.tell(from, ballot, value, cx);
    }
    // ANCHOR_END: on_accept

    // ANCHOR: on_replay
    fn on_replay(&mut self, record: Record) {
        match record {
            Record::Promised(ballot) => self.promised = Some(ballot),
            Record::Accepted(ballot, value) => {
                self.promised = Some(ballot);
                self.accepted = Some((ballot, value));
            }
            other => group::foreign_record(&other),
        }
    }
    // ANCHOR_END: on_replay

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
            Input::Replay(record) => self.on_replay(record),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::acceptor(self.promised, self.accepted.clone())
    }
}

/// Is told what acceptors accept, and learns what is chosen without proposing anything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Learner {
    group: Group,
    /// For each ballot, who accepted its value. Acceptances under different ballots do not add up.
    accepted: BTreeMap<Ballot, BTreeSet<NodeId>>,
    learned: Option<Value>,
}

impl Learner {
    /// A learner that knows nothing.
    #[must_use]
    pub fn new(group: Group) -> Self {
        Self { group, accepted: BTreeMap::new(), learned: None }
    }

    // ANCHOR: learn
    fn on_accepted(&mut self, from: NodeId, ballot: Ballot, value: Value, cx: &mut Cx) {
        let accepted = self.accepted.entry(ballot).or_default();
        let is_new = accepted.insert(from);
        if is_new && self.group.is_majority(accepted) {
            cx.note(Note::Learned(value.clone()));
            self.learned = Some(value);
        }
    }
    // ANCHOR_END: learn
}

impl Node for Learner {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        if let Input::Message { from, msg: Msg::Accepted { ballot, value } } = input {
            self.on_accepted(from, ballot, value, cx);
        }
    }

    fn summary(&self) -> Summary {
        self.learned.as_ref().map_or_else(|| Summary::of("has learned nothing"), Summary::learned)
    }
}

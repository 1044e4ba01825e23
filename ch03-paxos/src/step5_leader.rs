//! Step 5: refuse with a reason, back off at random, and let one proposer lead.
//!
//! Paxos never decides twice, but two proposers can keep it from deciding at all: each new ballot makes
//! the acceptors ignore the accept of the one before. Nothing here makes that impossible (no protocol
//! can, by Fischer, Lynch and Paterson); it becomes rare, and then rarer.
//!
//! - An acceptor *refuses* a lower ballot and names the one that it promised. So a proposer need not
//!   wait for its timer, and its next round is high enough.
//! - After a refusal a proposer waits for a random time, from a range that doubles each time.
//! - One proposer *leads*: it tells the others of its ballot, and they do not begin while they hear of
//!   a higher ballot than their own. When they hear nothing for a while, one of them takes over.
//!
//! All three are hints about *when* to propose. What may be proposed, and accepted, is as in step 4: a
//! wrong hint costs time, never a decision.
//!
//! What still costs: every decision takes both phases, though a leader could ask its question once for
//! all decisions to come.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use lab::{Node, NodeId};

use crate::group::{self, Cx, Group, Input, Paxos, Summary};
use crate::types::{Ballot, Msg, Note, Record, Timer, Value, Vote, wait};

// ANCHOR: pause
/// How long a proposer waits after a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Pause {
    /// Not at all.
    None,
    /// Always equally long.
    Fixed,
    /// For a random time out of a range that doubles with each refusal.
    Random,
}

/// A little less than an attempt takes in one machine room.
const UNIT: Duration = Duration::from_millis(2);

impl Pause {
    fn after(self, refusals: u32) -> Range<Duration> {
        let until = match self {
            Self::None => Duration::ZERO,
            Self::Fixed => return UNIT..UNIT + Duration::from_micros(1),
            Self::Random => UNIT * (1 << refusals.min(7)),
        };
        Duration::ZERO..until
    }
}
// ANCHOR_END: pause

/// When a proposer begins, whom it tells, and how long it waits after a refusal.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pace {
    /// When it begins, after its start. An empty range means at once.
    pub begin: Range<Duration>,
    /// Whether it tells the other proposers that it leads.
    pub leads: bool,
    /// How long it waits after a refusal.
    pub pause: Pause,
}

/// Where an attempt stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// No attempt is under way.
    Waiting,
    /// Phase 1: these have promised, and this is the highest vote among what they told.
    Preparing { promised: BTreeSet<NodeId>, highest: Option<Vote> },
    /// Phase 2: these have accepted this value.
    Accepting { value: Value, accepted: BTreeSet<NodeId> },
    /// The value is chosen.
    Learned(Value),
}

/// Makes attempts, one after the other and not too fast, until it learns what is chosen.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Proposer {
    group: Group,
    wanted: Value,
    pace: Pace,
    start: u64,
    round: u32,
    /// Refused attempts in a row.
    refusals: u32,
    phase: Phase,
}

impl Proposer {
    /// A proposer that wants this value to be chosen.
    #[must_use]
    pub fn new(group: Group, wanted: Value, pace: Pace) -> Self {
        Self { group, wanted, pace, start: 0, round: 1, refusals: 0, phase: Phase::Waiting }
    }

    fn ballot(&self, cx: &Cx) -> Ballot {
        Ballot { round: self.round, node: cx.me(), start: self.start }
    }

    fn tell_others(&self, msg: &Msg, cx: &mut Cx) {
        let me = cx.me();
        let others = self.group.proposers.iter().filter(|id| self.pace.leads && **id != me);
        others.for_each(|&id| cx.send(id, msg.clone()));
    }

    /// Begins an attempt after some time out of this range; at once if it is empty.
    fn prepare_after(&mut self, wait: Range<Duration>, cx: &mut Cx) {
        if wait.is_empty() {
            self.prepare(cx);
        } else {
            self.phase = Phase::Waiting;
            cx.set_timer(Timer::Retry, wait);
        }
    }

    /// The next attempt has the lowest ballot of this proposer that is higher than this one.
    fn raise_above(&mut self, ballot: Ballot, cx: &Cx) {
        self.round = ballot.round;
        if self.ballot(cx) <= ballot {
            self.round += 1;
        }
    }

    fn prepare(&mut self, cx: &mut Cx) {
        self.phase = Phase::Preparing { promised: BTreeSet::new(), highest: None };
        let ballot = self.ballot(cx);
        self.tell_others(&Msg::Lead { ballot }, cx);
        self.group.send_to_all(&Msg::Prepare { ballot }, cx);
        cx.set_timer(Timer::Retry, wait::RETRY);
    }

    // ANCHOR: on_refused
    fn on_refused(&mut self, ballot: Ballot, promised: Ballot, cx: &mut Cx) {
        let is_under_way = matches!(self.phase, Phase::Preparing { .. } | Phase::Accepting { .. });
        if ballot == self.ballot(cx) && is_under_way {
            self.raise_above(promised, cx);
            self.refusals += 1;
            self.prepare_after(self.pace.pause.after(self.refusals), cx);
        }
    }
    // ANCHOR_END: on_refused

    // ANCHOR: on_lead
    fn on_lead(&mut self, leader: NodeId, ballot: Ballot, cx: &mut Cx) {
        if let Phase::Learned(value) = &self.phase {
            cx.send(leader, Msg::Chosen { value: value.clone() });
        } else if ballot > self.ballot(cx) {
            self.raise_above(ballot, cx);
            self.prepare_after(wait::LEAD, cx);
        }
    }
    // ANCHOR_END: on_lead

    fn on_timeout(&mut self, cx: &mut Cx) {
        if !matches!(self.phase, Phase::Waiting) {
            self.raise_above(self.ballot(cx), cx);
        }
        self.prepare(cx);
    }

    fn learn(&mut self, value: Value, cx: &mut Cx) {
        cx.cancel_timer(Timer::Retry);
        cx.note(Note::Learned(value.clone()));
        self.phase = Phase::Learned(value);
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
            self.tell_others(&Msg::Chosen { value: value.clone() }, cx);
            self.learn(value, cx);
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Promise { ballot, accepted } => self.on_promise(from, ballot, accepted, cx),
            Msg::Accepted { ballot, .. } => self.on_accepted(from, ballot, cx),
            Msg::Refused { ballot, promised } => self.on_refused(ballot, promised, cx),
            Msg::Lead { ballot } => self.on_lead(from, ballot, cx),
            Msg::Chosen { value } if !matches!(self.phase, Phase::Learned(_)) => {
                self.learn(value, cx);
            }
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
                self.prepare_after(self.pace.begin.clone(), cx);
            }
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(_) => self.on_timeout(cx),
            Input::Replay(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let Self { wanted, round, .. } = self;
        match &self.phase {
            Phase::Waiting => Summary::of(format!("waits; wants {wanted}")),
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

/// Promises and accepts. Writes both down first, and tells why it refuses.
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

    // ANCHOR: refuse
    /// Tells the proposer if this ballot comes too late. A refusal is a hint and entitles to nothing, so
    /// it need not wait for the disk.
    fn has_promised_more(&self, from: NodeId, ballot: Ballot, cx: &mut Cx) -> bool {
        let higher = self.promised.filter(|promised| *promised > ballot);
        if let Some(promised) = higher {
            cx.send_ahead(from, Msg::Refused { ballot, promised });
        }
        higher.is_some()
    }
    // ANCHOR_END: refuse

    fn on_prepare(&mut self, from: NodeId, ballot: Ballot, cx: &mut Cx) {
        if self.has_promised_more(from, ballot, cx) || Some(ballot) == self.promised {
            return;
        }
        self.promised = Some(ballot);
        cx.persist(Record::Promised(ballot));
        cx.send(from, Msg::Promise { ballot, accepted: self.accepted.clone() });
    }

    fn on_accept(&mut self, from: NodeId, ballot: Ballot, value: Value, cx: &mut Cx) {
        if self.has_promised_more(from, ballot, cx) {
            return;
        }
        self.promised = Some(ballot);
        self.accepted = Some((ballot, value.clone()));
        cx.persist(Record::Accepted(ballot, value.clone()));
        self.tell(from, ballot, value, cx);
    }

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

//! Step 2: let a majority vote, once.
//!
//! No replica is special any more. A *proposer* asks all of them to vote for its value, and each votes
//! for the first value that it is asked for. A value with a majority of the votes is *chosen*. Two
//! majorities of three always share a replica, and no replica votes twice, so no second value can get
//! a majority.
//!
//! What breaks: progress. Three values with one vote each, or two with one vote each and a replica
//! that is down: no value has a majority, and every vote is spent. If replicas may change their votes
//! instead, the group decides twice.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Node, NodeId};

use crate::group::{self, Cx, Group, Input, Paxos, Summary};
use crate::types::{Msg, Note, Timer, Value, wait};

/// Asks for votes for one value, and counts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Proposer {
    group: Group,
    wanted: Value,
    votes: BTreeMap<Value, BTreeSet<NodeId>>,
    learned: Option<Value>,
}

impl Proposer {
    /// A proposer that wants this value to be chosen.
    #[must_use]
    pub fn new(group: Group, wanted: Value) -> Self {
        Self { group, wanted, votes: BTreeMap::new(), learned: None }
    }

    fn ask(&self, cx: &mut Cx) {
        self.group.send_to_all(&Msg::Ask { value: self.wanted.clone() }, cx);
        cx.set_timer(Timer::Retry, wait::RETRY);
    }

    fn on_voted(&mut self, from: NodeId, value: Value, cx: &mut Cx) {
        if self.learned.is_some() {
            return;
        }
        let votes = self.votes.entry(value.clone()).or_default();
        votes.insert(from);
        if self.group.is_majority(votes) {
            self.learned = Some(value.clone());
            cx.cancel_timer(Timer::Retry);
            cx.note(Note::Learned(value));
        }
    }
}

impl Node for Proposer {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } | Input::Timeout(_) => self.ask(cx),
            Input::Message { from, msg: Msg::Voted { value } } => self.on_voted(from, value, cx),
            Input::Message { .. } | Input::Replay(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let votes = self.votes.iter().map(|(value, by)| format!("{value} {}", by.len()));
        let votes: Vec<String> = votes.collect();
        let line = format!("wants {}; votes: {}", self.wanted, votes.join(", "));
        self.learned.as_ref().map_or_else(|| Summary::of(line), Summary::learned)
    }
}

/// Votes for the first value that it is asked for. Keeps its vote in memory.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Acceptor {
    vote: Option<Value>,
}

impl Acceptor {
    /// An acceptor that has not voted.
    #[must_use]
    pub fn new(_group: Group) -> Self {
        Self::default()
    }

    // ANCHOR: on_ask
    fn on_ask(&mut self, from: NodeId, value: Value, cx: &mut Cx) {
        let vote = self.vote.get_or_insert(value);
        cx.send(from, Msg::Voted { value: vote.clone() });
    }
    // ANCHOR_END: on_ask
}

impl Node for Acceptor {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Message { from, msg: Msg::Ask { value } } => self.on_ask(from, value, cx),
            Input::Message { msg, .. } => group::ignore(&msg),
            Input::Replay(_) | Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let line = |value| format!("voted for {value}");
        Summary::of(self.vote.as_ref().map_or("has not voted".into(), line))
    }
}

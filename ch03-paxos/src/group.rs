//! The vocabulary of this chapter, and what its nodes have in common: a group of replicas, and how many
//! of them are enough.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::sync::Arc;

use lab::{NodeId, Protocol};

use crate::types::{Ballot, Msg, Note, Record, Timer, Value, Vote};

/// What proposers, acceptors and clients exchange, write down, wait for and note.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Paxos;

impl Protocol for Paxos {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;
    type Summary = Summary;
}

/// What a node may ask for in a step.
pub type Cx<'a> = lab::Cx<'a, Paxos>;
/// What a node takes.
pub type Input = lab::Input<Paxos>;
/// Any node of this chapter.
pub type AnyNode = lab::AnyNode<Paxos>;

/// The replicas that decide together, and who takes part otherwise.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Group {
    /// The replicas.
    pub replicas: Arc<[NodeId]>,
    /// Who proposes (a proposer of step 5 tells the others what it does).
    pub proposers: Arc<[NodeId]>,
    /// Who is told what is accepted, besides the proposer that asked.
    pub learners: Arc<[NodeId]>,
}

impl Group {
    /// A group without proposers and learners of its own.
    #[must_use]
    pub fn new(replicas: &[NodeId]) -> Self {
        let none: Arc<[NodeId]> = Arc::new([]);
        Self { replicas: replicas.into(), proposers: none.clone(), learners: none }
    }

    /// The same group with these proposers.
    #[must_use]
    pub fn with_proposers(self, proposers: &[NodeId]) -> Self {
        Self { proposers: proposers.into(), ..self }
    }

    /// The same group with these learners.
    #[must_use]
    pub fn with_learners(self, learners: &[NodeId]) -> Self {
        Self { learners: learners.into(), ..self }
    }

    // ANCHOR: is_majority
    /// Whether these are more than half of the replicas. Any two majorities share a replica: that is
    /// what everything in this chapter rests on.
    #[must_use]
    pub fn is_majority(&self, of: &BTreeSet<NodeId>) -> bool {
        2 * of.len() > self.replicas.len()
    }
    // ANCHOR_END: is_majority

    /// Sends the same message to every replica.
    pub fn send_to_all(&self, msg: &Msg, cx: &mut Cx) {
        self.replicas.iter().for_each(|&id| cx.send(id, msg.clone()));
    }
}

/// What properties, logs and pages may ask about a node of this chapter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// The highest ballot that an acceptor promised.
    pub promised: Option<Ballot>,
    /// What an acceptor accepted last.
    pub accepted: Option<Vote>,
    /// What a proposer or a learner knows to be chosen.
    pub learned: Option<Value>,
    /// The rest of its line.
    pub line: String,
}

impl Summary {
    /// Of a node about which only a line is to be told.
    #[must_use]
    pub fn of(line: impl Into<String>) -> Self {
        Self { line: line.into(), ..Self::default() }
    }

    /// Of an acceptor.
    #[must_use]
    pub fn acceptor(promised: Option<Ballot>, accepted: Option<Vote>) -> Self {
        let promise = promised.map_or("no promise".into(), |ballot| format!("promised {ballot}"));
        let vote = accepted.as_ref().map(|(ballot, value)| format!("; accepted {ballot} {value}"));
        let line = promise + &vote.unwrap_or_default();
        Self { promised, accepted, learned: None, line }
    }

    /// Of a proposer or a learner that knows what is chosen.
    #[must_use]
    pub fn learned(value: &Value) -> Self {
        Self { learned: Some(value.clone()), ..Self::of(format!("learned {value}")) }
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// Drops a message that this role does not take in this step. The network may lose any message, so
/// dropping one is never wrong; answering one that was not understood would be.
pub fn ignore(_msg: &Msg) {}

/// A log holds only what its own role wrote in this step.
pub fn foreign_record(record: &Record) {
    unreachable!("this log was written by another role or another step: {record}");
}

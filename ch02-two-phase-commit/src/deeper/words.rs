//! The nouns of the designs off the main path, beside those of [`crate::types`].

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};
use std::sync::Arc;

use lab::NodeId;
use serde::{Deserialize, Serialize};

use crate::types::{self, Account, Branch, Key, TxId};
use crate::words::branch;

/// All participants of one transaction, in order.
pub type Peers = Arc<[NodeId]>;

/// How far a participant is with a transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Phase {
    /// Voted yes, and knows no more.
    Prepared,
    /// Knows that all voted yes (three-phase commit).
    PreCommitted,
    /// Done.
    Committed,
    /// Off.
    Aborted,
}

/// Which try at one instance of consensus. 0 belongs to the participants themselves; the others to
/// the coordinator with the same remainder ([`super::paxos_commit`]).
pub type Ballot = u64;

/// Each participant's vote, as an acceptor has it: `true` is yes.
pub type Votes = BTreeMap<NodeId, bool>;

/// Messages. The comment tells who sends it to whom, and what receiving it entitles you to.
///
/// `tx`, `key` and `branch` are as in [`types::Msg`]; `peers` are all participants of the transaction,
/// `ballot` is which try at deciding it, `epoch` counts takeovers.
#[expect(missing_docs, reason = "fields of one name mean one thing, told above")]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Coordinator → participant: *prepare*, and these are asked too.
    Prepare { tx: TxId, key: Key, branch: Branch, peers: Peers },
    /// Participant → participant: "you were asked too. How far are you?"
    StateQuery { tx: TxId },
    /// Participant → participant: so far. *Committed* and *aborted* entitle to do the same.
    StateReply { tx: TxId, phase: Phase },
    /// Coordinator → participant: all voted yes (three-phase commit). From now on no participant
    /// that is up can have aborted.
    PreCommit { tx: TxId },
    /// Participant → the process that sent *pre-commit*: it is written down.
    PreAck { tx: TxId },
    /// Participant → coordinator, or coordinator → coordinator: "accept these votes" (phase 2a of
    /// Paxos Commit). With ballot 0 it is one participant's own vote.
    Propose { tx: TxId, peers: Peers, ballot: Ballot, votes: Votes },
    /// Coordinator → the coordinator that leads the ballot: accepted, and written down (phase 2b).
    /// From a majority it entitles to decide.
    Accepted { tx: TxId, ballot: Ballot, votes: Votes },
    /// Coordinator → coordinator: "take nothing older than this ballot from now on" (phase 1a).
    Lead { tx: TxId, peers: Peers, ballot: Ballot },
    /// Coordinator → coordinator: promised, and this is what it accepted last (phase 1b). From a
    /// majority it entitles to propose.
    Promise {
        tx: TxId,
        ballot: Ballot,
        /// What it accepted in the highest older ballot.
        accepted: Option<(Ballot, Votes)>,
    },
    /// Coordinator → any process, or participant → coordinator: sent by, or in answer to, the
    /// coordinator of this epoch.
    Fenced { epoch: u64, msg: Box<types::Msg> },
    /// Participant → coordinator: this key stands for another order (one phase).
    KeyTaken { tx: TxId },
    /// Coordinator → store: "I take over" with a new epoch. Store → coordinator: another
    /// coordinator did.
    TakeOver { epoch: u64 },
    /// Store → coordinator: the log is yours, and this is what is in it.
    Yours {
        epoch: u64,
        /// The records so far.
        log: Vec<types::Record>,
    },
    /// Coordinator → store: "write this".
    Write { epoch: u64, record: Box<types::Record> },
    /// Store → coordinator: written, and durable.
    Written { epoch: u64, record: Box<types::Record> },
    /// Participant → coordinators: "I voted yes long ago. What became of this attempt at this request?"
    InquireAbout { tx: TxId, key: Key },
    /// Coordinator → coordinator: "I am at it". Entitles to wait longer, and to nothing else.
    StillOpen { tx: TxId },
    /// Coordinator → store: "keep this as how its request ended, if nothing is kept for that yet".
    Decide { record: Box<types::Record> },
    /// Store → coordinator: how that request ended, for ever. Entitles to send it to every participant.
    Decision { record: Box<types::Record> },
    /// Operator → participant: "end this one so, whatever the others do" (heuristic decisions).
    Resolve { tx: TxId, commit: bool },
    /// Participant → operator: ended so; or it was not in doubt, and nothing was done.
    Resolved {
        tx: TxId,
        /// Whether it was in doubt.
        done: bool,
    },
    /// The answer to *status* where an operator has decided something: `true` is commit.
    StatusIs {
        /// Attempts whose outcome this node waits for.
        in_doubt: Vec<TxId>,
        /// Accounts that no other transaction may touch meanwhile.
        locked: Vec<Account>,
        /// Ended by an operator; the truth is not known.
        guessed: Vec<(TxId, bool)>,
        /// Ended by an operator, and the truth was the opposite.
        damage: Vec<(TxId, bool)>,
    },
}

/// Records. Fields are named as in [`Msg`].
#[expect(missing_docs, reason = "fields of one name mean one thing, told above")]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Record {
    /// Participant: *prepared*, and who else was asked.
    Prepared { tx: TxId, key: Key, branch: Branch, peers: Peers },
    /// Participant: all voted yes (three-phase commit).
    PreCommitted { tx: TxId },
    /// Coordinator: takes nothing older than this ballot (Paxos Commit).
    Promised { tx: TxId, peers: Peers, ballot: Ballot },
    /// Coordinator: accepted these votes (Paxos Commit).
    Accepted { tx: TxId, peers: Peers, ballot: Ballot, votes: Votes },
    /// Store: the log belongs to this epoch now. Participant: the newest epoch it knows of.
    Epoch(u64),
    /// Store: a coordinator's record.
    Kept(Box<types::Record>),
    /// Participant: voted no on this key, for good (one phase).
    Refused { key: Key, branch: Branch, why: types::Refusal },
    /// Participant: an operator decided how to end this one (heuristic decisions).
    Heuristic { tx: TxId, commit: bool },
    /// Participant: how it really ended (heuristic decisions).
    Truth { tx: TxId, commit: bool },
}

impl Display for Phase {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Prepared => "prepared",
            Self::PreCommitted => "pre-committed",
            Self::Committed => "committed",
            Self::Aborted => "aborted",
        })
    }
}

/// `commit` or `abort`.
fn end(commit: bool) -> &'static str {
    if commit { "commit" } else { "abort" }
}

fn votes(votes: &Votes) -> String {
    let word = |yes: &bool| if *yes { "yes" } else { "no" };
    votes.values().map(word).collect::<Vec<_>>().join(", ")
}

impl Display for Msg {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Prepare { tx, branch: what, .. } => write!(f, "prepare {tx}: {}", branch(what)),
            Self::StateQuery { tx } => write!(f, "state of {tx}?"),
            Self::StateReply { tx, phase } => write!(f, "{tx} is {phase}"),
            Self::PreCommit { tx } => write!(f, "pre-commit {tx}"),
            Self::PreAck { tx } => write!(f, "pre-ack {tx}"),
            Self::Propose { tx, ballot, votes: all, .. } => {
                write!(f, "ballot {ballot}: {} for {tx}", votes(all))
            }
            Self::Accepted { tx, ballot, votes: all } => {
                write!(f, "accepted {ballot}: {} for {tx}", votes(all))
            }
            Self::Lead { tx, ballot, .. } => write!(f, "ballot {ballot}? for {tx}"),
            Self::Promise { tx, ballot, accepted: None } => {
                write!(f, "promise {ballot} for {tx}")
            }
            Self::Promise { tx, ballot, accepted: Some((old, all)) } => {
                write!(f, "promise {ballot} for {tx}; {old} had {}", votes(all))
            }
            Self::Fenced { epoch, msg } => write!(f, "epoch {epoch}: {msg}"),
            Self::KeyTaken { tx } => write!(f, "{tx}: key taken"),
            Self::TakeOver { epoch } => write!(f, "take over, epoch {epoch}"),
            Self::Yours { epoch, log } => write!(f, "yours, epoch {epoch}, {} records", log.len()),
            Self::Write { epoch, record } => write!(f, "epoch {epoch}: write {record}"),
            Self::Written { epoch, record } => write!(f, "epoch {epoch}: wrote {record}"),
            Self::InquireAbout { tx, key } => write!(f, "what became of {tx}, {key}?"),
            Self::StillOpen { tx } => write!(f, "{tx} is still open"),
            Self::Decide { record } => write!(f, "if nothing is: {record}"),
            Self::Decision { record } => write!(f, "it is: {record}"),
            Self::Resolve { tx, commit } => write!(f, "by hand: {} {tx}", end(*commit)),
            Self::Resolved { tx, done: true } => write!(f, "{tx} ended by hand"),
            Self::Resolved { tx, done: false } => write!(f, "{tx} is not in doubt"),
            Self::StatusIs { in_doubt, guessed, damage, .. } => {
                let (open, guessed) = (in_doubt.len(), guessed.len());
                write!(f, "in doubt {open}, guessed {guessed}, damage {}", damage.len())
            }
        }
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Prepared { tx, .. } => write!(f, "prepared {tx}"),
            Self::PreCommitted { tx } => write!(f, "pre-committed {tx}"),
            Self::Promised { tx, ballot, .. } => write!(f, "promised {ballot} for {tx}"),
            Self::Accepted { tx, ballot, votes: all, .. } => {
                write!(f, "accepted {ballot}: {} for {tx}", votes(all))
            }
            Self::Epoch(epoch) => write!(f, "epoch {epoch}"),
            Self::Kept(record) => record.fmt(f),
            Self::Refused { key, why, .. } => write!(f, "refused {key}: {why}"),
            Self::Heuristic { tx, commit } => write!(f, "by hand: {} {tx}", end(*commit)),
            Self::Truth { tx, commit } => write!(f, "truth: {} {tx}", end(*commit)),
        }
    }
}

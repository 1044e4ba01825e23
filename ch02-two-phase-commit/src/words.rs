//! How the chapter's nouns read in a log. One line each, in the words of the book.

use std::fmt::{Display, Formatter, Result};

use crate::types::{
    Account, Balances, Branch, Change, Key, Msg, Note, Order, Outcome, Record, Refusal, Timer,
    TxId, Vote,
};

impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.0)
    }
}

impl Display for Account {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.0)
    }
}

impl Display for TxId {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "tx {}.{}", self.start, self.count)?;
        if self.attempt > 1 { write!(f, "/{}", self.attempt) } else { Ok(()) }
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.by == 0 {
            write!(f, "{}?", self.account)
        } else {
            write!(f, "{} {:+}", self.account, self.by)
        }
    }
}

pub(crate) fn branch(branch: &Branch) -> String {
    let changes: Vec<String> = branch.iter().map(ToString::to_string).collect();
    changes.join(", ")
}

/// `umbrella 1, till 0`.
pub(crate) fn balances(balances: &Balances) -> String {
    let each: Vec<String> =
        balances.iter().map(|(name, amount)| format!("{name} {amount}")).collect();
    each.join(", ")
}

impl Display for Order {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let branches: Vec<String> = self.0.values().map(branch).collect();
        f.write_str(&branches.join(", "))
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Unknown(account) => write!(f, "no account {account}"),
            Self::OutOfRange(account) => write!(f, "not enough: {account}"),
            Self::NoVote => f.write_str("a vote did not come"),
            Self::NotNow(why) => write!(f, "not now: {why}"),
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Done(seen) if seen.is_empty() => f.write_str("done"),
            Self::Done(seen) => {
                let each: Vec<String> = seen.values().map(balances).collect();
                write!(f, "seen: {}", each.join(", "))
            }
            Self::Declined(why) => write!(f, "declined, {why}"),
            Self::KeyReused => f.write_str("declined, key used for another order"),
            Self::Busy => f.write_str("busy"),
        }
    }
}

impl Display for Msg {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Submit { key, order } => write!(f, "order {key}: {order}"),
            Self::Answer { key, outcome } => write!(f, "{key} {outcome}"),
            Self::Read => f.write_str("read"),
            Self::Have { balances: have } => write!(f, "have {}", balances(have)),
            Self::Apply { tx, branch: what, .. } => write!(f, "apply {tx}: {}", branch(what)),
            Self::Applied { tx } => write!(f, "applied {tx}"),
            Self::Refused { tx, why } => write!(f, "refused {tx}: {why}"),
            Self::Undo { tx } => write!(f, "undo {tx}"),
            Self::Undone { tx } => write!(f, "undone {tx}"),
            Self::Prepare { tx, branch: what, .. } => write!(f, "prepare {tx}: {}", branch(what)),
            Self::Vote { tx, vote: Vote::Yes(_) } => write!(f, "yes to {tx}"),
            Self::Vote { tx, vote: Vote::No(why) } => write!(f, "no to {tx}: {why}"),
            Self::Commit { tx } => write!(f, "commit {tx}"),
            Self::Abort { tx } => write!(f, "abort {tx}"),
            Self::Ack { tx } => write!(f, "ack {tx}"),
            Self::Inquire { tx } => write!(f, "what became of {tx}?"),
            Self::Wound { tx, by } => write!(f, "give up {tx} for {by}?"),
            Self::Status => f.write_str("status?"),
            Self::StatusIs { in_doubt, locked } => {
                write!(f, "in doubt {}, locked {}", in_doubt.len(), locked.len())
            }
            Self::Deeper(msg) => msg.fmt(f),
        }
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Applied { tx, branch: what, .. } => write!(f, "applied {tx}: {}", branch(what)),
            Self::Undone { tx } => write!(f, "undone {tx}"),
            Self::Prepared { tx, .. } => write!(f, "prepared {tx}"),
            Self::Committed { tx } => write!(f, "committed {tx}"),
            Self::Aborted { tx } => write!(f, "aborted {tx}"),
            Self::Begun { tx, .. } => write!(f, "begun {tx}"),
            Self::TurnedBack { tx, .. } => write!(f, "turned back {tx}"),
            Self::Decided { tx, key, outcome, .. } => write!(f, "decided {tx}: {key} {outcome}"),
            Self::Ended { tx } => write!(f, "ended {tx}"),
            Self::Deeper(record) => record.fmt(f),
        }
    }
}

impl Display for Timer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Retry => f.write_str("no answer"),
            Self::Votes(tx) => write!(f, "votes missing for {tx}"),
            Self::Resend(tx) => write!(f, "acks missing for {tx}"),
            Self::Ask(tx) => write!(f, "in doubt about {tx}"),
        }
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::LetGo(tx) => write!(f, "releases {tx}"),
            Self::Saw(seen) => {
                let each: Vec<String> = seen.values().map(balances).collect();
                write!(f, "saw {}", each.join(", "))
            }
        }
    }
}

//! How the store's nouns read in a log.

use std::fmt::{Display, Formatter, Result};

use crate::types::kv::{
    Blob, Command, Entry, Msg, Op, Outcome, Record, Refusal, RequestId, SessionId,
};

impl Display for SessionId {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "s{}", self.0)
    }
}

/// Session and request: `s1/2`.
impl Display for RequestId {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}/{}", self.session, self.seq)
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Get { key } => write!(f, "get {key}"),
            Self::Set { key, value, only_new: false } => write!(f, "set {key} {value}"),
            Self::Set { key, value, only_new: true } => write!(f, "set new {key} {value}"),
            Self::Delete { keys } => {
                f.write_str("delete")?;
                keys.iter().try_for_each(|key: &Blob| write!(f, " {key}"))
            }
            Self::Increment { key } => write!(f, "increment {key}"),
            Self::Append { key, value } => write!(f, "append {key} {value}"),
            Self::CompareAndSet { key, from, to } => write!(f, "set {key} {from} to {to}"),
            Self::OpenSession => f.write_str("open a session"),
            Self::Replace { old, new } => write!(f, "replace {old} by {new}"),
        }
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Nothing => f.write_str("nothing"),
            Self::Value(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Opened(session) => write!(f, "{session} is open"),
            Self::NotANumber => f.write_str("not a number"),
            Self::TooLong => f.write_str("too long"),
            Self::Expired => f.write_str("session expired"),
            Self::Superseded => f.write_str("superseded"),
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::NotDone => f.write_str("not done"),
            Self::MayBeDone => f.write_str("may be done"),
            Self::Moved(leader) => write!(f, "not done; {leader} leads"),
        }
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.id {
            Some(id) => write!(f, "{id} {}", self.op),
            None => write!(f, "{}", self.op),
        }
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::NoOp => f.write_str("no-op"),
            Self::Batch(commands) => {
                let mut commands = commands.iter();
                commands.next().into_iter().try_for_each(|command| write!(f, "{command}"))?;
                commands.try_for_each(|command| write!(f, " + {command}"))
            }
        }
    }
}

impl Display for Msg {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Request { id: Some(id), op, .. } => write!(f, "{id} {op}"),
            Self::Request { id: None, op, .. } => write!(f, "{op}"),
            Self::Read { key, by_lease: false, .. } => write!(f, "read {key}"),
            Self::Read { key, by_lease: true, .. } => write!(f, "read {key} by lease"),
            Self::Answer { outcome: Ok(outcome), .. } => write!(f, "{outcome}"),
            Self::Answer { outcome: Err(refusal), .. } => write!(f, "{refusal}"),
            Self::Status => f.write_str("status?"),
            Self::StatusIs { status } => f.write_str(&status.role),
            Self::Forward { commands } => write!(f, "for you: {}", Entry::Batch(commands.clone())),
            Self::Flush => f.write_str("pass on"),
            Self::Probe { .. } => f.write_str("is there a leader?"),
            Self::Willing => f.write_str("not here"),
            Self::Prepare { ballot, first, .. } => write!(f, "prepare {ballot} from {first}"),
            Self::Promise { ballot, accepted, rest } => {
                write!(f, "promise {ballot}")?;
                let mut told = accepted.iter();
                told.try_for_each(|(slot, (of, entry))| write!(f, "; {slot} {of} {entry}"))?;
                rest.iter().try_for_each(|slot| write!(f, "; more from {slot}"))
            }
            Self::Accept { ballot, slot, entry, .. } => write!(f, "accept {ballot} {slot} {entry}"),
            Self::Accepted { ballot, slot } => write!(f, "accepted {ballot} {slot}"),
            Self::Commit { ballot, open } => write!(f, "commit {ballot} before {open}"),
            Self::Heartbeat { ballot, open, .. } => {
                write!(f, "lead, {ballot}; chosen before {open}")
            }
            Self::Heard { ballot, .. } => write!(f, "heard {ballot}"),
            Self::Fetch { first } => write!(f, "fetch from {first}"),
            Self::Learn { first, chosen, .. } => {
                write!(f, "chosen from {first}:")?;
                chosen.iter().try_for_each(|(of, entry)| write!(f, " {of} {entry}"))
            }
            Self::Chunk { head, number, is_last, .. } => {
                let last = if *is_last { ", the last" } else { "" };
                write!(f, "snapshot before {}: chunk {}{last}", head.open, number + 1)
            }
            Self::Pull { number, .. } => write!(f, "pull chunk {}", number + 1),
            Self::Save => f.write_str("go on"),
            Self::HowFar { by_lease: false, .. } => f.write_str("how far?"),
            Self::HowFar { by_lease: true, .. } => f.write_str("how far, by your lease?"),
            Self::Confirm { ballot, .. } => write!(f, "still {ballot}?"),
            Self::Confirmed { ballot, .. } => write!(f, "still {ballot}"),
            Self::SoFar { open, .. } => write!(f, "chosen before {open}"),
        }
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Accepted { slot, ballot, entry } => write!(f, "accepted {ballot} {slot} {entry}"),
            Self::Chosen { open } => write!(f, "chosen before {open}"),
            Self::Snapshot { head } => write!(f, "a snapshot before {}", head.open),
            Self::Chunk { chunk } => {
                write!(f, "keys: {}, sessions: {}", chunk.keys.len(), chunk.sessions.len())
            }
            Self::Whole => f.write_str("the snapshot is whole"),
        }
    }
}

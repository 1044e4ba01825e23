//! How the chapter's nouns read in a log. One line each, in the words of the book.

mod kv;

use std::fmt::{Display, Formatter, Result};

use crate::types::log::{Command, Entry, Msg as Log, Slot};
use crate::types::{Ballot, Msg, Note, Record, Timer, Value};

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.0)
    }
}

/// Round and proposer: `2.1` is the second round of node 1, and `2.1/3` the same in its third start.
impl Display for Ballot {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}.{}", self.round, self.node.0)?;
        if self.start > 1 { write!(f, "/{}", self.start) } else { Ok(()) }
    }
}

impl Display for Msg {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Write { value } => write!(f, "write {value}"),
            Self::Written { value } => write!(f, "written: {value}"),
            Self::Read => f.write_str("read"),
            Self::Have { value: Some(value) } => write!(f, "have {value}"),
            Self::Have { value: None } => f.write_str("have nothing"),
            Self::Copy { value: Some(value) } => write!(f, "copy: {value}"),
            Self::Copy { value: None } => f.write_str("copy: nothing"),
            Self::Ask { value } => write!(f, "vote for {value}?"),
            Self::Voted { value } => write!(f, "voted for {value}"),
            Self::Prepare { ballot } => write!(f, "prepare {ballot}"),
            Self::Promise { ballot, accepted: None } => write!(f, "promise {ballot}"),
            Self::Promise { ballot, accepted: Some((of, value)) } => {
                write!(f, "promise {ballot}; accepted {of} {value}")
            }
            Self::Accept { ballot, value } => write!(f, "accept {ballot} {value}"),
            Self::Refused { ballot, promised } => write!(f, "refuse {ballot}; promised {promised}"),
            Self::Lead { ballot } => write!(f, "lead, {ballot}"),
            Self::Chosen { value } => write!(f, "chosen: {value}"),
            Self::Accepted { ballot, value } => write!(f, "accepted {ballot} {value}"),
            Self::Log(msg) => write!(f, "{msg}"),
            Self::Kv(msg) => write!(f, "{msg}"),
        }
    }
}

impl Display for Slot {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "#{}", self.0)
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.value)
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::NoOp => f.write_str("no-op"),
            Self::Command(command) => write!(f, "{command}"),
        }
    }
}

impl Display for Log {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Request { command } => write!(f, "do {command}"),
            Self::Answer { command, slot } => write!(f, "done: {command} in {slot}"),
            Self::Prepare { ballot, first } => write!(f, "prepare {ballot} from {first}"),
            Self::Promise { ballot, accepted } => {
                write!(f, "promise {ballot}")?;
                let mut told = accepted.iter();
                told.try_for_each(|(slot, (of, entry))| write!(f, "; {slot} {of} {entry}"))
            }
            Self::Accept { ballot, slot, entry } => write!(f, "accept {ballot} {slot} {entry}"),
            Self::Accepted { ballot, slot } => write!(f, "accepted {ballot} {slot}"),
            Self::Commit { ballot, open } => write!(f, "commit {ballot} before {open}"),
            Self::Fetch { first, .. } => write!(f, "fetch from {first}"),
        }
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Written(value) => write!(f, "written {value}"),
            Self::Promised(ballot) => write!(f, "promised {ballot}"),
            Self::Accepted(ballot, value) => write!(f, "accepted {ballot} {value}"),
            Self::AcceptedAt(slot, ballot, entry) => write!(f, "accepted {ballot} {slot} {entry}"),
            Self::Kv(record) => write!(f, "{record}"),
        }
    }
}

impl Display for Timer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Retry => "no answer",
            Self::Next => "goes on",
            Self::Heartbeat => "time for a copy",
            Self::Suspect => "no message came",
            Self::Sweep => "looks for open requests",
        })
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Learned(value) => write!(f, "learned: {value} is chosen"),
            Self::TookOver => f.write_str("is the primary now"),
            Self::Applied(slot, entry) => write!(f, "applied {slot} {entry}"),
            Self::Executed(slot, entry) => write!(f, "executed {slot} {entry}"),
        }
    }
}

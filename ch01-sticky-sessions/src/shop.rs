//! The vocabulary of this chapter, and what its nodes have in common.

use std::fmt::{self, Display};

use lab::Protocol;

use crate::types::{Msg, Note, Record, Timer};

/// What browsers, the balancer and web nodes exchange, write down, wait for and note.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Shop;

impl Protocol for Shop {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;
    type Summary = Summary;
}

/// What a node may ask for in a step.
pub type Cx<'a> = lab::Cx<'a, Shop>;
/// What a node takes.
pub type Input = lab::Input<Shop>;
/// Any node of this chapter.
pub type AnyNode = lab::AnyNode<Shop>;

/// What logs and pages may ask about a node of this chapter: its line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// The line.
    pub line: String,
    /// Whether a browser has done all it wanted, and has its answers.
    pub is_done: bool,
}

impl Summary {
    /// Of a node about which only a line is to be told.
    #[must_use]
    pub fn of(line: impl Into<String>) -> Self {
        Self { line: line.into(), is_done: true }
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// A node of one design may be sent what belongs to another one: in a cluster, by mistake.
///
/// # Panics
/// In tests and models, where it is an error of the design.
pub fn ignore(msg: &Msg) {
    debug_assert!(false, "no node of this design is sent `{msg}`");
}

/// A log of another node was put into this node's folder.
///
/// # Panics
/// Always: what it says must not be dropped.
pub fn foreign_record(record: &Record) -> ! {
    panic!("this node never wrote `{record}`: the log is another node's")
}

//! Edge: makes it survive the real world. The lesson is in `node/`.
//!
//! Maelstrom is a test bench for distributed systems. It starts each node as a program, and is their
//! network: a message is a line of JSON on standard input or output. So any language can take part,
//! and every message passes through the bench, which delays it, loses it, or cuts nodes off.
//!
//! ```text
//! {"src":"c1","dest":"n1","body":{"type":"write","key":7,"value":3,"msg_id":2}}
//! {"src":"n1","dest":"c1","body":{"type":"write_ok","in_reply_to":2}}
//! {"src":"n1","dest":"n2","body":{"type":"node","msg":"Beat"}}
//! ```
//!
//! Both halves are here, and their lines are Maelstrom's, so each works with the real other half:
//!
//! - [`run`] makes a program of a [`crate::Node`], for the workload `lin-kv`: clients read, write, and
//!   compare and set. A chapter says in a [`LinKv`] how its messages ask for that.
//! - [`Runner`] starts such programs, whoever wrote them, and holds what clients see against
//!   [`crate::check::linear`]. Beside Maelstrom's partitions it kills nodes and starts them again.
//!
//! The program of a chapter that has a `LinKv` called `Store`, and how Maelstrom runs it:
//!
//! ```ignore
//! run::<Store>(Storage::Dir(dir), |group| AnyNode::new(Replica::new(&group.all)))?;
//! ```
//!
//! ```text
//! maelstrom test -w lin-kv --bin ./node --node-count 3 --concurrency 4n --nemesis partition
//! ```
//!
//! A node runs in the loop of [`crate::run::Driver`], with its timers, its log and its recovery. Only
//! the network is another one: lines in place of frames. So what a bench finds is about the code that
//! TCP serves, too.
//!
//! Errors have codes, and most of them are *definite*: they promise that the request was not done and
//! never will be ([`Code::is_definite`]). A node that cannot promise it answers [`Code::Crash`]; a false
//! promise makes a correct history look wrong, or a wrong one right.
//!
//! # Left out
//!
//! Maelstrom's other workloads and its services. Integers beyond 64 bits: JSON numbers that are equal
//! as floats are one key. Event logs: a message carries no name of its send.

mod code;
mod init;
mod node;
mod requests;
mod runner;
mod wire;

pub use code::Code;
pub use init::Group;
pub use node::{Refused, Storage, run, run_over};
pub use runner::{Fault, Report, RunError, Runner, Totals, Traffic};
pub use wire::{MAX_LINE, MAX_REQUEST};

use crate::{NodeId, Protocol};

/// What a client of the workload asks for. Keys and values are JSON in its shortest form, equal if and
/// only if the text is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Operation {
    /// The value of a key.
    Read {
        /// Which.
        key: String,
    },
    /// Gives a key a value.
    Write {
        /// Which.
        key: String,
        /// The value.
        value: String,
    },
    /// Gives a key another value if it has this one.
    Cas {
        /// Which.
        key: String,
        /// The value it must have.
        from: String,
        /// The value it gets.
        to: String,
    },
}

/// What a node answers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Answer {
    /// To a read: the value, as a write gave it.
    Value(String),
    /// To a write or a cas: it is done.
    Done,
    /// It is not done, or that is not certain: the code says which.
    Error {
        /// Why.
        code: Code,
        /// In words.
        text: String,
    },
}

/// How the clients of a protocol ask for what the workload `lin-kv` asks for.
pub trait LinKv: 'static {
    /// The vocabulary of its nodes.
    type Protocol: Protocol;

    /// The node at a place of Maelstrom's list `node_ids`, from 0.
    fn node(place: usize) -> NodeId;

    /// A request. `number` is greater than in every request before it.
    fn request(number: u64, operation: Operation) -> <Self::Protocol as Protocol>::Msg;

    /// The number of the request that a message answers, and the answer. `None`: it is no answer.
    fn answer(msg: <Self::Protocol as Protocol>::Msg) -> Option<(u64, Answer)>;
}

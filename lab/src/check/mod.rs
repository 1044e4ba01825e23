//! Judging what clients saw: histories, and the models they are held against.
//!
//! | model | judges |
//! |---|---|
//! | [`linear`] | one value at a time: registers and stores |
//! | [`append`] | transactions: lists that are appended to and read |
//! | [`bank`] | one invariant: money never comes or goes |
//!
//! A history is what a test bench writes down at the clients: who asked what when, and what was
//! answered. The system under test is a black box to it, so histories from anywhere can be judged.
//!
//! # Left out
//!
//! Repairing a history: what does not pair up is refused with its line.

pub mod append;
pub mod bank;
mod edn;
mod history;
pub mod linear;
mod number;
mod text;

pub use history::{BadHistory, End, Entry, History, Operation, Type};
pub use number::value;

/// What a checker says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing in the history contradicts the model.
    Ok,
    /// Something does.
    Violation {
        /// What, in words.
        why: String,
        /// The shortest stretch of the history that shows it.
        window: Vec<Entry>,
    },
    /// The history does not say.
    Undecided {
        /// Why not.
        why: String,
    },
}

/// A verdict, and how much it rests on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// What was judged.
    pub counts: Counts,
}

/// How much of what a history contains: a verdict on nothing is no verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Operations, or transactions.
    pub operations: usize,
    /// Those of them that read, and were answered.
    pub reads: usize,
    /// Those of them whose outcome is unknown.
    pub unknown: usize,
    /// Keys, lists, or accounts.
    pub keys: usize,
}

/// Why a violation is not called one.
const TIES: &str = "explained only if what has equal times was concurrent; with exact times, or \
                    the number of the line as `time`, it is decided";

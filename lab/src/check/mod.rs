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
mod history;
pub mod linear;

pub use history::{BadHistory, End, Entry, History, Operation, Type};

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

//! Chapter 2: who may say it is done?
//!
//! A shop takes an order. `stock` has to take an umbrella off the shelf, `pay` has to take a coin from
//! a purse, and either both happen or neither. Each step below is a complete design with the same
//! nouns; read them in order.
//!
//! | file | is about |
//! |---|---|
//! | [`types`] | the nouns: messages, records, timers |
//! | [`accounts`] | what is protected |
//! | [`client`] | who orders, and who reads |
//! | [`invariants`] | what has to be true, whatever happens |
//! | [`step1_no_coordination`] | call both: half an order |
//! | [`step2_two_phases`] | ask first: forgets after a restart |
//! | [`step3_log_first`] | write it down before you say it: atomic |
//! | [`step4_isolation`] | lock it until it has ended: isolated, and stuck with locks |
//! | [`step5_saga`] | the other promise: take it back |
//! | [`deeper`] | designs off this path: termination, three phases, Paxos Commit, fencing, fewer messages |
//! | [`worlds`], [`designs`] | where each step is tried, against what, and what is expected of it |
//!
//! Everything up to here is core: no clock, no socket, no thread. `system` makes step 4 a set of
//! processes that survive the real world (feature `system`).
//!
//! # Left out
//!
//! A participant that is another company; forgetting old orders.

// Without features the chapter is its core alone: nothing in it may hold what is no plain value.
#![cfg_attr(not(feature = "study"), deny(clippy::disallowed_types))]

pub mod accounts;
#[cfg(feature = "study")]
pub mod book;
#[cfg(feature = "system")]
mod chapter;
pub mod client;
#[cfg(feature = "study")]
pub mod costs;
pub mod deeper;
#[cfg(feature = "study")]
pub mod designs;
#[cfg(feature = "exercises")]
pub mod exercises;
pub mod invariants;
pub mod shop;
pub mod step1_no_coordination;
pub mod step2_two_phases;
pub mod step3_log_first;
pub mod step4_isolation;
pub mod step5_saga;
#[cfg(feature = "system")]
pub mod system;
pub mod types;
mod words;
pub mod worlds;

#[cfg(feature = "system")]
pub use chapter::chapter;

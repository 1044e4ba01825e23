//! Chapter 3: how does a group decide once?
//!
//! Chapter 2 ends with a coordinator whose crash blocks everyone: the decision was on one machine.
//! This chapter puts it on three, so that any two of them are enough. The question is always the same:
//! two customers want the last umbrella, and the group has to settle who gets it, once and for ever.
//! Each step below is a complete design with the same nouns; read them in order.
//!
//! | file | is about |
//! |---|---|
//! | [`types`] | the nouns: values, ballots, messages, records |
//! | [`group`] | who belongs together, and how many are enough |
//! | [`client`] | who writes and reads (step 1) |
//! | [`invariants`] | what has to be true, whatever happens |
//! | [`step1_primary_backup`] | copy it later: acknowledged writes are lost |
//! | [`step2_majority_vote`] | let a majority vote, once: safe, and stuck after a split vote |
//! | [`step3_single_decree`] | Paxos in memory: safe until an acceptor restarts |
//! | [`step4_durable`] | Paxos on disk: safe, whatever crashes and comes back |
//! | [`step5_leader`] | back off at random, and let one lead: duels become rare |
//! | [`step6_log`] | a log of decisions: phase 1 once, no-ops in holes |
//! | [`replicated_kv`] | step 7: sessions, a store, batches: what people use |
//! | [`duel`] | how many ballots a decision takes when proposers overtake each other |
//! | [`leases`] | how old a read by lease is when clocks are worse than was assumed |
//! | [`partial`] | who leads when links fail one by one |
//! | [`quorums`] | how many may be down with quorums of which sizes |
//! | [`worlds`], [`designs`] | where each step is tried, against what, and what is expected of it |
//!
//! Everything here is core, without a clock, a socket or a thread, but `system`: the store of step 7 as
//! processes.
//!
//! # Left out
//!
//! Replicas that lie (Byzantine faults): here a process may crash, restart, be slow or be cut off, but
//! what it sends is what its program says.

// Without features the chapter is its core alone: nothing in it may hold what is no plain value.
#![cfg_attr(not(feature = "study"), deny(clippy::disallowed_types))]

#[cfg(feature = "study")]
pub mod book;
#[cfg(feature = "study")]
mod chapter;
pub mod client;
#[cfg(feature = "study")]
pub mod designs;
#[cfg(feature = "study")]
pub mod duel;
#[cfg(feature = "exercises")]
pub mod exercises;
pub mod group;
pub mod invariants;
#[cfg(feature = "study")]
pub mod leases;
#[cfg(feature = "study")]
pub mod partial;
#[cfg(feature = "study")]
pub mod quorums;
pub mod replicated_kv;
pub mod step1_primary_backup;
pub mod step2_majority_vote;
pub mod step3_single_decree;
pub mod step4_durable;
pub mod step5_leader;
pub mod step6_log;
#[cfg(feature = "system")]
pub mod system;
pub mod types;
mod words;
pub mod worlds;

#[cfg(feature = "study")]
pub use chapter::chapter;

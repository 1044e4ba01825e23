//! Designs off the main path. Each file is one topic, read after [`crate::step3_log_first`] or
//! [`crate::step4_isolation`], and no step needs any of them.
//!
//! | file | asks |
//! |---|---|
//! | [`termination`] | can participants in doubt help each other? |
//! | [`in_doubt`] | how often can they? |
//! | [`three_phase_commit`] | does one more round make waiting unnecessary? |
//! | [`paxos_commit`] | what if the decision is not on one machine? |
//! | [`fencing`] | what if the coordinator that was replaced still runs? |
//! | [`decision_store`] | what if the decisions are in a store, such as etcd? |
//! | [`one_phase`] | what does an order of a single participant need? |
//! | [`read_only`] | may a participant that only read leave early? |
//! | [`heuristic`] | what if an operator decides by hand? |
//!
//! Most of them wrap the node of a step: its inputs go in, its effects come out, and the wrapper
//! changes the few it is about (see [`lab::AnyNode`]). So each file is the difference, and the step
//! inside is the very one of the main path.

#[cfg(feature = "study")]
pub mod decision_store;
#[cfg(feature = "study")]
pub mod fencing;
#[cfg(feature = "study")]
pub mod heuristic;
#[cfg(feature = "study")]
pub mod in_doubt;
#[cfg(feature = "study")]
pub mod one_phase;
#[cfg(feature = "study")]
pub mod paxos_commit;
#[cfg(feature = "study")]
pub mod read_only;
#[cfg(feature = "study")]
pub mod termination;
#[cfg(feature = "study")]
pub mod three_phase_commit;
mod words;

pub use words::{Ballot, Msg, Peers, Phase, Record, Votes};

//! Deeper: the coordinator that was replaced continues after a pause.
//!
//! `coord` is silent, so `coord-2` takes its place; their log is in a `store` that both can reach.
//! But `coord` was only paused. It continues where it was: it counts a vote that arrives late, or
//! answers *abort* to a participant that asks about an order that its successor began.
//!
//! So every takeover has a number, the *epoch*, and every message of a coordinator carries its own.
//! The store writes nothing for an older epoch than the newest it knows, and participants ignore
//! messages of one. That is a *fencing token*: it does not stop the old coordinator, it makes what
//! it sends worthless.
//!
//! Left out: the store is one machine, and if it is gone nothing is decided. Chapter 3 makes it several.

mod coordinator;
mod participant;
mod store;

use lab::NodeId;

pub use coordinator::Coordinator;
pub use participant::Participant;

use crate::types::COORD;

/// The coordinator that takes over.
pub const COORD_2: NodeId = NodeId(5);
/// Keeps the log of the coordinator, whichever process that is.
pub const STORE: NodeId = NodeId(7);

/// Who else runs the coordinator's program.
pub const STANDBYS: &[(NodeId, &str)] = &[(COORD_2, "coord-2"), (STORE, "store")];
/// Whom clients ask.
pub const ENDPOINTS: &[NodeId] = &[COORD, COORD_2];

//! Deeper: the decision is not on one machine.
//!
//! Three coordinators instead of one. Each participant sends its *yes* to two of them, and a vote
//! counts once a majority of the three has written it down. If the first coordinator is gone,
//! another asks the others what they have, keeps every vote that may already count, takes *no* for
//! those that cannot, and finishes. That is Paxos Commit (Gray and Lamport 2006): one instance of
//! consensus for each participant's vote, 2F + 1 acceptors, and any F of them may be gone. With F =
//! 0 it is two-phase commit.
//!
//! Here F = 1, and the acceptors are the coordinators themselves. All votes of one transaction travel
//! together from acceptor to leader, in one message and one fsync, as section 5 of the paper
//! suggests.
//!
//! Left out: who may begin an order. Only `coord` does, and while it is gone the others finish what
//! it began and begin nothing new. Electing a coordinator that may is chapter 3. Forgetting, as in
//! step 3.

mod acceptor;
mod coordinator;
mod participant;

use lab::NodeId;

pub use coordinator::Coordinator;
pub use participant::Participant;

use crate::types::COORD;

/// The second coordinator.
pub const COORD_2: NodeId = NodeId(5);
/// The third.
pub const COORD_3: NodeId = NodeId(6);

/// All of them. A vote that two have written down is chosen.
const ALL: [NodeId; 3] = [COORD, COORD_2, COORD_3];
const MAJORITY: usize = 2;

/// Who else runs the coordinator's program.
pub const STANDBYS: &[(NodeId, &str)] = &[(COORD_2, "coord-2"), (COORD_3, "coord-3")];

//! Step 7: a replicated key-value store.
//!
//! Step 6 has a log in which every replica finds the same entries. What is missing between a log and a
//! store that people use is all here, a file for each part:
//!
//! | file | is about |
//! |---|---|
//! | `replica.rs` | the replica: what it takes, and how it executes what is chosen |
//! | `sessions.rs` | exactly once: a request that comes again is answered, and not done again |
//! | `store.rs` | keys and values: what a command does |
//! | `clients.rs` | requests of a replica's own clients, from taking to answering |
//! | `election.rs` | who leads: probes before ballots, then phase 1 |
//! | `leader.rs` | phase 2: batches, a window of open slots, the leader's own vote |
//! | `follower.rs` | accepting, committing, and fetching what was missed |
//! | `reads.rs` | linearizable reads beside the log |
//! | `leases.rs` | the same without a question, as long as clocks are not too far off |
//! | `members.rs` | one replica takes another one's place |
//! | `snapshots.rs` | an old log gives way to the state that it made; who is behind pulls that |
//! | `recovery.rs` | what a start reads back |
//! | `frozen.rs` | the state as it was, while commands go on changing it |
//! | `log.rs` | what is accepted, by slot |
//! | `quorum.rs` | who has voted, and how many are enough |
//!
//! Four ideas make it fast, and none of them changes what is chosen. Requests that wait share a slot
//! (*batching*). Up to [`WINDOW`] slots are open at a time (*pipelining*). The leader sends its question
//! before its own copy is on disk, and counts its own vote when it is. And the replica that took a
//! request answers it when it executes it: no answer passes through another process.
//!
//! # Left out
//!
//! Transactions over several keys.

mod clients;
mod election;
mod follower;
mod frozen;
mod leader;
mod leases;
mod log;
mod members;
mod quorum;
mod reads;
mod recovery;
mod replica;
mod sessions;
mod snapshots;
mod store;

use clients::Clients;
pub use frozen::Frozen;
use leader::Leader;
pub use leader::WINDOW;
pub use leases::leader_lease;
use log::Log;
use quorum::Quorum;
pub use quorum::{BadSizes, Sizes};
use reads::{Reads, Rounds};
pub use replica::{Config, Replica};
pub use sessions::Sessions;
pub use store::{Machine, Store};

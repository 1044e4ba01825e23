//! Edge: makes it survive the real world. The lesson is in `replicated_kv/`.
//!
//! The replicas of step 7 as operating system processes on loopback, each behind a driver with a log on
//! disk. Clients speak RESP2 with them, the protocol of Redis, so `redis-cli` is a client of this store.
//! What every system needs is in [`lab::system`] and [`lab::resp`]; [`SYSTEM`] says what is special about
//! this one.
//!
//! | file | what it is |
//! |---|---|
//! | `commands.rs` | the words of a client become an operation, or a refusal; an outcome becomes a reply |
//! | `connection.rs` | one connection of a client, and the requests that it has open |
//! | `replica.rs` | what runs in a replica's process |
//! | `members.rs` | who the replicas are, and where each serves clients |
//! | `client.rs`, `load.rs` | who asks the store: one by hand, or many |
//! | `maelstrom.rs` | a replica for Maelstrom's test bench |
//! | `engines/` | the same beside etcd and Redis |
//! | `processes.rs` | all of it as a system |
//! | `replay.rs` | a recorded run once more |
//! | `week.rs` | what replicas keep of a week of writes |
//!
//! # Left out
//!
//! Authentication and encryption: everything is on loopback.

mod client;
mod commands;
mod connection;
#[cfg(all(feature = "engines", unix))]
pub mod engines;
mod load;
mod maelstrom;
mod members;
mod options;
mod processes;
mod replay;
mod replica;
pub(crate) mod week;

pub use commands::{Asked, ReadMode, parse, reply};
pub use processes::SYSTEM;

/// The short name of this chapter: `cargo ch03`.
const NAME: &str = "ch03";

/// Loads another store, with the feature that has its protocol.
#[cfg(all(feature = "engines", unix))]
use engines::target::run as load_target;

#[cfg(not(all(feature = "engines", unix)))]
async fn load_target(
    url: &str,
    _customers: usize,
    _time: std::time::Duration,
) -> Result<u8, lab::system::Error> {
    Err(lab::system::Error::Refused(format!(
        "this build was made without the feature `engines`; run `cargo run -p ch03-paxos --features \
         engines --bin ch03-paxos -- load --target {url}`"
    )))
}

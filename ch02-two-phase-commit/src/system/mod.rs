//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! The shop as three operating system processes on loopback: `coord`, `stock` and `pay`, each one
//! node of step 4 behind a driver with a log on disk, and a parent that starts, kills and restarts
//! them. With [`Design::Paxos`] `coord-2` and `coord-3` are there as well. [`run`] is the whole of it;
//! [`Cluster`] is the same for tests.
//!
//! | file | what it is |
//! |---|---|
//! | `catalog.rs` | what is sold, and who has what when the shop opens |
//! | `wish.rs` | bytes from outside become an order, or a refusal |
//! | `shop.rs` | the shop's HTTP, on `coord` |
//! | `operator.rs`, `by_hand.rs` | what an operator asks of any role, and decides for a participant |
//! | `design.rs` | which design they run |
//! | `role.rs` | one role as a process |
//! | `inhabitant.rs`, `postgres/` | who may live in a role: a node, or a neighbour with a database |
//! | `recording.rs`, `replay.rs` | a run as one file, and once more |
//! | `cluster.rs`, `memory.rs`, `control.rs` | the parent, and how other terminals reach it |
//! | `call.rs`, `customer.rs`, `load.rs`, `commands.rs`, `terminal.rs` | the other side: HTTP out, the command line |
//!
//! # Left out
//!
//! Anything beyond loopback: TLS, sign-in, rate limits. A process that restarts its dead by itself:
//! here somebody always wants to see them dead. Forgetting: logs and memory grow with the orders.

mod by_hand;
mod call;
mod catalog;
mod cluster;
mod commands;
mod control;
mod customer;
mod design;
mod inhabitant;
mod load;
mod memory;
mod operator;
#[cfg(feature = "engines")]
pub mod postgres;
mod recording;
mod replay;
mod role;
mod shop;
mod terminal;
mod trouble;
mod wish;

pub use by_hand::Ending;
pub use call::{Answered, Caller};
pub use catalog::{OPENING, PRICES, known, opening, price};
pub use cluster::{Cluster, Config, Killed, Restarted, report};
pub use commands::{Command, act};
pub use control::{Happening, run};
pub use design::Design;
pub use load::{Load, load};
pub use operator::RoleStatus;
pub use replay::replay;
pub use role::{Role, RoleArgs, play, role};
pub use trouble::Trouble;
pub use wish::{BadWish, MAX_BODY, Wish};

//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! The shop as three operating system processes on loopback: `coord`, `stock` and `pay`, each one
//! node of step 4 behind a driver with a log on disk. With [`Design::Paxos`] `coord-2` and `coord-3`
//! are there as well; with [`Design::Decisions`] `coord-2` and `store`. What every system needs is in [`lab::system`]: processes, the parent that
//! starts, kills and restarts them, the command line. [`SYSTEM`] says what is special about this one.
//!
//! | file | what it is |
//! |---|---|
//! | `catalog.rs` | what is sold, and who has what when the shop opens |
//! | `request/` | bytes from outside become an order, or a refusal |
//! | `shop.rs` | the shop's HTTP, on `coord` |
//! | `status.rs`, `heuristic.rs` | what an operator reads of a role, and decides for a participant |
//! | `design.rs` | which design they run, and its roles |
//! | `postgres/` | a participant that keeps its accounts in a database |
//! | `decisions.rs` | the decisions in a store that runs elsewhere |
//! | `customer.rs`, `load.rs` | who asks the shop: one by hand, or many |
//! | `outage/` | what a dead coordinator stops, measured |
//! | `processes.rs` | all of it as a system |
//! | `replay.rs` | a recorded run once more |
//!
//! # Left out
//!
//! Forgetting: logs and memory grow with the orders.

mod catalog;
mod customer;
pub mod decisions;
mod design;
mod heuristic;
mod load;
pub mod outage;
#[cfg(feature = "engines")]
pub mod postgres;
mod processes;
mod replay;
mod request;
mod shop;
mod status;

pub use catalog::{OPENING, PRICES, known, opening, price};
pub use design::{Design, Role};
pub use heuristic::HeuristicOutcome;
pub use processes::SYSTEM;
pub use replay::replay;
pub use request::{BadRequest, MAX_BODY, Request};
pub use status::{RoleStatus, report};

/// The short name of this chapter: `cargo ch02`.
const NAME: &str = "ch02";

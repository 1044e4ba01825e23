//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! Real drivers: a [`crate::Node`] as an operating system process, with TCP for a network, a log on
//! a real disk, and the real clock.

pub mod children;
mod clients;
mod counters;
pub mod disk;
mod driver;
pub mod frame;
mod inbox;
mod peers;
mod recorder;
mod timers;
mod turn;
pub mod wal;

pub use clients::{Client, Clients, MAX_SERVER, MAX_START, Refused, Reply, server_of};
pub use counters::Counts;
pub use driver::{Config, Data, Driver, Fatal, Observer, Runnable};
pub use frame::Context;
pub use inbox::Ended;
pub use recorder::EventFile;

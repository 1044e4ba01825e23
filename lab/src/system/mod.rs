//! Edge: makes it survive the real world.
//!
//! Several processes as one system on one machine: each role is a process with a log of its own and
//! a page for operators, and a parent starts, kills and restarts them. A chapter says in [`System`]
//! which roles there are and what runs in them; [`run`] is its whole command line, and [`Cluster`]
//! is the same for tests and for measurements. Nothing here is generic over a system or a node: it
//! is compiled once.
//!
//! | file | what it is |
//! |---|---|
//! | `layout.rs`, `error.rs` | roles and options as data; why something is refused |
//! | `service.rs`, `routes.rs` | what runs in a role, and the pages that each role has |
//! | `first_write/`, `effect_count.rs` | a store as a neighbour of the nodes; what is no node is killed as well |
//! | `handle.rs`, `load.rs`, `interface.rs` | a running cluster from outside, a load on it, and what a chapter says |
//! | `role.rs`, `alone.rs` | one role as a process: of a parent, or in a terminal of its own |
//! | `config.rs`, `manifest.rs`, `recording.rs`, `cluster.rs` | the parent, and what outlives it |
//! | `contender.rs`, `outage.rs` | a cluster measured: beside others, and while a role is down |
//! | `links.rs` | links between roles that a test can cut |
//! | `control.rs`, `terminal.rs`, `command_line.rs` | a cluster until Ctrl-C, what it shows, and all commands |
//!
//! # Left out
//!
//! Anything beyond loopback: TLS, sign-in, rate limits. A supervisor that restarts what died by
//! itself: here the reader, or a test, always wants to see it down.

mod alone;
mod cluster;
mod command_line;
mod config;
mod contender;
mod control;
mod effect_count;
mod error;
mod first_write;
mod handle;
mod interface;
mod layout;
mod links;
mod load;
mod lock;
mod manifest;
mod outage;
mod part;
mod recording;
mod role;
mod routes;
mod service;
mod terminal;

pub use cluster::Cluster;
pub use command_line::{run, run_within};
pub use config::Config;
pub use contender::{ClusterContender, MeasuredCluster, measure_alone};
pub use control::{Event, asked_to_end, run_cluster};
pub use effect_count::EffectCount;
pub use error::Error;
#[cfg(feature = "engines")]
pub use first_write::Etcd;
pub use first_write::{Asked, Away, FirstWrite, Kept, RespStore, StoreService, StoreWords};
pub use handle::{Handle, Killed, Report, Restarted, RoleReport, report};
pub use interface::{System, Texts};
pub use layout::{Endpoints, Layout, Options, Role};
pub use links::Links;
pub use load::{Customer, Load, Words, Workload, load};
pub use outage::{Observed, Outage, Watcher};
pub use part::Part;
pub use role::role;
pub use service::{BoxFuture, NodeService, ReadStatus, Recording, RoleConfig, Service, Status};
pub use terminal::{quoted, say};

//! Edge: makes it survive the real world. The lesson is in `node/`.
//!
//! Measuring, the same way everywhere. [`closed_loop`] is many clients that ask, wait and ask again;
//! [`open_loop`] is requests at a fixed rate. [`compare`] lets several [`Contender`]s do the same job in
//! turn: before each turn stand the floors that nothing can beat on this machine ([`Floors`]), beside
//! it who had the cores ([`cpu`]), and after it whether all is as it has to be: never a speed without
//! its verdict. What comes of it is a [`Table`], printed with the [`Machine`] beside it and kept for
//! the book. A chapter offers its measurements by name ([`Measure`]).
//!
//! | file | what it is |
//! |---|---|
//! | `error.rs`, `report.rs`, `cpu.rs`, `machine.rs` | medians, spreads, ratios, and what stands beside every number |
//! | `load.rs`, `floor.rs`, `gap.rs` | clients, what they cannot beat, and how long none was answered |
//! | `plan.rs`, `contender.rs`, `compare/` | several who do the same job, in turn |
//! | `table.rs`, `offer.rs` | what is printed and kept, and what a chapter offers |
//! | `steps/` | a chapter's designs in this process, one request at a time |
//!
//! # Left out
//!
//! Correction for coordinated omission. A closed loop waits for a slow answer before it asks again, so
//! it shows what a request costs, and hides how a queue grows.

mod compare;
mod contender;
mod cpu;
mod error;
mod floor;
mod gap;
mod load;
mod machine;
mod memory;
mod offer;
mod plan;
mod report;
mod steps;
mod table;

pub use compare::{Comparison, Row, Terms, compare};
pub use contender::{Contender, Floors, Turn, Waits};
pub use cpu::{CpuTime, cpu, family_cpu};
pub use error::Error;
pub use floor::{WriteKind, fsync_floor, round_trip_floor};
pub use gap::Gap;
pub use load::{Failed, Measured, Operation, Until, closed_loop, open_loop};
pub use machine::Machine;
pub use memory::{resident, stored};
pub use offer::{Measure, Outcome, Setup, runtime};
pub use plan::Plan;
pub use report::{many, micros, quartiles, ratio, spread, today};
pub use steps::{Exchange, Nodes, Step, Steps};
pub use table::{Table, aligned, file};

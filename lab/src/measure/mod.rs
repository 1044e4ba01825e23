//! Edge: makes it survive the real world. The lesson is in `node/`.
//!
//! Measuring, the same way everywhere: a closed loop of clients ([`closed_loop`]), the floors that
//! nothing can beat on this machine ([`fsync_floor`], [`round_trip_floor`]), who had the cores
//! ([`cpu`]), and the machine itself ([`Machine`]), printed beside every number.
//!
//! # Left out
//!
//! Open loops (arrivals at a fixed rate). A closed loop waits for a slow answer before it asks again,
//! so it shows what a request costs, and hides how a queue grows.

mod cpu;
mod floor;
mod load;
mod machine;
mod report;

pub use cpu::{cpu, family_cpu};
pub use floor::{Forced, fsync_floor, round_trip_floor};
pub use load::{Failed, Measured, Operation, Until, closed_loop};
pub use machine::Machine;
pub use report::{quartiles, today};

//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! Real drivers: a [`crate::Node`] as an operating system process, with TCP for a network, a log on
//! a real disk, and the real clock.

pub mod disk;
pub mod wal;

//! The shop as real processes.

mod kit;
mod survives;

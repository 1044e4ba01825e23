//! The shop as real processes.

mod drains;
mod kit;
mod survives;
mod tokens;

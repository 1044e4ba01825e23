//! The shop as real processes.

mod drains;
mod kit;
mod sealed;
mod survives;
mod tokens;

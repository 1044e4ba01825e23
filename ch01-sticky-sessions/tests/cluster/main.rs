//! The shop as real processes.

mod balancers;
mod drains;
mod everywhere;
mod kills;
mod kit;
mod recorded;
mod scoreboard;
mod sealed;
mod survives;
mod tokens;
mod users;

//! The shop as real processes.

mod balancers;
mod drains;
mod everywhere;
mod kills;
mod kit;
mod policies;
mod readme;
mod recorded;
mod scoreboard;
mod sealed;
mod survives;
mod terminal;
mod tokens;
mod users;

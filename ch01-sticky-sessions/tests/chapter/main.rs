//! The chapter's designs: explored, simulated, judged.

mod copies;
mod curves;
mod everywhere;
mod guarantees;
mod matrix;
mod policies;
mod random;
mod scoreboard;
mod store;

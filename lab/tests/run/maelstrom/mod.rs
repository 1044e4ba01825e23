//! Nodes as Maelstrom's programs, and a bench that runs them.

mod bench;
mod golden;
mod random;
mod register;

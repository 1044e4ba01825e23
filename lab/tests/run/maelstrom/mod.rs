//! Nodes as Maelstrom's programs, and a bench that runs them.

mod golden;
mod register;

//! The kit that all chapters share.

pub mod chapter;
pub mod event;
pub mod node;
pub mod view;

pub use node::{Cx, Effect, Fact, Input, Node, NodeId};

//! What a run is made of before it begins.

use std::sync::Arc;

use super::{Happening, Wire};
use crate::node::{Node, NodeId};

/// One part in the play.
#[derive(Clone, Debug)]
pub struct Role<N> {
    /// Its id.
    pub id: NodeId,
    /// Its name: `coord`.
    pub name: &'static str,
    /// What decides its colour.
    pub role: &'static str,
    /// The node as it is before its first input.
    pub program: N,
    /// Whether faults may hit its process.
    pub may_crash: bool,
}

/// What never changes during a run: who plays, on what wire, and who keeps the score.
#[derive(Debug)]
pub struct Stage<N: Node, G> {
    /// The nodes, in column order.
    pub roles: Vec<Role<N>>,
    /// The network between them.
    pub wire: Wire,
    /// Whether each record waits for its own flush.
    pub lagging: bool,
    /// Folds what happens into the ghost: what no node knows, and properties need. Most happenings
    /// change nothing, so it gets the shared ghost and makes it its own (`Arc::make_mut`) on change.
    pub observe: fn(&mut Arc<G>, NodeId, &Happening<'_, N>),
    /// One line about a node for logs and the page.
    pub describe: fn(&N) -> String,
}

/// How much of each budget is used up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Spent {
    /// Process crashes.
    pub crashes: u8,
    /// Messages lost. Undeliverable ones to a process that is down are not counted.
    pub losses: u8,
    /// Messages delivered twice.
    pub duplicates: u8,
    /// Timers that ran out, where a search bounds them; see [`World::spend_timeout`].
    pub timeouts: u8,
}

//! Maglev (Eisenbud and others 2016): a table of which each node has an equal part, looked up by a hash.
//!
//! Each node has an order of preference for the slots of the table, which its name gives. The nodes take turns,
//! and each takes the first slot of its order that is free. So all parts are equal, to one slot; and when a node
//! comes or goes, most slots stay with whom they were. A lookup is one read.

use lab::NodeId;

use super::{key, place};
use crate::balancer::{Asked, Backend, Route};
use crate::hash::mix;

/// A table.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Maglev {
    slots: u64,
    table: Vec<NodeId>,
}

impl Maglev {
    /// A table of so many slots: a prime, and more than a hundred times the number of nodes.
    #[must_use]
    pub fn new(slots: u64) -> Self {
        Self { slots, table: Vec::new() }
    }
}

impl Route for Maglev {
    fn prepare(&mut self, webs: &[NodeId]) {
        let slots = self.slots;
        // The `i`-th slot in a node's order: a prime number of slots makes every step visit all.
        let preferred = |node: NodeId, i: u64| {
            let (offset, skip) = (mix(node.0) % slots, mix(!node.0) % (slots - 1) + 1);
            ((offset + i * skip) % slots) as usize
        };
        let mut table: Vec<Option<NodeId>> = vec![None; slots as usize];
        let mut next = vec![0; webs.len()];
        let turns = (0..webs.len()).cycle();
        // With no node there is no turn, and the table stays empty.
        for turn in turns.take(slots as usize) {
            let slot = loop {
                let slot = preferred(webs[turn], next[turn]);
                next[turn] += 1;
                if table[slot].is_none() {
                    break slot;
                }
            };
            table[slot] = Some(webs[turn]);
        }
        self.table = table.into_iter().flatten().collect();
    }

    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let at = (key(asked) % self.slots) as usize;
        let (before, after) = self.table.split_at(at.min(self.table.len()));
        after.iter().chain(before).find_map(|node| place(*node, pool))
    }
}

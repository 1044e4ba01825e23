//! Maglev (Eisenbud and others 2016): a table of which each node has an equal part, looked up by a hash.
//!
//! Each node has an order of preference for the slots of the table, which its name gives. The nodes take turns,
//! and each takes the first slot of its order that is free. So all parts are equal, to one slot; and when a node
//! comes or goes, most slots stay with whom they were. A lookup is one read.

use lab::NodeId;

use super::{key, place};
use crate::balancer::{Asked, Backend, Route};
use crate::hash::mix;

/// The slot is nobody's.
const FREE: u16 = u16::MAX;

/// A table.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Maglev {
    slots: u64,
    webs: Vec<NodeId>,
    /// Whose each slot is: the place in `webs`, which is shorter than a node's name, so that the table stays in
    /// the processor's cache.
    table: Vec<u16>,
}

impl Maglev {
    /// A table of so many slots: a prime, and more than a hundred times the number of nodes, of which there are
    /// fewer than 65,535.
    #[must_use]
    pub fn new(slots: u64) -> Self {
        Self { slots, webs: Vec::new(), table: Vec::new() }
    }
}

impl Route for Maglev {
    fn prepare(&mut self, webs: &[NodeId]) {
        let slots = self.slots;
        self.webs = webs.to_vec();
        // The next slot in each node's order: a prime number of slots makes every step visit all.
        let order = |node: &NodeId| (mix(node.0) % slots, mix(!node.0) % (slots - 1) + 1);
        let mut orders: Vec<(u64, u64)> = webs.iter().map(order).collect();
        self.table = vec![FREE; if webs.is_empty() { 0 } else { slots as usize }];
        let turns = (0..FREE).take(webs.len()).cycle();
        for turn in turns.take(self.table.len()) {
            let (next, skip) = &mut orders[usize::from(turn)];
            while self.table[*next as usize] != FREE {
                *next += *skip;
                *next -= if *next < slots { 0 } else { slots };
            }
            self.table[*next as usize] = turn;
        }
    }

    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        // The key's share of all keys is the slot's share of the table: no division.
        let at = ((u128::from(key(asked)) * self.table.len() as u128) >> 64) as usize;
        let node = |place: &u16| self.webs[usize::from(*place)];
        // Nearly always the pool is the list that the table was made for, and the first one is up.
        let first = usize::from(*self.table.get(at)?);
        if pool.get(first).is_some_and(|backend| backend.id == self.webs[first] && backend.is_up) {
            return Some(first);
        }
        let (before, after) = self.table.split_at(at);
        after.iter().chain(before).find_map(|web| place(node(web), pool))
    }
}

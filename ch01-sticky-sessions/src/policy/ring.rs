//! Consistent hashing on a ring (Karger and others 1997): each node has many points on a ring of hashes, and
//! a key belongs to the next point.
//!
//! When a node comes, it takes the arcs before its points, and nothing else moves. The arcs are not
//! equally long: with `v` points a node, the share of a node strays by about 1/√v of the mean.

use lab::NodeId;

use super::{key, place};
use crate::balancer::{Asked, Backend, Route};
use crate::hash::mix;

/// A ring.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ring {
    points_a_node: u64,
    /// In the order of the ring.
    points: Vec<(u64, NodeId)>,
}

impl Ring {
    /// A ring on which each node has so many points.
    #[must_use]
    pub fn new(points_a_node: u64) -> Self {
        Self { points_a_node, points: Vec::new() }
    }
}

impl Route for Ring {
    fn prepare(&mut self, webs: &[NodeId]) {
        let points = |node: &NodeId| {
            let node = *node;
            (0..self.points_a_node).map(move |i| (mix(mix(node.0) ^ i), node))
        };
        self.points = webs.iter().flat_map(points).collect();
        self.points.sort_unstable();
    }

    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let (before, after) = self.points.split_at(self.points.partition_point(|point| {
            let (at, _) = *point;
            at < key(asked)
        }));
        after.iter().chain(before).find_map(|(_, node)| place(*node, pool))
    }
}

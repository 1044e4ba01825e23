//! Sticky, with any policy for those who come for the first time.
//!
//! Step 3 sends newcomers round robin, so a node that joins has few sessions for as long as those of the others last.
//! With [`super::Fewest`] it gets all newcomers until it has its share.

use lab::NodeId;

use super::place;
use crate::balancer::{Asked, Backend, Route};

/// Back to the node in the cookie; a new browser goes where `N` says.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sticky<N> {
    /// For newcomers.
    pub newcomers: N,
}

impl<N: Route> Route for Sticky<N> {
    fn prepare(&mut self, webs: &[NodeId]) {
        self.newcomers.prepare(webs);
    }

    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let known = asked.affinity.and_then(|node| place(node, pool));
        known.or_else(|| self.newcomers.pick(asked, pool))
    }

    fn affinity(&self, web: NodeId) -> Option<NodeId> {
        Some(web)
    }
}

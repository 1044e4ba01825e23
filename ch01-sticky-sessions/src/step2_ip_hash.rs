//! Step 2: the balancer computes the web node from the browser's address.
//!
//! No cookie, nothing to remember: the same address gives the same node, at every balancer. The web nodes
//! are those of step 1.
//!
//! What breaks: one address may be a whole company. And the *modulo* moves almost everyone when the number
//! of nodes changes: from four nodes to five, four sessions of five end up at a node that does not have
//! them.

use crate::balancer::{Asked, Backend, Route, up};
use crate::hash::mix;

/// The address, modulo the number of nodes that are up.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IpHash;

// ANCHOR: pick
impl Route for IpHash {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let up: Vec<usize> = up(pool).collect();
        let hash = mix(asked.address.0.into());
        up.get((hash % up.len().max(1) as u64) as usize).copied()
    }
}
// ANCHOR_END: pick

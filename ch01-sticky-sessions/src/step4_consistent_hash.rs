//! Step 4: consistent hashing. A node that comes or goes moves only the sessions that it has to.
//!
//! The balancer picks by *rendezvous hashing* of the browser's address; and since one address may be a
//! whole company, *bounded loads*: a node that has more than its share of open requests is passed over for
//! the next one (Mirrokni, Thorup and Zadimoghaddam 2018). The web nodes are those of step 1.
//!
//! What breaks: both halves are right, and together they are wrong. Where sessions live in memory, every
//! request that bounded loads sends away from home is answered with a sign-in page.

use crate::balancer::{Asked, Backend, Route, has_room};
use crate::hash::heaviest;

/// The node with the highest weight for the address, unless it has too much to do.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ConsistentHash {
    /// How much of the mean a node may have, in percent; `None`: as much as comes.
    pub bound: Option<u32>,
}

// ANCHOR: pick
impl Route for ConsistentHash {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let key = asked.address.0.into();
        let room = |place: &usize| self.bound.is_none_or(|bound| has_room(bound, *place, pool));
        heaviest(key, pool, room).or_else(|| heaviest(key, pool, |_| true))
    }
}
// ANCHOR_END: pick

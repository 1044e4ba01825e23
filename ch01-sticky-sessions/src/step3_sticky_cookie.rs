//! Step 3: the balancer tells the browser, in a cookie, which web node served it, and sends it there again.
//!
//! That is what *sticky session* means, and what most balancers offer. The web nodes are those of step 1.
//!
//! What breaks: a session lives exactly as long as its node. A crash signs out everyone on it; a rolling
//! restart of `n` nodes signs the average user out `((n − 1)/n) · ((n/(n − 1))ⁿ − 1)` times, which is more
//! than once; a new node stays idle until old sessions end; and one busy user keeps one node busy.

use lab::NodeId;

use crate::balancer::{Asked, Backend, Route};
use crate::step1_round_robin::RoundRobin;

/// Back to the node in the cookie; a new browser gets the next one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StickyCookie;

// ANCHOR: pick
impl Route for StickyCookie {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let known = |backend: &Backend| backend.is_up && Some(backend.id) == asked.affinity;
        pool.iter().position(known).or_else(|| RoundRobin.pick(asked, pool))
    }

    fn affinity(&self, web: NodeId) -> Option<NodeId> {
        Some(web)
    }
}
// ANCHOR_END: pick

//! Any node, as likely as the next.
//!
//! The balancer has no random numbers: the hash of the request's number has to do. So two balancers
//! that count alike pick alike; a real one draws.

use crate::balancer::{Asked, Backend, Route, up};
use crate::hash::mix;

/// Any node that is up.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Random;

impl Route for Random {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let up: Vec<usize> = up(pool).collect();
        up.get((mix(asked.turn) % up.len().max(1) as u64) as usize).copied()
    }
}

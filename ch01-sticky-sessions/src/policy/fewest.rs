//! The node with the fewest sessions, for those who have none yet.
//!
//! A balancer knows the number from the last health check: within one interval, all newcomers see the same
//! numbers. Where they are equal, open requests decide, and then the turn.
//!
//! # Left out
//!
//! This policy in the real balancer: its health checks ask for no number of sessions.

use crate::balancer::{Asked, Backend, Route, up};

/// The node with the fewest sessions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fewest;

impl Route for Fewest {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let nodes = pool.len().max(1) as u64;
        let turn = |place: usize| (place as u64 + nodes - asked.turn % nodes) % nodes;
        up(pool).min_by_key(|place| (pool[*place].sessions, pool[*place].open, turn(*place)))
    }
}

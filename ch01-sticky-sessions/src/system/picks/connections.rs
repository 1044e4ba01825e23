//! Edge: makes it survive the real world. The lesson is in `balancer.rs`.
//!
//! Policies that go by what a balancer knows without asking: how many requests each web process has of it now.
//! Operators know them as *least connections* (HAProxy's `leastconn`, nginx's `least_conn`) and *power of two
//! choices* (Mitzenmacher 2001; HAProxy's `random(2)`).
//!
//! # Left out
//!
//! What other balancers have sent there. Each goes by its own requests, so several of them that look for the
//! least choose the same web process at the same time; of two random ones they seldom see the same.

use crate::balancer::{Asked, Backend, Route, up};
use crate::hash::mix;

/// The node with the fewest requests under way; among equals, each in turn.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct LeastConnections;

impl Route for LeastConnections {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let least = up(pool).map(|place| pool[place].open).min()?;
        let equal: Vec<usize> = up(pool).filter(|place| pool[*place].open == least).collect();
        equal.get((asked.turn % equal.len() as u64) as usize).copied()
    }
}

/// Of two different nodes, drawn at random, the one with fewer requests under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct TwoChoices;

impl Route for TwoChoices {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let up: Vec<usize> = up(pool).collect();
        let nodes = up.len() as u64;
        // A hash of the turn is random enough: clients do not choose it.
        let random = mix(asked.turn);
        let first = random.checked_rem(nodes)?;
        let step = 1 + (random >> 32).checked_rem(nodes - 1).unwrap_or(0);
        let two = [first, (first + step) % nodes].map(|at| up[at as usize]);
        two.into_iter().min_by_key(|place| pool[*place].open)
    }
}

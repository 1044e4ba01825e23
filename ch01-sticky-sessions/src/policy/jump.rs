//! Jump consistent hash (Lamping and Veach 2014): no table at all, and an even spread.
//!
//! A key jumps from place to place, further each time; the last place within the list is its own. A node that
//! is added at the end takes exactly its share. But a place is a number: when a node in the middle goes, all
//! places after it are other nodes, and their keys move too. That is why balancers do not use it.

use super::key;
use crate::balancer::{Asked, Backend, Route, up};
use crate::hash::mix;

/// The last of a row of jumps.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Jump;

impl Route for Jump {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let up: Vec<usize> = up(pool).collect();
        let nodes = up.len() as u64;
        let (mut place, mut next, mut draw) = (0, 0, key(asked));
        while next < nodes {
            place = next;
            draw = mix(draw);
            // A number from 1 to 2³¹, as a fraction of 2³¹: the smaller, the longer the jump.
            let fraction = (draw >> 33) + 1;
            next = ((place + 1) << 31) / fraction;
        }
        up.get(place as usize).copied()
    }
}

//! Balancing policies that a reader may swap: one file each, all behind the one trait, [`Route`].
//!
//! | policy | picks | where |
//! |---|---|---|
//! | round robin | the next node | [`crate::step1_round_robin::RoundRobin`] |
//! | random | any node | [`Random`] |
//! | fewest sessions | the node with the fewest sessions | [`Fewest`] |
//! | modulo | the hash of the address, modulo the number of nodes | [`crate::step2_ip_hash::IpHash`] |
//! | first octets | the same of the first three octets of the address, as nginx | [`FirstOctets`] |
//! | ring | the next point on a ring of hashes | [`Ring`] |
//! | rendezvous | the node with the highest weight for the key | [`crate::step4_consistent_hash::ConsistentHash`] |
//! | Maglev | a table of which each node has an equal part | [`Maglev`] |
//! | jump | the last of a row of jumps | [`Jump`] |
//! | bounded | rendezvous, past nodes that have too much | [`crate::step4_consistent_hash::ConsistentHash`] |
//! | sticky | the node in the cookie; a newcomer as another policy says | [`Sticky`] |
//!
//! Those that hash use the address, as steps 2 and 4 do. All of them pass over nodes that are down.
//!
//! # Left out
//!
//! Weights: all nodes are alike here.

mod fewest;
mod first_octets;
mod jump;
mod maglev;
mod random;
mod ring;
mod sticky;

pub use fewest::Fewest;
pub use first_octets::FirstOctets;
pub use jump::Jump;
pub use maglev::Maglev;
pub use random::Random;
pub use ring::Ring;
pub use sticky::Sticky;

use lab::NodeId;

use crate::balancer::{Asked, Backend};
use crate::hash::mix;

/// What policies that hash go by.
fn key(asked: &Asked) -> u64 {
    mix(asked.address.0.into())
}

/// The place of a node in a pool, if it is up.
fn place(node: NodeId, pool: &[Backend]) -> Option<usize> {
    pool.iter().position(|backend| backend.id == node && backend.is_up)
}

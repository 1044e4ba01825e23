//! Hashing for placement: two functions that every balancer has to agree on, and nothing else.

use lab::NodeId;

use crate::balancer::{Backend, up};

// ANCHOR: hash
/// Spreads the bits of a key over all 64 of them: the finalizer of SplitMix64 (Steele, Lea and
/// Flood 2014). A weak hash is no hash: rendezvous with plain FNV-1a gives one of four nodes half of
/// the keys.
#[must_use]
pub fn mix(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The weight of a node for a key that went through [`mix`]. The node with the highest weight has the
/// key: *rendezvous hashing* (Thaler and Ravishankar 1998). When a node goes, only its keys move; when
/// one comes, it takes its share from all the others.
#[must_use]
pub fn weight(mixed: u64, node: NodeId) -> u64 {
    mix(mixed ^ node.0)
}
// ANCHOR_END: hash

/// Of the nodes of a pool that are up and may be taken, the place of the one with the highest weight for a key.
#[must_use]
pub fn heaviest(key: u64, pool: &[Backend], may: impl Fn(&usize) -> bool) -> Option<usize> {
    let mixed = mix(key);
    up(pool).filter(may).max_by_key(|place| weight(mixed, pool[*place].id))
}

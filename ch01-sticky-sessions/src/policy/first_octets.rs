//! IP hash as nginx has it in `ip_hash`: of an IPv4 address only the first three octets count.
//!
//! So the 256 addresses of a block are one: a provider that gives a user another address of the same block
//! moves nobody, and a whole block is on one node.
//!
//! # Left out
//!
//! IPv6, of which nginx takes all octets. Its own hash, and that it keeps a node that is down in the count.

use crate::balancer::{Asked, Backend, Route};
use crate::step2_ip_hash::IpHash;
use crate::types::Address;

/// The first three octets, modulo the number of nodes that are up.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FirstOctets;

// ANCHOR: pick
impl Route for FirstOctets {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let block = Address(asked.address.0 & 0xffff_ff00);
        IpHash.pick(&Asked { address: block, ..*asked }, pool)
    }
}
// ANCHOR_END: pick

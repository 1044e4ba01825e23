//! The way out of a node, to the others: frames over TCP ([`Tcp`]), or whatever else carries them.
//!
//! # Left out
//!
//! The way in: what receives messages puts them into the inbox.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::frame::{Encoder, Head};
use super::peers::Peers;
use crate::{NodeId, Protocol};

/// Carries messages to other nodes. It may lose them, as every network does.
pub(crate) trait Network<P: Protocol>: Send {
    /// Takes a message for a peer, or for a client that is connected there (`head.to`).
    ///
    /// # Panics
    /// It could never leave: the node would send it again and again.
    fn push(&mut self, peer: NodeId, head: &Head, msg: P::Msg);

    /// Everything that was pushed leaves.
    fn flush(&mut self);

    /// Takes a new address book, if there are addresses.
    fn set(&mut self, _me: NodeId, _book: BTreeMap<NodeId, SocketAddr>) {}

    /// Adds a peer, if there are addresses.
    fn add(&mut self, _me: NodeId, _peer: NodeId, _addr: SocketAddr) {}

    /// Removes a peer, if there are addresses.
    fn remove(&mut self, _peer: NodeId) {}
}

/// One connection to each peer.
pub(super) struct Tcp<P: Protocol> {
    peers: Peers,
    encoder: Encoder<P::Msg>,
}

impl<P: Protocol> Tcp<P> {
    pub(super) fn new(peers: Peers) -> Self {
        Self { peers, encoder: Encoder::new() }
    }
}

impl<P: Protocol> Network<P> for Tcp<P> {
    fn push(&mut self, peer: NodeId, head: &Head, msg: P::Msg) {
        let encode = |out: &mut Vec<u8>| self.encoder.encode(head, msg, out);
        self.peers.push(peer, encode).unwrap_or_else(|error| panic!("{error}"));
    }

    fn flush(&mut self) {
        self.peers.flush();
    }

    fn set(&mut self, me: NodeId, book: BTreeMap<NodeId, SocketAddr>) {
        self.peers.set(me, book);
    }

    fn add(&mut self, me: NodeId, peer: NodeId, addr: SocketAddr) {
        self.peers.add(me, peer, addr);
    }

    fn remove(&mut self, peer: NodeId) {
        self.peers.remove(peer);
    }
}

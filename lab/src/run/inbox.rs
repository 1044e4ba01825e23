//! The one way in: everything a node may receive stands in one bounded queue. When it is full, the
//! driver stops reading sockets, and TCP tells the senders. Only what costs one place per
//! connection (its end) and what the owner of the driver asks for may go past the bound.
//!
//! # Left out
//!
//! Fairness between senders beyond first come, first served.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::context::Context;
use crate::{NodeId, Protocol};

/// Names the send behind a message: no two sends of a run share it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Origin {
    pub(super) from: NodeId,
    pub(super) start: u64,
    pub(super) sequence: u64,
}

/// What a client is answered, and the context that came with it.
pub struct Reply<P: Protocol> {
    /// What the node sent.
    pub msg: P::Msg,
    /// What travelled along.
    pub context: Context,
}

/// One thing for the driver's loop.
pub(super) enum Arrival<P: Protocol> {
    /// From this node itself or another one, for this node or one of its clients.
    Message { origin: Origin, to: NodeId, context: Context, msg: P::Msg },
    /// A client connects.
    Connected { id: NodeId, replies: mpsc::Sender<Reply<P>> },
    /// A message of a connected client.
    Client { id: NodeId, context: Context, msg: P::Msg },
    /// A client's connection ended.
    Disconnected(NodeId),
    /// The addresses of the other nodes.
    Peers(BTreeMap<NodeId, SocketAddr>),
    /// The owner asks for an orderly end.
    Stop,
}

/// The driver is no longer running.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this node has stopped; connect to it again once it is back")]
pub struct Ended;

/// An arrival and the place it takes in the queue until it is dropped.
pub(super) type Queued<P> = (Option<OwnedSemaphorePermit>, Arrival<P>);

pub(super) struct Inbox<P: Protocol> {
    queue: mpsc::UnboundedSender<Queued<P>>,
    room: Arc<Semaphore>,
}

impl<P: Protocol> Clone for Inbox<P> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), room: Arc::clone(&self.room) }
    }
}

impl<P: Protocol> Inbox<P> {
    pub(super) fn new(bound: usize) -> (Self, mpsc::UnboundedReceiver<Queued<P>>) {
        let (queue, arrivals) = mpsc::unbounded_channel();
        (Self { queue, room: Arc::new(Semaphore::new(bound)) }, arrivals)
    }

    /// Waits for room.
    pub(super) async fn push(&self, arrival: Arrival<P>) -> Result<(), Ended> {
        let place = Arc::clone(&self.room).acquire_owned().await.map_err(|_| Ended)?;
        self.queue.send((Some(place), arrival)).map_err(|_| Ended)
    }

    /// Goes past the bound; in order with what was pushed before.
    pub(super) fn push_unbounded(&self, arrival: Arrival<P>) -> Result<(), Ended> {
        self.queue.send((None, arrival)).map_err(|_| Ended)
    }
}

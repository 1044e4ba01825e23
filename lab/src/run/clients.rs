//! Clients are nodes. Whatever an edge speaks with them (HTTP, RESP, a function call), to the node
//! each connection is a [`NodeId`] that sends messages, is answered, and is gone one day.
//!
//! An id is `1 · node (8 bits) · start (16 bits) · counter (28 bits)`: never used again, because the
//! start count is durable; and at most 53 bits, so that every JSON reader keeps it exact.
//!
//! # Left out
//!
//! Sessions that outlive a connection: that is chapter 1.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::context::Context;
use super::inbox::{Arrival, Ended, Inbox, Reply};
use crate::{NodeId, Protocol};

const CLIENT: u64 = 1 << 52;
const NODE_BITS: u32 = 8;
const START_BITS: u32 = 16;
const COUNTER_BITS: u32 = 28;

/// The largest id a server may have, so that it fits into the ids of its clients.
pub const MAX_SERVER: NodeId = NodeId((1 << NODE_BITS) - 1);
/// How often a node may start on one data directory.
pub const MAX_START: u64 = (1 << START_BITS) - 1;

/// The server a client is connected to; `None` for what is not a client.
#[must_use]
pub fn server_of(id: NodeId) -> Option<NodeId> {
    (id.0 & CLIENT != 0).then_some(NodeId((id.0 >> (START_BITS + COUNTER_BITS)) & MAX_SERVER.0))
}

fn client_id(server: NodeId, start: u64, counter: u64) -> NodeId {
    NodeId(CLIENT | server.0 << (START_BITS + COUNTER_BITS) | start << COUNTER_BITS | counter)
}

/// Why a client was not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// As many are connected as the configuration allows.
    #[error("{limit} clients are connected, the limit; try again in a moment")]
    Full {
        /// That many.
        limit: usize,
    },
    /// All ids of this start are used up.
    #[error("this start has no client ids left; restart the node")]
    IdsUsedUp,
    /// The driver is no longer running.
    #[error("{Ended}")]
    Ended,
}

/// Lets clients in; cheap to clone, for the handlers of an edge.
pub struct Clients<P: Protocol> {
    inbox: Inbox<P>,
    shared: Arc<Shared>,
}

struct Shared {
    server: NodeId,
    start: u64,
    limit: usize,
    queue: usize,
    counter: AtomicU64,
    connected: AtomicUsize,
}

impl<P: Protocol> Clone for Clients<P> {
    fn clone(&self) -> Self {
        Self { inbox: self.inbox.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<P: Protocol> Clients<P> {
    pub(super) fn new(
        inbox: Inbox<P>,
        server: NodeId,
        start: u64,
        limit: usize,
        queue: usize,
    ) -> Self {
        let (counter, connected) = (AtomicU64::new(0), AtomicUsize::new(0));
        let shared = Shared { server, start, limit, queue, counter, connected };
        Self { inbox, shared: Arc::new(shared) }
    }

    /// Lets one client in, under an id that no client had before.
    ///
    /// # Errors
    /// There are too many, or the driver has ended.
    pub fn connect(&self) -> Result<Client<P>, Refused> {
        let shared = &self.shared;
        if shared.connected.fetch_add(1, Ordering::Relaxed) >= shared.limit {
            shared.connected.fetch_sub(1, Ordering::Relaxed);
            return Err(Refused::Full { limit: shared.limit });
        }
        let counter = shared.counter.fetch_add(1, Ordering::Relaxed);
        if counter >> COUNTER_BITS != 0 {
            shared.connected.fetch_sub(1, Ordering::Relaxed);
            return Err(Refused::IdsUsedUp);
        }
        let id = client_id(shared.server, shared.start, counter);
        let (replies, incoming) = mpsc::channel(shared.queue);
        // From here on dropping it gives its place back, and ends the connection of this id.
        let client = Client { id, incoming, clients: self.clone() };
        self.inbox
            .push_unbounded(Arrival::Connected { id, replies })
            .map_err(|Ended| Refused::Ended)?;
        Ok(client)
    }
}

/// One client's connection. Dropping it tells the node that the client is gone.
pub struct Client<P: Protocol> {
    id: NodeId,
    incoming: mpsc::Receiver<Reply<P>>,
    clients: Clients<P>,
}

impl<P: Protocol> Client<P> {
    /// What the node knows this client by.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Sends a message to the node, under the context of this task; waits while its queue is full.
    ///
    /// # Errors
    /// The driver has ended.
    pub async fn send(&self, msg: P::Msg) -> Result<(), Ended> {
        self.send_with(msg, Context::current()).await
    }

    /// As [`Client::send`], with a context that everything it causes carries along.
    ///
    /// # Errors
    /// The driver has ended.
    pub async fn send_with(&self, msg: P::Msg, context: Context) -> Result<(), Ended> {
        self.clients.inbox.push(Arrival::Client { id: self.id, context, msg }).await
    }

    /// The next message of the node. `None` once the connection is over: the driver has ended, or
    /// this client did not receive for so long that its queue was full.
    pub async fn recv(&mut self) -> Option<P::Msg> {
        self.incoming.recv().await.map(|reply| reply.msg)
    }

    /// As [`Client::recv`], with the context.
    pub async fn recv_with(&mut self) -> Option<Reply<P>> {
        self.incoming.recv().await
    }

    /// Forgets what came in and was not fetched. Whether the connection still stands.
    pub(super) fn forget_replies(&mut self) -> bool {
        loop {
            match self.incoming.try_recv() {
                Ok(_) => {}
                Err(mpsc::error::TryRecvError::Empty) => return true,
                Err(mpsc::error::TryRecvError::Disconnected) => return false,
            }
        }
    }
}

impl<P: Protocol> Drop for Client<P> {
    fn drop(&mut self) {
        self.clients.shared.connected.fetch_sub(1, Ordering::Relaxed);
        // If the driver has ended there is no loop left to tell.
        let _ = self.clients.inbox.push_unbounded(Arrival::Disconnected(self.id));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::run::inbox::Queued;

    /// No words beyond those that every fact has.
    #[derive(Clone, PartialEq, Eq, Hash, Debug)]
    pub(in crate::run) struct Plain;

    impl Protocol for Plain {
        type Msg = String;
        type Timer = String;
        type Record = String;
        type Note = String;
        type Summary = String;
    }

    /// The clients of a node, and what that node has in front of it.
    pub(in crate::run) fn node(
        limit: usize,
    ) -> (Clients<Plain>, mpsc::UnboundedReceiver<Queued<Plain>>) {
        let (inbox, arrivals) = Inbox::new(16);
        (Clients::new(inbox, NodeId(1), 1, limit, 2), arrivals)
    }

    #[test]
    fn ids_that_are_used_up_end_no_connection() {
        let (clients, mut arrivals) = node(2);
        let first = clients.connect().unwrap();
        assert!(
            matches!(arrivals.try_recv(), Ok((_, Arrival::Connected { id, .. })) if id == first.id())
        );
        clients.shared.counter.store(1 << COUNTER_BITS, Ordering::Relaxed);
        for _ in 0..3 {
            assert_eq!(clients.connect().err(), Some(Refused::IdsUsedUp), "and no place is lost");
        }
        assert!(arrivals.try_recv().is_err(), "the node is told of no end");
        drop(first);
        assert!(matches!(arrivals.try_recv(), Ok((_, Arrival::Disconnected(_)))));
    }

    #[test]
    fn a_client_id_names_its_server_and_survives_json() {
        let id = client_id(MAX_SERVER, MAX_START, (1 << COUNTER_BITS) - 1);
        assert_eq!(server_of(id), Some(MAX_SERVER));
        assert!(id.0 < 1 << 53);
        assert_ne!(client_id(NodeId(1), 2, 3), client_id(NodeId(1), 3, 3));
        assert_eq!(server_of(MAX_SERVER), None);
    }
}

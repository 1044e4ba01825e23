//! An external node: it has a [`NodeId`] and exchanges the nodes' messages, and is not a
//! [`crate::Node`] because it does I/O of its own (a database keeps its state, say). It shares the
//! nodes' frames and connections, and nothing else: no log, no timers, no replay. What it promises
//! it has to keep by itself.
//!
//! # Left out
//!
//! Clients of its own, and events for the record: a run with an external node in it cannot be
//! re-executed.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use serde::{Serialize, de::DeserializeOwned};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::AbortHandle;

use super::clients::MAX_SERVER;
use super::config::Fatal;
use super::context::Context;
use super::counters::Counters;
use super::frame::{self, Head};
use super::inbox::Ended;
use super::peers::{self, FrameHandler, Incoming, Peers};
use crate::NodeId;

/// So many deliveries may wait; beyond that, no socket is read.
const WAITING: usize = 4096;

/// Which external node, and where.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Which cluster: frames of another one are refused.
    pub cluster: u64,
    /// The external node.
    pub me: NodeId,
    /// Counts its starts. It has to keep this count itself, durably.
    pub start: u64,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
}

/// What came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery<M> {
    /// Who sent it.
    pub from: NodeId,
    /// The message.
    pub msg: M,
    /// What travelled along.
    pub context: Context,
}

/// What comes in, in the order of each connection. Dropping it refuses what comes later.
pub type Deliveries<M> = mpsc::Receiver<Delivery<M>>;

/// Handles deliveries, at most so many at a time and each under its context, until `stop`. While all places
/// are taken, no socket is read.
pub async fn attend<M, F>(
    mut deliveries: Deliveries<M>,
    most: usize,
    stop: impl Future<Output = ()>,
    handle: impl Fn(Delivery<M>) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(most));
    let mut next = async || {
        let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
        deliveries.recv().await.map(|delivery| (delivery, place))
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = tokio::select! {
            next = next() => next,
            () = &mut stop => None,
        };
        let Some((delivery, place)) = next else { break };
        let (context, handling) = (delivery.context, handle(delivery));
        tokio::spawn(async move {
            context.scope(handling).await;
            drop(place);
        });
    }
}

/// The external node's side of the network. Dropping it closes all connections.
pub struct ExternalNode<M> {
    place: Place,
    runtime: Handle,
    peers: Mutex<Peers>,
    linked: watch::Receiver<BTreeSet<NodeId>>,
    counters: Arc<Counters>,
    sequence: AtomicU64,
    listening: AbortHandle,
    words: PhantomData<fn(M)>,
}

struct Mailbox<M> {
    me: NodeId,
    deliveries: mpsc::Sender<Delivery<M>>,
}

impl<M> Clone for Mailbox<M> {
    fn clone(&self) -> Self {
        Self { me: self.me, deliveries: self.deliveries.clone() }
    }
}

impl<M: DeserializeOwned + Send + 'static> FrameHandler for Mailbox<M> {
    type Msg = M;

    async fn handle(&self, incoming: Incoming<M>) -> Result<(), Ended> {
        // No client is connected here.
        if incoming.to != self.me {
            return Ok(());
        }
        let delivery =
            Delivery { from: incoming.origin.from, msg: incoming.msg, context: incoming.context };
        self.deliveries.send(delivery).await.map_err(|_| Ended)
    }
}

impl<M: Serialize + DeserializeOwned + Send + 'static> ExternalNode<M> {
    /// Listens, on this runtime.
    ///
    /// # Errors
    /// The port is taken, or the id is too large.
    pub fn start(mut place: Place, runtime: Handle) -> Result<(Self, Deliveries<M>), Fatal> {
        // No node would let it in.
        if place.me > MAX_SERVER {
            let why = format!(
                "external node id {} is too large; choose one up to {MAX_SERVER}",
                place.me
            );
            return Err(Fatal::Config(why));
        }
        let inside = runtime.enter();
        let listener = std::net::TcpListener::bind(place.listen)
            .and_then(|l| l.set_nonblocking(true).map(|()| l))
            .map_err(|e| Fatal::Io("listen on the address given; choose another port", e))?;
        let listener = TcpListener::from_std(listener)
            .map_err(|e| Fatal::Io("listen on the address given", e))?;
        place.listen = listener.local_addr().map_err(|e| Fatal::Io("read the own address", e))?;
        let counters = Arc::new(Counters::default());
        let (deliveries, incoming) = mpsc::channel(WAITING);
        let handler = Mailbox { me: place.me, deliveries };
        let listening =
            peers::listen(listener, place.cluster, place.me, handler, Arc::clone(&counters));
        let listening = runtime.spawn(listening).abort_handle();
        let (up, linked) = watch::channel(BTreeSet::new());
        let peers = Mutex::new(Peers::new(place.cluster, up, Arc::clone(&counters)));
        drop(inside);
        let sequence = AtomicU64::new(0);
        let words = PhantomData;
        let node = Self { place, runtime, peers, linked, counters, sequence, listening, words };
        Ok((node, incoming))
    }

    /// Where the others reach it.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.place.listen
    }

    /// Replaces the address book: dials the nodes that are new or have moved.
    pub fn set_peers(&self, book: BTreeMap<NodeId, SocketAddr>) {
        let _inside = self.runtime.enter();
        self.peers().set(self.place.me, book);
    }

    /// Waits until frames to all of these can leave.
    pub async fn linked_to(&self, peers: &[NodeId]) {
        let mut linked = self.linked.clone();
        let _ = linked.wait_for(|up| peers.iter().all(|id| up.contains(id))).await;
    }

    /// Sends a message at once. It may be lost, as on any network.
    ///
    /// # Panics
    /// The message is longer than [`crate::MAX_MESSAGE`], or does not become bytes.
    pub fn send(&self, to: NodeId, msg: &M, context: &Context) {
        let Place { cluster, me, start, .. } = self.place;
        let sequence = self.sequence.fetch_add(1, Relaxed) + 1;
        let context = *context;
        let head = Head { cluster, from: me, to, start, sequence, cause: 0, context };
        let mut peers = self.peers();
        let pushed = peers.push(to, |buffer| frame::encode(&head, msg, buffer));
        peers.flush();
        drop(peers);
        pushed.unwrap_or_else(|error| panic!("{error}"));
    }

    /// How many messages it handed to the network.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.counters.frames_out.load(Relaxed)
    }

    fn peers(&self) -> std::sync::MutexGuard<'_, Peers> {
        self.peers.lock().expect("no thread panics with this lock held")
    }
}

impl<M> Drop for ExternalNode<M> {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stop comes while the only place is taken, and for good.
    #[tokio::test]
    async fn who_attends_stops_although_all_places_are_taken() {
        let (deliveries, incoming) = mpsc::channel(2);
        for msg in 0..2 {
            let delivery = Delivery { from: NodeId(1), msg, context: Context::default() };
            deliveries.send(delivery).await.unwrap();
        }
        let (taken, mut is_taken) = mpsc::channel(2);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let attending =
            tokio::spawn(attend(incoming, 1, async move { drop(stopped.await) }, move |_| {
                let taken = taken.clone();
                async move {
                    taken.send(()).await.unwrap();
                    std::future::pending().await
                }
            }));
        is_taken.recv().await.unwrap();
        stop.send(()).unwrap();
        attending.await.unwrap();
    }
}

//! One node as a real process: recovery, then turns (see `event_loop.rs`) on a thread of its own,
//! until its owner asks for an orderly end, or the disk fails and the process ends at once.
//!
//! # Left out
//!
//! Several nodes sharing one thread or one log. Tests that want many nodes start many drivers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::clients::{Clients, MAX_SERVER};
use super::config::{Config, Fatal, Observer};
use super::context::Context;
use super::counters::{Counters, Counts};
use super::inbox::{Arrival, Ended, Inbox, Origin};
use super::network::{Network, Tcp};
use super::peers::{self, Peers};
use super::recover::recover;
use crate::{AnyNode, Node, NodeId, Protocol};

/// The exit code of a process whose disk failed.
const EXIT_FATAL: i32 = 70;

/// How a node reaches the others.
enum Via<P: Protocol> {
    Tcp(std::net::TcpListener),
    Other(Box<dyn Network<P>>),
}

/// A running node. Dropping it stops the node in order.
pub struct Driver<P: Protocol> {
    start: u64,
    addr: SocketAddr,
    inbox: Inbox<P>,
    clients: Clients<P>,
    counters: Arc<Counters>,
    linked: watch::Receiver<BTreeSet<NodeId>>,
    ended: watch::Receiver<bool>,
    runtime: tokio::runtime::Handle,
    thread: Option<JoinHandle<Result<(), Fatal>>>,
}

impl<P: Protocol> Driver<P> {
    /// Recovers the node from its log and runs it. `node` is what it is before any record.
    ///
    /// Every start takes some milliseconds of disk time, however short the log is: the log makes a
    /// segment of its own for this start and waits for it. That is a file of zeros, written and
    /// forced piece by piece, then renamed, and an fsync of its directory; two frames, each with an
    /// fsync, follow. A caller that starts many nodes waits for each of them.
    ///
    /// # Errors
    /// The log refuses, the port is taken, or the configuration is wrong.
    pub fn start(
        config: Config,
        node: impl Node<Protocol = P>,
        observer: impl Observer<P>,
    ) -> Result<Self, Fatal> {
        let listener = std::net::TcpListener::bind(config.listen)
            .and_then(|l| l.set_nonblocking(true).map(|()| l))
            .map_err(|e| Fatal::Io("listen on the address given; choose another port", e))?;
        Self::launch(config, AnyNode::new(node), Box::new(observer), Via::Tcp(listener))
    }

    /// The same over another network, which hands in what it receives with [`Driver::deliver`]. Nothing
    /// listens, and [`Driver::addr`] is what the configuration says.
    ///
    /// # Errors
    /// As for [`Driver::start`].
    pub(crate) fn start_over(
        network: impl Network<P> + 'static,
        config: Config,
        node: AnyNode<P>,
    ) -> Result<Self, Fatal> {
        Self::launch(config, node, Box::new(()), Via::Other(Box::new(network)))
    }

    fn launch(
        config: Config,
        node: AnyNode<P>,
        observer: Box<dyn Observer<P>>,
        via: Via<P>,
    ) -> Result<Self, Fatal> {
        if config.me > MAX_SERVER {
            let why = format!("node id {} is too large; choose one up to {MAX_SERVER}", config.me);
            return Err(Fatal::Config(why));
        }
        let addr = match &via {
            Via::Tcp(listener) => listener.local_addr(),
            Via::Other(_) => Ok(config.listen),
        };
        let addr = addr.map_err(|e| Fatal::Io("read the own address", e))?;
        let counters = Arc::new(Counters::default());
        let (inbox, arrivals) = Inbox::new(config.inbox);
        let (up, linked) = watch::channel(BTreeSet::new());
        let (end, ended) = watch::channel(false);
        let (cluster, exit) = (config.cluster, config.exit_on_fatal);
        let (limit, queue, server) = (config.clients, config.client_queue, config.me);
        // The first arrival of the loop: which nodes to dial.
        let _ = inbox.push_unbounded(Arrival::Peers(config.peers.clone()));
        let tcp = || Box::new(Tcp::new(Peers::new(cluster, up, Arc::clone(&counters))));
        let (listener, network): (_, Box<dyn Network<P>>) = match via {
            Via::Tcp(listener) => (Some(listener), tcp()),
            Via::Other(network) => (None, network),
        };
        let event_loop = recover(config, node, observer, arrivals, network, &counters)?;
        // Last, because a runtime must not be dropped by a caller who is async.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Fatal::Io("set up the network", e))?;
        let handle = runtime.handle().clone();
        let start = event_loop.start;
        let clients = Clients::new(inbox.clone(), server, start, limit, queue);
        let (for_peers, for_peers_counters) = (inbox.clone(), Arc::clone(&counters));
        let work = async move {
            if let Some(listener) = listener {
                let listener = TcpListener::from_std(listener)
                    .map_err(|e| Fatal::Io("listen on the address given", e))?;
                tokio::spawn(peers::listen(
                    listener,
                    cluster,
                    server,
                    for_peers,
                    for_peers_counters,
                ));
            }
            event_loop.run().await
        };
        let thread = std::thread::Builder::new()
            .name(format!("node {server}"))
            .spawn(move || {
                // A task of the runtime: what it waits for wakes it without a system call. A node that
                // broke an assertion has no next step, and its process nothing to run.
                let result = runtime.block_on(runtime.spawn(work)).unwrap_or(Err(Fatal::Panicked));
                if let Err(fatal) = &result
                    && exit
                {
                    eprintln!("node {server} ends: {fatal}");
                    std::process::exit(EXIT_FATAL);
                }
                // Readers and dialers end with the runtime, clients learn of it by their queues.
                drop(runtime);
                end.send_replace(true);
                result
            })
            .map_err(|e| Fatal::Io("start a thread", e))?;
        Ok(Self {
            start,
            addr,
            inbox,
            clients,
            counters,
            linked,
            ended,
            runtime: handle,
            thread: Some(thread),
        })
    }

    /// Counts the starts on this data directory.
    #[must_use]
    pub fn start_count(&self) -> u64 {
        self.start
    }

    /// Where the others reach this node.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Lets clients in.
    #[must_use]
    pub fn clients(&self) -> Clients<P> {
        self.clients.clone()
    }

    /// What was done since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// The runtime of the node's own thread. An edge that is spawned here saves two changes of
    /// thread per request. Like the node, it waits while that thread syncs the log.
    #[must_use]
    pub fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.clone()
    }

    /// Replaces the address book: dials the nodes that are new or have moved.
    pub fn set_peers(&self, book: BTreeMap<NodeId, SocketAddr>) {
        // A driver that has ended dials no node.
        let _ = self.inbox.push_unbounded(Arrival::Peers(book));
    }

    /// Takes a message that came over another network ([`Driver::start_over`]), for the node or for a
    /// client that is connected here; waits while the queue is full.
    ///
    /// # Errors
    /// The driver has ended.
    pub(crate) async fn deliver(&self, from: NodeId, to: NodeId, msg: P::Msg) -> Result<(), Ended> {
        // No number that another node's event log could have.
        let origin = Origin { from, start: 0, sequence: 0 };
        let context = Context::default();
        self.inbox.push(Arrival::Message { origin, to, context, msg }).await
    }

    /// Waits until frames to all of these can leave. Returns early if the driver ends.
    pub async fn linked_to(&self, peers: &[NodeId]) {
        let mut linked = self.linked.clone();
        let _ = linked.wait_for(|up| peers.iter().all(|id| up.contains(id))).await;
    }

    /// Waits until the driver has ended, however.
    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Asks for an orderly end: what was taken is finished, the log is closed.
    pub fn stop(&self) {
        let _ = self.inbox.push_unbounded(Arrival::Stop);
    }

    /// Waits for the end and tells how it was. Blocks: not for async code, see [`Driver::ended`].
    ///
    /// # Errors
    /// What ended the driver, if its owner did not ask for it.
    ///
    /// # Panics
    /// On the node's own thread, which cannot wait for itself.
    pub fn join(mut self) -> Result<(), Fatal> {
        let own = self.thread.as_ref().is_some_and(is_current);
        assert!(!own, "the node's own thread cannot join itself: await Driver::ended there");
        self.thread.take().expect("joined once").join().unwrap_or(Err(Fatal::Panicked))
    }
}

impl<P: Protocol> Drop for Driver<P> {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop();
            // The last handle may be in a task that runs beside the node: its thread ends by itself
            // once that task gives way, and cannot wait for that here.
            if !is_current(&thread) {
                let _ = thread.join();
            }
        }
    }
}

fn is_current<T>(thread: &JoinHandle<T>) -> bool {
    thread.thread().id() == std::thread::current().id()
}

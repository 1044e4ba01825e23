//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! One node as a real process: recovery, then turns (see `turn.rs`) on a thread of its own, until
//! somebody asks for an orderly end, or the disk fails and the process ends at once.
//!
//! # Left out
//!
//! Several nodes sharing one thread or one log. Tests that want many nodes start many drivers.

#![expect(clippy::disallowed_methods, reason = "a driver is where the real clock lives")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Serialize, de::DeserializeOwned};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::clients::{Clients, MAX_SERVER, MAX_START};
use super::counters::{Counters, Counts};
use super::disk::{Disk, FileDisk, PowerCutDisk};
use super::frame::Context;
use super::inbox::{Arrival, Inbox, Queued};
use super::peers::{self, Peers};
use super::recorder::{EventFile, Recorder};
use super::timers::Timers;
use super::turn::{Clock, Turns};
use super::wal::{Identity, LogError, Options, Wal};
use crate::node::react;
use crate::rng::Rng;
use crate::{Input, Node, NodeId};

/// The exit code of a process whose disk failed.
const EXIT_FATAL: i32 = 70;

/// A node whose messages and records can leave the process.
pub trait Runnable:
    Node<Msg: Serialize + DeserializeOwned, Record: Serialize + DeserializeOwned, Timer: Serialize>
{
}

impl<N> Runnable for N where
    N: Node<
            Msg: Serialize + DeserializeOwned,
            Record: Serialize + DeserializeOwned,
            Timer: Serialize,
        >
{
}

/// Watches a node from inside its process. `()` watches nothing.
pub trait Observer<N: Node>: Send + 'static {
    /// The node is about to take an input that came with a context; gives the one that everything
    /// it causes will carry.
    fn input(&mut self, input: &Input<N>, context: Context) -> Context {
        let _ = input;
        context
    }

    /// The node told a fact.
    fn note(&mut self, note: &N::Note, context: &Context) {
        let _ = (note, context);
    }
}

impl<N: Node> Observer<N> for () {}

/// Where a node keeps its log.
pub enum Data {
    /// A directory; `kill -9` loses nothing the log was given.
    Dir(PathBuf),
    /// A directory behind a disk that makes `kill -9` as bad as a power cut.
    PowerCut(PathBuf),
    /// Anything else, for tests.
    Disk(Box<dyn Disk>),
}

/// How to run one node.
pub struct Config {
    /// Which cluster: frames and logs of another one are refused.
    pub cluster: u64,
    /// The node; at most [`MAX_SERVER`].
    pub me: NodeId,
    /// Where to listen for the others; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The others' addresses; may be given later with [`Driver::set_peers`].
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// The log's place.
    pub data: Data,
    /// The log's options.
    pub log: Options,
    /// How many inputs may wait; beyond that, nobody reads sockets.
    pub inbox: usize,
    /// How many clients may be connected.
    pub clients: usize,
    /// How many answers may wait for one client; one more ends its connection.
    pub client_queue: usize,
    /// What timers are drawn from.
    pub seed: u64,
    /// Aborts the process right after carrying out this effect, counted from 1 at each start.
    pub crash_after_effect: Option<u64>,
    /// Records the run.
    pub events: Option<EventFile>,
    /// Ends the process when the disk fails. Only a test that fails disks on purpose says no.
    pub exit_on_fatal: bool,
}

impl Config {
    /// A node on loopback, on a free port, that knows nobody yet.
    #[must_use]
    pub fn new(cluster: u64, me: NodeId, data: Data) -> Self {
        Self {
            cluster,
            me,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            peers: BTreeMap::new(),
            data,
            log: Options::default(),
            inbox: 4096,
            clients: 4096,
            client_queue: 64,
            seed: me.0,
            crash_after_effect: None,
            events: None,
            exit_on_fatal: true,
        }
    }
}

/// Why a node does not run, or no longer.
#[derive(Debug)]
pub enum Fatal {
    /// The log refuses, or the disk failed.
    Log(LogError),
    /// A record does not become bytes, or bytes not a record.
    Record(String),
    /// A directory, a port or a thread is not to be had.
    Io(&'static str, std::io::Error),
    /// The configuration asks for what cannot be.
    Config(String),
    /// The node broke one of its own assertions.
    Panicked,
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => write!(f, "{error}"),
            Self::Record(why) => write!(
                f,
                "a record cannot be read or written ({why}); start the program that wrote it"
            ),
            Self::Io(doing, error) => write!(f, "cannot {doing}: {error}"),
            Self::Config(why) => f.write_str(why),
            Self::Panicked => f.write_str("the node broke an assertion; see the message above"),
        }
    }
}

impl std::error::Error for Fatal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Log(error) => Some(error),
            Self::Io(_, error) => Some(error),
            Self::Record(_) | Self::Config(_) | Self::Panicked => None,
        }
    }
}

/// A running node. Dropping it stops the node in order.
pub struct Driver<N: Runnable> {
    start: u64,
    addr: SocketAddr,
    inbox: Inbox<N>,
    clients: Clients<N>,
    counters: Arc<Counters>,
    linked: watch::Receiver<BTreeSet<NodeId>>,
    ended: watch::Receiver<bool>,
    runtime: tokio::runtime::Handle,
    thread: Option<JoinHandle<Result<(), Fatal>>>,
}

impl<N: Runnable> Driver<N> {
    /// Recovers the node from its log and runs it. `node` is what it is before any record.
    ///
    /// # Errors
    /// The log refuses, the port is taken, or the configuration is wrong.
    pub fn start(config: Config, node: N, observer: impl Observer<N>) -> Result<Self, Fatal> {
        if config.me > MAX_SERVER {
            let why = format!("node id {} is too large; choose one up to {MAX_SERVER}", config.me);
            return Err(Fatal::Config(why));
        }
        let listener = std::net::TcpListener::bind(config.listen)
            .and_then(|l| l.set_nonblocking(true).map(|()| l))
            .map_err(|e| Fatal::Io("listen on the address given; choose another port", e))?;
        let addr = listener.local_addr().map_err(|e| Fatal::Io("read the own address", e))?;
        let counters = Arc::new(Counters::default());
        let (inbox, arrivals) = Inbox::new(config.inbox);
        let (up, linked) = watch::channel(BTreeSet::new());
        let (end, ended) = watch::channel(false);
        let (cluster, exit) = (config.cluster, config.exit_on_fatal);
        let (limit, queue, server) = (config.clients, config.client_queue, config.me);
        // The first thing the loop hears: whom to dial.
        let _ = inbox.urge(Arrival::Peers(config.peers.clone()));
        let peers = Peers::new(up, Arc::clone(&counters));
        let turns = recover(config, node, Box::new(observer), arrivals, peers, &counters)?;
        // Last, because a runtime must not be dropped by a caller who is async.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Fatal::Io("set up the network", e))?;
        let handle = runtime.handle().clone();
        let start = turns.start;
        let clients = Clients::new(inbox.clone(), server, start, limit, queue);
        let (for_peers, for_peers_counters) = (inbox.clone(), Arc::clone(&counters));
        let life = async move {
            let listener = TcpListener::from_std(listener)
                .map_err(|e| Fatal::Io("listen on the address given", e))?;
            tokio::spawn(peers::listen(listener, cluster, for_peers, for_peers_counters));
            turns.run().await
        };
        let thread = std::thread::Builder::new()
            .name(format!("node {server}"))
            .spawn(move || {
                // A node that broke an assertion has no next step, and its process no reason to live.
                let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(life)))
                    .unwrap_or(Err(Fatal::Panicked));
                if let Err(fatal) = &result
                    && exit
                {
                    eprintln!("node {server} ends: {fatal}");
                    std::process::exit(EXIT_FATAL);
                }
                // Readers and dialers end with the runtime, clients hear of it by their queues.
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
    pub fn clients(&self) -> Clients<N> {
        self.clients.clone()
    }

    /// What was done since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// The runtime of the node's own thread. An edge that is spawned here saves two changes of
    /// thread per request, and waits while the disk works.
    #[must_use]
    pub fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.clone()
    }

    /// Replaces the address book: dials whoever is new or has moved.
    pub fn set_peers(&self, book: BTreeMap<NodeId, SocketAddr>) {
        // A driver that has ended dials nobody.
        let _ = self.inbox.urge(Arrival::Peers(book));
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
        let _ = self.inbox.urge(Arrival::Stop);
    }

    /// Waits for the end and tells how it was. Blocks: not for async code, see [`Driver::ended`].
    ///
    /// # Errors
    /// What ended the driver, if nobody asked for it.
    pub fn join(mut self) -> Result<(), Fatal> {
        self.thread.take().expect("joined once").join().unwrap_or(Err(Fatal::Panicked))
    }
}

impl<N: Runnable> Drop for Driver<N> {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop();
            let _ = thread.join();
        }
    }
}

/// Rebuilds the node from its log: a fold over the records, before anything else happens.
fn recover<N: Runnable>(
    config: Config,
    mut node: N,
    mut observer: Box<dyn Observer<N>>,
    arrivals: mpsc::UnboundedReceiver<Queued<N>>,
    peers: Peers,
    counters: &Arc<Counters>,
) -> Result<Turns<N>, Fatal> {
    let open =
        |dir: PathBuf| FileDisk::open(&dir).map_err(|e| Fatal::Io("take the data directory", e));
    let disk: Box<dyn Disk> = match config.data {
        Data::Dir(dir) => Box::new(open(dir)?),
        Data::PowerCut(dir) => Box::new(
            PowerCutDisk::new(open(dir)?).map_err(|e| Fatal::Io("read the data directory", e))?,
        ),
        Data::Disk(disk) => disk,
    };
    let (cluster, me) = (config.cluster, config.me);
    let recovered =
        Wal::recover(disk, Identity { cluster, node: me.0 }, config.log).map_err(Fatal::Log)?;
    let start = recovered.start;
    if start > MAX_START {
        let why = format!("this node started {start} times, client ids have room for {MAX_START}");
        return Err(Fatal::Config(format!("{why}; give it an empty data directory and a new id")));
    }
    if let Some(torn) = &recovered.torn {
        tracing::warn!(file = torn.file, at = torn.at, "dropped a write that a crash cut short");
    }
    let mut recorder =
        Recorder::open(me, start, config.events).map_err(|e| Fatal::Io("make the event log", e))?;
    let clock = Clock {
        began: Instant::now(),
        base: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
    };
    for bytes in recovered.records {
        let (context, record): (Context, N::Record) =
            postcard::from_bytes(&bytes).map_err(|e| Fatal::Record(e.to_string()))?;
        let input = Input::Replay(record);
        recorder.input(&input, None, clock.now());
        observer.input(&input, context);
        react(&mut node, me, clock.now(), input);
    }
    Ok(Turns {
        cluster,
        me,
        start,
        node,
        wal: recovered.wal,
        arrivals,
        waiting: VecDeque::new(),
        clients: BTreeMap::new(),
        peers,
        timers: Timers::new(),
        held: Vec::new(),
        observer,
        recorder,
        rng: Rng::new(config.seed ^ start.rotate_left(32)),
        counters: Arc::clone(counters),
        clock,
        crash_after_effect: config.crash_after_effect,
        stopping: false,
    })
}

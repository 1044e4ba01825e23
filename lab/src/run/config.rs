//! What a driver is given, and why it may refuse.
//!
//! # Left out
//!
//! Reading any of it from a file or a command line: that is the program's business.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::clients::server_of;
use super::context::Context;
use super::disk::Disk;
use super::tracer::Traced;
use super::wal::{LogError, Options};
use crate::event::NodeInfo;
use crate::{Input, NodeId, Protocol};

/// Watches a node from inside its process. `()` watches nothing.
pub trait Observer<P: Protocol>: Send + 'static {
    /// The node is about to take an input that came with a context; gives the one that everything
    /// it causes will carry.
    fn input(&mut self, input: &Input<P>, context: Context) -> Context {
        let _ = input;
        context
    }

    /// The node told a fact, and every record it persisted before is durable.
    fn note(&mut self, note: &P::Note, context: &Context) {
        let _ = (note, context);
    }
}

impl<P: Protocol> Observer<P> for () {}

/// Where and how a driver records its run.
#[derive(Clone, Debug)]
pub struct EventFile {
    /// The directory; the file is called `NAME.START.jsonl`.
    pub dir: PathBuf,
    /// The run, as a reader would name it.
    pub title: String,
    /// All nodes, in the order of their columns.
    pub nodes: BTreeMap<NodeId, NodeInfo>,
    /// Time 0 of the run, the same for all nodes.
    pub epoch: SystemTime,
}

impl EventFile {
    pub(super) fn name(&self, id: NodeId) -> String {
        match (self.nodes.get(&id), server_of(id)) {
            (Some(node), _) => node.name.clone(),
            // A connection: which one, and at which node.
            (None, Some(server)) => format!("client-{}@{}", id.0 & 0xfff_ffff, self.name(server)),
            (None, None) => id.to_string(),
        }
    }
}

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
    /// The node; at most [`super::MAX_SERVER`].
    pub me: NodeId,
    /// Where to listen for the others; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The others' addresses; may be given later with [`super::Driver::set_peers`].
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// The log's place.
    pub data: Data,
    /// The log's options.
    pub log: Options,
    /// How long a record that nothing waits for may wait for an fsync that others need.
    pub max_sync_delay: Duration,
    /// How many inputs may wait; beyond that, the driver reads no sockets.
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
    /// Is told what is done for requests.
    pub traced: Option<Traced>,
    /// Ends the process when the disk fails. Only a test that fails disks on purpose sets it to
    /// false.
    pub exit_on_fatal: bool,
}

impl Config {
    /// A node on loopback, on a free port, that knows no other node yet.
    #[must_use]
    pub fn new(cluster: u64, me: NodeId, data: Data) -> Self {
        Self {
            cluster,
            me,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            peers: BTreeMap::new(),
            data,
            log: Options::default(),
            max_sync_delay: Duration::from_millis(10),
            inbox: 4096,
            clients: 4096,
            client_queue: 64,
            seed: me.0,
            crash_after_effect: None,
            events: None,
            traced: None,
            exit_on_fatal: true,
        }
    }
}

/// Why a node does not run, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// The log refuses, or the disk failed.
    #[error("{0}")]
    Log(#[source] LogError),
    /// A record does not become bytes, or bytes not a record.
    #[error("a record cannot be read or written ({0}); start the program that wrote it")]
    Record(String),
    /// A directory, a port or a thread is not to be had.
    #[error("cannot {0}: {1}")]
    Io(&'static str, #[source] std::io::Error),
    /// The configuration asks for what cannot be.
    #[error("{0}")]
    Config(String),
    /// The node broke one of its own assertions.
    #[error("the node broke an assertion; see the message above")]
    Panicked,
}

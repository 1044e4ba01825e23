//! From a data directory to a node that knows what it knew: a fold over the records, before anything
//! else happens.
//!
//! # Left out
//!
//! Starting anyway: a log that refuses is a decision for a person.

#![expect(clippy::disallowed_methods, reason = "a driver is where the real clock is read")]

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use super::clients::MAX_START;
use super::config::{Config, Data, Fatal, Observer};
use super::context::Context;
use super::counters::Counters;
use super::disk::{Disk, FileDisk, PowerCutDisk};
use super::event_loop::EventLoop;
use super::inbox::Queued;
use super::log::Log;
use super::network::Network;
use super::recorder::Recorder;
use super::timers::{Clock, Timers};
use super::wal::{Identity, Wal};
use crate::node::react;
use crate::rng::Rng;
use crate::{AnyNode, Input, Protocol};

/// Rebuilds the node from its log, and puts everything around it in place.
pub(super) fn recover<P: Protocol>(
    config: Config,
    mut node: AnyNode<P>,
    mut observer: Box<dyn Observer<P>>,
    arrivals: mpsc::UnboundedReceiver<Queued<P>>,
    network: Box<dyn Network<P>>,
    counters: &Arc<Counters>,
) -> Result<EventLoop<P>, Fatal> {
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
        let (context, record): (Context, P::Record) =
            postcard::from_bytes(&bytes).map_err(|e| Fatal::Record(e.to_string()))?;
        let input = Input::Replay(record);
        recorder.input(&input, None, clock.now());
        observer.input(&input, context);
        react(&mut node, me, clock.now(), input);
    }
    Ok(EventLoop {
        cluster,
        me,
        start,
        node,
        log: Log::new(recovered.wal),
        arrivals,
        waiting: VecDeque::new(),
        clients: BTreeMap::new(),
        network,
        timers: Timers::new(),
        held: VecDeque::new(),
        entry: Vec::new(),
        effects: Vec::new(),
        marks: 0,
        mark: None,
        max_sync_delay: config.max_sync_delay,
        sync_by: None,
        observer,
        traced: config.traced,
        ends: Vec::new(),
        asked: BTreeMap::new(),
        recorder,
        rng: Rng::new(config.seed ^ start.rotate_left(32)),
        counters: Arc::clone(counters),
        clock,
        crash_after_effect: config.crash_after_effect,
        stopping: false,
    })
}

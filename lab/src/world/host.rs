//! One machine: a process that may be down, and the disk that outlives it.

use std::collections::{BTreeSet, VecDeque};

use crate::fingerprint::fingerprint;
use crate::node::{Effect, Node};

/// A node with all that belongs to its machine.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Host<N: Node> {
    /// The running process; `None` while it is down.
    pub node: Option<N>,
    /// What is durable, oldest first.
    pub disk: Vec<N::Record>,
    /// How often the process was started. Durable.
    pub starts: u64,
    /// Timers that are armed. They die with the process.
    pub timers: BTreeSet<N::Timer>,
    /// Messages to itself, waiting. They die with the process.
    pub own: VecDeque<N::Msg>,
    /// Effects asked for and not carried out. A crash cuts this queue.
    pub queue: VecDeque<Effect<N>>,
}

impl<N: Node> Host<N> {
    pub(super) fn new() -> Self {
        Self {
            node: None,
            disk: Vec::new(),
            starts: 0,
            timers: BTreeSet::new(),
            own: VecDeque::new(),
            queue: VecDeque::new(),
        }
    }

    /// Takes memory and unfinished effects away; the disk stays.
    pub(super) fn crash(&mut self) -> VecDeque<Effect<N>> {
        self.node = None;
        self.timers.clear();
        self.own.clear();
        std::mem::take(&mut self.queue)
    }

    pub(super) fn print(&self) -> u128 {
        fingerprint(self)
    }
}

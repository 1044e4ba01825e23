//! One machine: a process that may be down, and the disk that outlives it.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use super::disk::{Disk, Disks, Program};
use super::topology::Role;
use crate::fingerprint::fingerprint;
use crate::node::{AnyNode, Effect, Node, Protocol};

/// A node with all that belongs to its machine.
#[derive(Clone, Debug)]
pub struct Host<P: Protocol> {
    /// The running process; `None` while it is down.
    pub node: Option<AnyNode<P>>,
    /// What is durable.
    pub disk: Disk<P>,
    /// How often the process was started. Durable.
    pub starts: u64,
    /// Timers that are armed. They die with the process.
    pub timers: BTreeSet<P::Timer>,
    /// Messages to itself, waiting. They die with the process.
    pub to_self: VecDeque<P::Msg>,
    /// Effects asked for and not carried out. A crash cuts this queue.
    pub queue: VecDeque<Effect<P>>,
    /// How many marks this start has made.
    pub(super) marks: u32,
    /// Asked for once, however many worlds share this host.
    summary: OnceLock<P::Summary>,
    /// Computed once, as the summary is.
    print: OnceLock<u128>,
}

/// All that tells a host from others, as its kind of disk has it.
struct Identity<'a, P: Protocol>(&'a Host<P>, Disks, Program<'a, P>);

impl<P: Protocol> Hash for Identity<'_, P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self(host, disks, program) = self;
        let Host { node, disk, starts, timers, to_self, queue, marks, .. } = host;
        (node, starts, timers, to_self, queue, marks).hash(state);
        disk.hash(*disks, *program, state);
    }
}

impl<P: Protocol> Host<P> {
    pub(super) fn new(disk: Disk<P>) -> Self {
        Self {
            node: None,
            disk,
            starts: 0,
            timers: BTreeSet::new(),
            to_self: VecDeque::new(),
            queue: VecDeque::new(),
            marks: 0,
            summary: OnceLock::new(),
            print: OnceLock::new(),
        }
    }

    /// Its node's summary; `None` while it is down.
    #[must_use]
    pub fn summary(&self) -> Option<&P::Summary> {
        let node = self.node.as_ref()?;
        Some(self.summary.get_or_init(|| node.summary()))
    }

    /// Called before it changes: its summary and its fingerprint are out of date then.
    pub(super) fn changes(&mut self) {
        self.summary.take();
        self.print.take();
    }

    /// Takes memory and unfinished effects away; the disk stays.
    pub(super) fn crash(&mut self) -> VecDeque<Effect<P>> {
        self.node = None;
        self.timers.clear();
        self.to_self.clear();
        self.marks = 0;
        std::mem::take(&mut self.queue)
    }

    /// Replaces the disk by an empty one: the next start is the first again.
    pub(super) fn wipe(&mut self, empty: Disk<P>) {
        self.disk = empty;
        self.starts = 0;
    }

    /// Its fingerprint, as the host of this role.
    pub(super) fn print(&self, disks: Disks, role: &Role<P>) -> u128 {
        let program = (&role.program, role.id);
        *self.print.get_or_init(|| fingerprint(&Identity(self, disks, program)))
    }
}

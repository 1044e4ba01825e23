//! What can happen in a world, and who gets to see it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::{Envelope, World};
use crate::node::{Effect, Node, NodeId};

/// Something that can happen, with or without a crash in the middle of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Action<N: Node> {
    /// What happens.
    pub what: What<N>,
    /// If set: so many of the step's effects are carried out, then the process dies.
    pub cut: Option<usize>,
}

/// The things that can happen.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum What<N: Node> {
    /// A message arrives; at a process that is down it vanishes.
    Deliver {
        /// Which one.
        envelope: Arc<Envelope<N::Msg>>,
        /// Whether a copy stays on the way: the fault *duplicate*.
        keep: bool,
    },
    /// A message vanishes: the fault *loss*.
    Lose(Arc<Envelope<N::Msg>>),
    /// A node takes the next message to itself.
    Own(NodeId),
    /// An armed timer runs out.
    Timeout(NodeId, N::Timer),
    /// The disk is done with the oldest record that waits (lagging disks only).
    Flush(NodeId),
    /// A client's connection to a node ends.
    Gone(NodeId, NodeId),
    /// A process dies, and with it its unfinished effects: the fault *crash*.
    Crash {
        /// Whose.
        node: NodeId,
        /// How many of the newest durable records vanish too: above 0 it is a *lying disk*.
        forget: usize,
    },
    /// A process comes back with what its disk kept.
    Restart(NodeId),
    /// A disk is emptied while its process is down: the fault *wiped*.
    Wipe(NodeId),
}

impl<N: Node> Action<N> {
    /// An action without a crash in it.
    #[must_use]
    pub fn new(what: What<N>) -> Self {
        Self { what, cut: None }
    }
}

impl<N: Node> What<N> {
    /// The node whose state this changes.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Self::Deliver { envelope, .. } => Some(envelope.to),
            Self::Lose(_) => None,
            Self::Own(id)
            | Self::Timeout(id, _)
            | Self::Flush(id)
            | Self::Gone(id, _)
            | Self::Crash { node: id, .. }
            | Self::Restart(id)
            | Self::Wipe(id) => Some(*id),
        }
    }

    /// Whether this is a fault rather than the system at work.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Lose(_) | Self::Crash { .. } | Self::Wipe(_) => true,
            Self::Deliver { keep, .. } => *keep,
            Self::Own(_)
            | Self::Timeout(..)
            | Self::Flush(_)
            | Self::Gone(..)
            | Self::Restart(_) => false,
        }
    }
}

/// One thing that an observer sees at a node.
#[derive(Debug)]
pub enum Happening<'a, N: Node> {
    /// It started, after replaying these records.
    Boot {
        /// Which start this is.
        start: u64,
        /// What its disk had kept.
        records: &'a [N::Record],
    },
    /// It takes a message.
    Receive(&'a Envelope<N::Msg>),
    /// It takes a message of which a copy stays on the way.
    Duplicate(&'a Envelope<N::Msg>),
    /// A message to it vanished.
    Lose(&'a Envelope<N::Msg>),
    /// A timer ran out.
    Timeout(&'a N::Timer),
    /// A client's connection ended.
    Gone(NodeId),
    /// A message left.
    Send(&'a Envelope<N::Msg>),
    /// A record became durable.
    Persist(&'a N::Record),
    /// A timer was armed.
    SetTimer {
        /// Which one.
        timer: &'a N::Timer,
        /// When it may run out.
        after: Range<Duration>,
    },
    /// A timer was disarmed.
    CancelTimer(&'a N::Timer),
    /// The node tells a fact.
    Note(&'a N::Note),
    /// The process died.
    Crash {
        /// Effects that it had asked for and that never happened.
        lost: &'a VecDeque<Effect<N>>,
        /// Records its lying disk had called durable.
        forgotten: &'a [N::Record],
    },
    /// Its disk was emptied.
    Wipe,
}

/// Somebody who watches a world, changing nothing.
pub trait Observer<N: Node, G> {
    /// Something happened at a node; the world is in the middle of an action.
    fn see(&mut self, at: NodeId, what: &Happening<'_, N>, world: &World<N, G>);

    /// What follows happens at this time, in µs.
    fn time(&mut self, _micros: u64) {}

    /// An action is complete.
    fn after(&mut self, _at: NodeId, _world: &World<N, G>) {}
}

/// Nobody watches.
impl<N: Node, G> Observer<N, G> for () {
    fn see(&mut self, _at: NodeId, _what: &Happening<'_, N>, _world: &World<N, G>) {}
}

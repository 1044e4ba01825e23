//! What can happen in a world.

use std::sync::Arc;

use super::{Envelope, Ghost, World};
use crate::node::{NodeId, Protocol};

/// Something that can happen, with or without a crash in the middle of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Action<P: Protocol> {
    /// What happens.
    pub transition: Transition<P>,
    /// If set: so many of the step's effects are carried out, then the process dies.
    pub cut: Option<usize>,
}

/// The things that can happen.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Transition<P: Protocol> {
    /// A message arrives; at a process that is down it vanishes.
    Deliver {
        /// Which one.
        envelope: Arc<Envelope<P::Msg>>,
        /// Whether a copy stays on the way: the fault *duplicate*.
        keep: bool,
    },
    /// A message vanishes: the fault *loss*.
    Lose(Arc<Envelope<P::Msg>>),
    /// A node takes its oldest message to itself.
    SelfDelivery(NodeId),
    /// An armed timer expires.
    Timeout(NodeId, P::Timer),
    /// The oldest record that waits for the disk becomes durable (asynchronous disks only).
    Flush(NodeId),
    /// A client's connection to a node ends: the fault *disconnect*.
    Disconnected {
        /// The server, which hears of it.
        node: NodeId,
        /// The client.
        client: NodeId,
    },
    /// A process dies, and with it its unfinished effects: the fault *crash*.
    Crash {
        /// Whose.
        node: NodeId,
        /// How many of the newest durable records vanish too: above 0 it is a *lying disk*.
        forget: usize,
    },
    /// A process starts, with what its disk kept.
    Restart(NodeId),
    /// A disk is emptied while its process is down, starts and all: the fault *wiped*.
    Wipe(NodeId),
}

impl<P: Protocol> Action<P> {
    /// An action without a crash in it.
    #[must_use]
    pub fn new(transition: Transition<P>) -> Self {
        Self { transition, cut: None }
    }
}

impl<P: Protocol> Transition<P> {
    /// The node whose state this changes.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Self::Deliver { envelope, .. } => Some(envelope.to),
            Self::Lose(_) => None,
            Self::SelfDelivery(id)
            | Self::Timeout(id, _)
            | Self::Flush(id)
            | Self::Disconnected { node: id, .. }
            | Self::Crash { node: id, .. }
            | Self::Restart(id)
            | Self::Wipe(id) => Some(*id),
        }
    }

    /// Whether this is a fault rather than the system at work.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Lose(_) | Self::Disconnected { .. } | Self::Crash { .. } | Self::Wipe(_) => true,
            Self::Deliver { keep, .. } => *keep,
            Self::SelfDelivery(_) | Self::Timeout(..) | Self::Flush(_) | Self::Restart(_) => false,
        }
    }
}

impl<P: Protocol, G: Ghost> World<P, G> {
    /// What is under way: a message that a node sent itself, then the first one on the first link.
    #[must_use]
    pub fn next_delivery(&self) -> Option<Transition<P>> {
        if let Some((id, _)) = self.up().find(|(_, host)| !host.to_self.is_empty()) {
            return Some(Transition::SelfDelivery(id));
        }
        let envelope = Arc::clone(self.network.in_flight().next()?);
        Some(Transition::Deliver { envelope, keep: false })
    }

    /// Whether the action can happen in this state.
    #[must_use]
    pub fn can(&self, transition: &Transition<P>) -> bool {
        let up = |id: NodeId| self.node(id).is_some();
        match transition {
            Transition::Deliver { envelope, .. } | Transition::Lose(envelope) => {
                self.network.carries(envelope)
            }
            Transition::SelfDelivery(id) => !self.host(*id).to_self.is_empty(),
            Transition::Timeout(id, timer) => self.host(*id).timers.contains(timer),
            Transition::Flush(id) => !self.host(*id).queue.is_empty(),
            Transition::Disconnected { node: id, .. } | Transition::Crash { node: id, .. } => {
                up(*id)
            }
            Transition::Restart(id) | Transition::Wipe(id) => !up(*id),
        }
    }
}

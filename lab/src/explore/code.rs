//! An action in four bytes: what led from one state to another is kept for every state.

use std::sync::Arc;

use super::Edge;
use super::moves::Move;
use crate::node::{NodeId, Protocol};
use crate::world::{Action, Envelope, Transition, Wire};

/// A packed action: its kind, the cut (0: none), and which message, timer or hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Code(u32);

const CUT_BITS: u32 = 8;
const WHICH_BITS: u32 = 20;
const HALF_BITS: u32 = WHICH_BITS / 2;

impl Code {
    /// How the first state is reached: not by a step.
    pub(super) const NONE: Self = Self(u32::MAX);

    /// The code of a move without a cut. `which` is the number of its message or timer.
    pub(super) fn new(found: Move, which: u32) -> Self {
        let pair = |host: usize, other: usize| {
            assert!(
                host.max(other) < 1 << HALF_BITS,
                "more than a thousand hosts in a small world"
            );
            (host << HALF_BITS | other) as u32
        };
        let (kind, which) = match found {
            Move::Deliver { keep: false, .. } => (0, which),
            Move::Deliver { keep: true, .. } => (1, which),
            Move::Lose { .. } => (2, which),
            Move::SelfDelivery { host } => (3, pair(host, 0)),
            Move::Flush { host } => (4, pair(host, 0)),
            Move::Timeout { .. } => (5, which),
            Move::Disconnected { host, client } => (6, pair(host, client)),
            Move::Crash { host, forget } => (7, pair(host, forget)),
            Move::Restart { host } => (8, pair(host, 0)),
            Move::Wipe { host } => (9, pair(host, 0)),
        };
        assert!(which < 1 << WHICH_BITS, "more than a million messages or timers: a smaller world");
        Self(kind << (CUT_BITS + WHICH_BITS) | which)
    }

    /// The same, cut after so many effects.
    pub(super) fn cut_after(self, effects: usize) -> Self {
        assert!(effects < 1 << CUT_BITS, "a step with more than 255 effects: a smaller one");
        Self(self.0 | (effects as u32) << WHICH_BITS)
    }

    /// All of it, as a number.
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// The number of the message that leaves the network with this action, if one does.
    pub(super) fn message_gone(self, wire: Wire) -> Option<u32> {
        let is_gone = self.kind() == 2 || (self.kind() == 0 && wire != Wire::Set);
        is_gone.then_some(self.which() as u32)
    }

    fn kind(self) -> u32 {
        self.0 >> (CUT_BITS + WHICH_BITS)
    }

    fn cut(self) -> Option<usize> {
        let cut = (self.0 >> WHICH_BITS) & ((1 << CUT_BITS) - 1);
        (cut > 0).then_some(cut as usize)
    }

    fn which(self) -> usize {
        (self.0 & ((1 << WHICH_BITS) - 1)) as usize
    }

    /// What sort of event it is.
    pub(super) fn edge(self) -> Edge {
        match self.kind() {
            _ if self.cut().is_some() => Edge::Cut,
            1 | 2 | 6 | 7 | 9 => Edge::Fault,
            8 => Edge::Restart,
            _ => Edge::Work,
        }
    }
}

/// What the numbers in codes stand for.
#[derive(Clone, Debug)]
pub(super) struct Key<P: Protocol> {
    pub(super) roles: Vec<NodeId>,
    pub(super) messages: Vec<Arc<Envelope<P::Msg>>>,
    pub(super) timers: Vec<(NodeId, P::Timer)>,
}

impl<P: Protocol> Key<P> {
    /// The action of a code.
    pub(super) fn action(&self, code: Code) -> Action<P> {
        let message = |which: usize| Arc::clone(&self.messages[which]);
        decode(code, |place| self.roles[place], message, |which| self.timers[which].clone())
    }
}

/// The action of a code, given what its numbers stand for.
pub(super) fn decode<P: Protocol>(
    code: Code,
    node: impl Fn(usize) -> NodeId,
    message: impl Fn(usize) -> Arc<Envelope<P::Msg>>,
    timer: impl Fn(usize) -> (NodeId, P::Timer),
) -> Action<P> {
    let which = code.which();
    let (first, second) = (which >> HALF_BITS, which & ((1 << HALF_BITS) - 1));
    let transition = match code.kind() {
        0 => Transition::Deliver { envelope: message(which), keep: false },
        1 => Transition::Deliver { envelope: message(which), keep: true },
        2 => Transition::Lose(message(which)),
        3 => Transition::SelfDelivery(node(first)),
        4 => Transition::Flush(node(first)),
        5 => {
            let (id, timer) = timer(which);
            Transition::Timeout(id, timer)
        }
        6 => Transition::Disconnected { node: node(first), client: node(second) },
        7 => Transition::Crash { node: node(first), forget: second },
        8 => Transition::Restart(node(first)),
        9 => Transition::Wipe(node(first)),
        kind => unreachable!("no code has kind {kind}"),
    };
    Action { transition, cut: code.cut() }
}

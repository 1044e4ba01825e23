//! Messages on their way.

use std::sync::Arc;

use crate::fingerprint::fingerprint;
use crate::node::{Fact, NodeId};

/// A message with its two ends.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Envelope<M> {
    /// Who sent it.
    pub from: NodeId,
    /// Who shall get it.
    pub to: NodeId,
    /// What it says.
    pub msg: M,
}

/// Two ways to be unreliable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wire {
    /// A message once sent can be delivered at any time, any number of times, or never. Loss,
    /// doubling and overtaking cost nothing, and saying a thing again adds no state: this is the
    /// network for safety.
    Set,
    /// A message is used up when it is delivered. Loss and doubling are faults with budgets, so what
    /// a schedule may rely on is stated: this is the network for progress. A copy of a message that
    /// is still on the way is absorbed; arriving twice is the fault *duplicate*.
    Bag,
}

/// All messages on their way, in the order of their ends and content.
#[derive(Clone, Debug)]
pub struct Network<M> {
    in_flight: Vec<(Arc<Envelope<M>>, u128)>,
    /// The sum of the envelopes' fingerprints: the same for the same messages in any order.
    print: u128,
}

impl<M: Fact> Network<M> {
    pub(super) fn new() -> Self {
        Self { in_flight: Vec::new(), print: 0 }
    }

    /// The messages on their way.
    pub fn in_flight(&self) -> impl Iterator<Item = &Arc<Envelope<M>>> {
        self.in_flight.iter().map(|(envelope, _)| envelope)
    }

    /// Whether this very message is on its way.
    #[must_use]
    pub fn carries(&self, envelope: &Envelope<M>) -> bool {
        self.find(envelope).is_ok()
    }

    pub(super) fn send(&mut self, envelope: Envelope<M>) {
        if let Err(place) = self.find(&envelope) {
            let print = fingerprint(&envelope);
            self.print = self.print.wrapping_add(print);
            self.in_flight.insert(place, (Arc::new(envelope), print));
        }
    }

    pub(super) fn remove(&mut self, envelope: &Envelope<M>) {
        if let Ok(place) = self.find(envelope) {
            let (_, print) = self.in_flight.remove(place);
            self.print = self.print.wrapping_sub(print);
        }
    }

    pub(super) fn print(&self) -> u128 {
        self.print
    }

    fn find(&self, envelope: &Envelope<M>) -> Result<usize, usize> {
        self.in_flight.binary_search_by(|(other, _)| (**other).cmp(envelope))
    }
}

//! Messages on their way.

use std::sync::Arc;

use crate::node::{Fact, NodeId};

/// A message with its two ends.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Envelope<M> {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The message.
    pub msg: M,
}

/// Three ways to be unreliable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wire {
    /// A message once sent can be delivered at any time, any number of times, or never. Loss,
    /// duplication and overtaking cost nothing, and sending a thing again adds no state: this is the
    /// network for safety.
    Set,
    /// A message is used up when it is delivered. Loss and duplication are faults with budgets, so
    /// what a schedule may rely on is stated: this is the network for progress. A copy of a message
    /// that is still on the way is absorbed; arriving twice is the fault *duplicate*.
    Bag,
    /// As [`Wire::Bag`], and a message that is sent twice is on its way twice: the network of the
    /// simulator, where each copy has a delay and a loss of its own.
    Copies,
}

/// All messages on their way, in the order of their ends and content.
#[derive(Clone, Debug)]
pub struct Network<M> {
    in_flight: Vec<InFlight<M>>,
    counts_copies: bool,
}

#[derive(Clone, Debug)]
struct InFlight<M> {
    envelope: Arc<Envelope<M>>,
    copies: u32,
}

impl<M: Fact> Network<M> {
    pub(super) fn new(wire: Wire) -> Self {
        Self { in_flight: Vec::new(), counts_copies: wire == Wire::Copies }
    }

    /// A network on which these messages are, each once, in the order of their content.
    pub(crate) fn assemble(wire: Wire, messages: impl Iterator<Item = Arc<Envelope<M>>>) -> Self {
        let in_flight = messages.map(|envelope| InFlight { envelope, copies: 1 }).collect();
        Self { in_flight, ..Self::new(wire) }
    }

    /// The messages on their way; each once, however many copies there are.
    pub fn in_flight(&self) -> impl Iterator<Item = &Arc<Envelope<M>>> {
        self.in_flight.iter().map(|message| &message.envelope)
    }

    /// Whether this very message is on its way.
    #[must_use]
    pub fn carries(&self, envelope: &Envelope<M>) -> bool {
        self.find(envelope).is_ok()
    }

    pub(super) fn send(&mut self, envelope: Envelope<M>) {
        match self.find(&envelope) {
            Ok(place) if self.counts_copies => self.in_flight[place].copies += 1,
            Ok(_) => {}
            Err(place) => {
                let envelope = Arc::new(envelope);
                self.in_flight.insert(place, InFlight { envelope, copies: 1 });
            }
        }
    }

    /// Puts a message on its way that is not there.
    pub(super) fn put(&mut self, envelope: &Arc<Envelope<M>>) {
        if let Err(place) = self.find(envelope) {
            let envelope = Arc::clone(envelope);
            self.in_flight.insert(place, InFlight { envelope, copies: 1 });
        }
    }

    /// Takes one copy away.
    pub(super) fn remove(&mut self, envelope: &Envelope<M>) {
        let Ok(place) = self.find(envelope) else { return };
        let message = &mut self.in_flight[place];
        message.copies -= 1;
        if message.copies == 0 {
            self.in_flight.remove(place);
        }
    }

    /// The sum of the messages' keys: the same for the same messages in any order.
    pub(super) fn print(&self) -> u128 {
        let key = |message: &InFlight<M>| {
            Self::message_key(&message.envelope).wrapping_mul(u128::from(message.copies))
        };
        self.in_flight.iter().map(key).fold(0, u128::wrapping_add)
    }

    fn find(&self, envelope: &Envelope<M>) -> Result<usize, usize> {
        self.in_flight.binary_search_by(|message| (*message.envelope).cmp(envelope))
    }
}

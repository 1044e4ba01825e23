//! What is accepted, by slot.

use std::collections::VecDeque;

use crate::types::Ballot;
use crate::types::kv::{Entry, Vote};
use crate::types::log::Slot;

/// The newest entry of each slot. Slots are taken in order, so an entry is found by counting.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Log {
    /// The slot of the front.
    first: Slot,
    votes: VecDeque<Option<Vote>>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { first: Slot::FIRST, votes: VecDeque::new() }
    }

    /// What is accepted in a slot.
    pub(super) fn get(&self, slot: Slot) -> Option<&Vote> {
        self.votes.get(self.place(slot)?)?.as_ref()
    }

    /// Takes the place of whatever was accepted there.
    pub(super) fn put(&mut self, slot: Slot, ballot: Ballot, entry: Entry) {
        let place = self.place(slot).expect("a slot before the first is chosen, and not voted on");
        if place >= self.votes.len() {
            self.votes.resize(place + 1, None);
        }
        self.votes[place] = Some((ballot, entry));
    }

    /// What is accepted from a slot on, in order.
    pub(super) fn from(&self, slot: Slot) -> impl Iterator<Item = (Slot, &Vote)> {
        let slot = slot.max(self.first);
        let place = self.place(slot).expect("not before the first");
        let votes = self.votes.range(place.min(self.votes.len())..);
        (slot.0..).map(Slot).zip(votes).filter_map(|(slot, vote)| Some((slot, vote.as_ref()?)))
    }

    /// How many slots it spans.
    pub(super) fn len(&self) -> usize {
        self.votes.len()
    }

    fn place(&self, slot: Slot) -> Option<usize> {
        usize::try_from(slot.0.checked_sub(self.first.0)?).ok()
    }
}

//! What is accepted, by slot.

use std::collections::BTreeMap;

use crate::types::Ballot;
use crate::types::kv::{Entry, Vote};
use crate::types::log::Slot;

/// The newest entry of each slot, as far back as it is kept.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Log {
    votes: BTreeMap<Slot, Vote>,
    /// Bytes of the entries that are executed.
    executed: u64,
}

impl Log {
    /// What is accepted in a slot.
    pub(super) fn get(&self, slot: Slot) -> Option<&Vote> {
        self.votes.get(&slot)
    }

    /// Takes the place of whatever was accepted there.
    pub(super) fn put(&mut self, slot: Slot, ballot: Ballot, entry: Entry) {
        self.votes.insert(slot, (ballot, entry));
    }

    /// What is accepted from a slot on, in order.
    pub(super) fn from(&self, slot: Slot) -> impl Iterator<Item = (Slot, &Vote)> {
        self.votes.range(slot..).map(|(slot, vote)| (*slot, vote))
    }

    /// How many slots it holds.
    pub(super) fn len(&self) -> usize {
        self.votes.len()
    }

    /// The entry of a slot that is executed now.
    pub(super) fn execute(&mut self, slot: Slot) -> Entry {
        let (_, entry) = self.get(slot).expect("what is chosen is accepted here").clone();
        self.executed += size(&entry) as u64;
        entry
    }

    /// Bytes of the entries that are executed, with an allowance for each.
    pub(super) fn executed(&self) -> u64 {
        self.executed
    }

    /// Drops executed entries before a slot, oldest first, until no more than so many bytes are left.
    pub(super) fn drop_before(&mut self, slot: Slot, bytes: u64) {
        while self.executed > bytes
            && let Some(first) = self.votes.first_entry()
            && *first.key() < slot
        {
            self.executed -= size(&first.remove().1) as u64;
        }
    }

    /// Drops everything before a slot: a snapshot takes its place.
    pub(super) fn restart_at(&mut self, slot: Slot) {
        self.votes = self.votes.split_off(&slot);
        self.executed = 0;
    }
}

/// Keys and values of an entry, and an allowance for each command.
pub(super) fn size(entry: &Entry) -> usize {
    const ALLOWANCE: usize = 64;
    match entry {
        Entry::NoOp => ALLOWANCE,
        Entry::Batch(commands) => {
            commands.iter().map(|command| command.op.bytes() + ALLOWANCE).sum()
        }
    }
}

//! The nouns of a log of decisions (from step 6 on).

use std::collections::BTreeMap;

use lab::NodeId;
use serde::{Deserialize, Serialize};

use super::{Ballot, Value};

/// A place in the log, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub u64);

impl Slot {
    /// The first place.
    pub const FIRST: Self = Self(1);

    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// All places from this one to that one, both included.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }
}

/// What a client wants done.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Command {
    /// Who asks, and is answered.
    pub client: NodeId,
    /// Which of its commands, from 1.
    pub seq: u64,
    /// What is to be written at the end of the list.
    pub value: Value,
}

/// What a slot may hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Entry {
    /// Nothing: fills a hole.
    NoOp,
    /// A client's command.
    Command(Command),
}

/// The messages of a log. `open` is the first slot that is not known to be chosen.
#[expect(missing_docs, reason = "fields of one name mean one thing, told above")]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Client → replica: "do this". Sent again, to the next replica, until answered.
    Request { command: Command },
    /// Leader → client: done, in this slot, for ever.
    Answer { command: Command, slot: Slot },
    /// Candidate → replica: phase 1, for every slot from `first` on.
    Prepare { ballot: Ballot, first: Slot },
    /// Replica → candidate: "I will ignore lower ballots; this is all I accepted from there on".
    Promise { ballot: Ballot, accepted: BTreeMap<Slot, (Ballot, Entry)> },
    /// Leader → replica: phase 2, for one slot.
    Accept { ballot: Ballot, slot: Slot, entry: Entry },
    /// Replica → leader: accepted. From a majority, the leader included, it means chosen.
    Accepted { ballot: Ballot, slot: Slot },
    /// Leader → replica: every slot before `open` is chosen, with the entry that this ballot proposed.
    /// Sent now and then even if nothing is new: a sign that the leader is up.
    Commit { ballot: Ballot, open: Slot },
    /// Replica → leader: "I have not all of these; send them again from here".
    Fetch { ballot: Ballot, first: Slot },
}

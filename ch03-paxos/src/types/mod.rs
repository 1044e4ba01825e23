//! The nouns of the chapter: what is decided, under which ballot, and what the processes send to each
//! other, write down and wait for.
//!
//! Every step uses these words. Read [`Msg`] as the protocol's table of contents.

mod blob;
pub mod kv;
pub mod log;

use std::sync::Arc;

use lab::NodeId;
use serde::{Deserialize, Serialize};

/// What a group decides on: who gets the last umbrella. A proposer brings it along.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(pub Arc<str>);

impl Value {
    /// A value from text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
}

// ANCHOR: ballot
/// Names one attempt to get a value chosen, for ever. `round` says which attempt, and the other two
/// fields make it unique: no two proposers share a `node`, and no two starts of one proposer share a
/// `start`. Ballots are compared in the order of the fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Ballot {
    /// Which attempt: 1 for the first.
    pub round: u32,
    /// Whose.
    pub node: NodeId,
    /// Which start of that proposer. A process that comes back begins with round 1 again, and this
    /// keeps it from using the same ballot for another value.
    pub start: u64,
}
// ANCHOR_END: ballot

/// A value with the ballot under which an acceptor accepted it.
pub type Vote = (Ballot, Value);

/// All messages. The comment tells who sends it to whom, and what receiving it entitles you to.
#[expect(missing_docs, reason = "fields of one name mean one thing, told above")]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Client → replica: "write this" (step 1). Sent again until answered.
    Write { value: Value },
    /// Replica → client: written. Whatever happens next, a later read must find it.
    Written { value: Value },
    /// Client → replica: "what is written?" (step 1).
    Read,
    /// Replica → client: this.
    Have { value: Option<Value> },
    /// Primary → backup: a copy of what is written, and a sign that the primary is up (step 1).
    Copy { value: Option<Value> },

    /// Proposer → acceptor: "vote for this" (step 2).
    Ask { value: Value },
    /// Acceptor → proposer: what its vote is for (step 2). The same value from a majority means that
    /// it is chosen.
    Voted { value: Value },

    /// Proposer → acceptor: phase 1. "Will you ignore every ballot below this one?"
    Prepare { ballot: Ballot },
    /// Acceptor → proposer: "I will; and this is what I accepted last." From a majority it entitles
    /// the proposer to ask for acceptance: of the value with the highest ballot among these, or of
    /// any value if none accepted anything.
    Promise { ballot: Ballot, accepted: Option<Vote> },
    /// Proposer → acceptor: phase 2. "Accept this, unless you promised otherwise."
    Accept { ballot: Ballot, value: Value },
    /// Acceptor → proposer: "I have promised a higher ballot, and this is it" (from step 5 on). A hint:
    /// it entitles to nothing, and saves the proposer from waiting.
    Refused { ballot: Ballot, promised: Ballot },
    /// Proposer → the other proposers: "I lead, under this ballot" (from step 5 on). A hint as well:
    /// a proposer that hears of a higher ballot than its own waits before it tries again.
    Lead { ballot: Ballot },
    /// Proposer → the other proposers: this is chosen (from step 5 on).
    Chosen { value: Value },
    /// Acceptor → proposer and learners: accepted. The same ballot from a majority means that the
    /// value is chosen, for ever.
    Accepted { ballot: Ballot, value: Value },

    /// What a log of decisions needs (from step 6 on).
    Log(log::Msg),
    /// What a replicated store needs (step 7).
    Kv(kv::Msg),
}

/// What survives a crash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Record {
    /// Replica: this is written (step 1).
    Written(Value),
    /// Acceptor: will ignore every ballot below this one. Written before the promise is sent.
    Promised(Ballot),
    /// Acceptor: accepted this under that ballot. Written before any process is told.
    Accepted(Ballot, Value),
    /// Replica: accepted this in that slot (from step 6 on). Written before any process is told.
    AcceptedAt(log::Slot, Ballot, log::Entry),
    /// What a replicated store writes, beside promises (step 7).
    Kv(kv::Record),
}

/// What nodes wait for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// Client or proposer: no answer yet; try again.
    Retry,
    /// Client: time for the next thing to do (step 1).
    Next,
    /// Replica: time to look for requests that are not answered (step 7).
    Sweep,
    /// Primary: time for the next copy (step 1).
    Heartbeat,
    /// Backup: no copy for long; take over (step 1).
    Suspect,
}

/// Facts that no message and no record shows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Note {
    /// A proposer or a learner knows that this value is chosen.
    Learned(Value),
    /// A backup is the primary from now on (step 1).
    TookOver,
    /// A replica applied what is chosen in this slot (from step 6 on).
    Applied(log::Slot, log::Entry),
    /// A replica executed what is chosen in this slot (step 7).
    Executed(log::Slot, kv::Entry),
}

/// How long nodes wait, as ranges that the driver draws from.
pub mod wait {
    use std::ops::Range;
    use std::time::Duration;

    const fn millis(from: u64, to: u64) -> Range<Duration> {
        Duration::from_millis(from)..Duration::from_millis(to)
    }

    /// For an answer, or for a majority, before trying again.
    pub const RETRY: Range<Duration> = millis(200, 400);
    /// Before a proposer takes the lead from one that is silent (from step 5 on).
    pub const LEAD: Range<Duration> = millis(150, 300);
    /// Between two things that a client does.
    pub const NEXT: Range<Duration> = millis(100, 200);
    /// Between two copies of a primary.
    pub const HEARTBEAT: Range<Duration> = millis(50, 60);
    /// The same in the store of step 7, whose messages wait for real disks.
    pub const ELECTION: Range<Duration> = millis(300, 600);
    /// For so long a replica that has answered a beat promises no other leader anything, by its own
    /// clock: as long as it waits for the next beat, or a lease would keep it from a new leader.
    pub const LEASE: Duration = ELECTION.start;
    /// Between two looks for requests that are not answered (step 7).
    pub const SWEEP: Range<Duration> = millis(100, 120);
    /// Without a copy, before a backup takes over.
    pub const SUSPECT: Range<Duration> = millis(150, 300);
}

//! The nouns of a replicated key-value store (step 7).

use std::sync::Arc;
use std::time::Duration;

use lab::NodeId;
use serde::{Deserialize, Serialize};

use super::Ballot;
pub use super::blob::Blob;
use super::log::Slot;

/// A client that is to be answered exactly once opens a session. The group numbers them from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

// ANCHOR: request_id
/// Names one request of one session, for ever: a client that asks again uses the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RequestId {
    /// Whose.
    pub session: SessionId,
    /// Which of that session: each is greater than the one before.
    pub seq: u64,
}
// ANCHOR_END: request_id

/// What a client may ask for.
#[expect(missing_docs, reason = "fields of one name mean one thing, told above")]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Op {
    /// The value of a key.
    Get { key: Blob },
    /// Gives a key a value; with `only_new`, only if it has none.
    Set { key: Blob, value: Blob, only_new: bool },
    /// Takes the values of these keys away.
    Delete { keys: Vec<Blob> },
    /// Adds one to a number. A key without a value counts as 0.
    Increment { key: Blob },
    /// Puts bytes behind those that a key has.
    Append { key: Blob, value: Blob },
    /// Gives a key the value `to` if it has the value `from`.
    CompareAndSet { key: Blob, from: Blob, to: Blob },
    /// Opens a session.
    OpenSession,
    /// From the next slot on, the replica `new` takes the place of `old` in the group.
    Replace { old: NodeId, new: NodeId },
}

impl Op {
    /// Whether it changes the group.
    #[must_use]
    pub fn changes_members(&self) -> bool {
        matches!(self, Self::Replace { .. })
    }

    /// The keys whose values it may change.
    #[must_use]
    pub fn writes(&self) -> &[Blob] {
        match self {
            Self::Get { .. } | Self::OpenSession | Self::Replace { .. } => &[],
            Self::Set { key, .. }
            | Self::Increment { key }
            | Self::Append { key, .. }
            | Self::CompareAndSet { key, .. } => std::slice::from_ref(key),
            Self::Delete { keys } => keys,
        }
    }

    /// How many bytes its keys and values have, with an allowance for each key of several: an empty one
    /// takes bytes of a message, too.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Get { key } | Self::Increment { key } => key.len(),
            Self::Set { key, value, .. } | Self::Append { key, value } => key.len() + value.len(),
            Self::Delete { keys } => keys.iter().map(|key| key.len() + PER_KEY).sum(),
            Self::CompareAndSet { key, from, to } => key.len() + from.len() + to.len(),
            Self::OpenSession | Self::Replace { .. } => 0,
        }
    }
}

/// What became of an [`Op`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// It is done.
    Done,
    /// The key has no value; or, for [`Op::Set`] with `only_new`, it has one; or, for [`Op::Replace`], the
    /// group has no replica `old`, or has `new` already.
    Nothing,
    /// The value.
    Value(Blob),
    /// The new number; how many were deleted; the new length; 1 if it was set and 0 if not.
    Number(i64),
    /// The session is open.
    Opened(SessionId),
    /// Nothing was done: the value is no 64-bit integer, or would not be one any more.
    NotANumber,
    /// Nothing was done: the value would be longer than [`MAX_VALUE`], a key is longer than [`MAX_KEY`],
    /// or the request is longer than [`MAX_REQUEST`].
    TooLong,
    /// Nothing was done now: the session is not open, and whether the request was done earlier is not
    /// known.
    Expired,
    /// Nothing was done now: a later request of this session was done before, and whether this one was is
    /// not known any more.
    Superseded,
}

/// Why a request has no outcome.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// It was not done and will not be: asking again does no harm.
    NotDone,
    /// It may have been done, or may still be.
    MayBeDone,
    /// It was not done: this replica leads.
    Moved(NodeId),
}

/// What a key costs beside its bytes where there may be many.
const PER_KEY: usize = 8;
/// A key is no longer than this, in bytes.
pub const MAX_KEY: usize = 64 << 10;
/// Nor is a value longer than this.
pub const MAX_VALUE: usize = 512 << 10;
/// Nor are all keys and values of one request together.
pub const MAX_REQUEST: usize = 768 << 10;

/// A request in the log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Command {
    /// Which replica answers it.
    pub origin: Origin,
    /// Its name, if its client has a session.
    pub id: Option<RequestId>,
    /// What is to be done.
    pub op: Op,
}

/// The replica that took a request, and its own number for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// The replica.
    pub replica: NodeId,
    /// Which start of it: the clients of an earlier one are gone.
    pub start: u64,
    /// Its number, from 1.
    pub number: u64,
}

/// What a slot may hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Entry {
    /// Nothing: fills a hole.
    NoOp,
    /// Commands, in this order. One entry for many of them costs one round trip and one fsync.
    Batch(Arc<[Command]>),
}

impl Entry {
    /// Whether the group may be another one behind it: a *stop-sign*.
    #[must_use]
    pub fn changes_members(&self) -> bool {
        match self {
            Self::NoOp => false,
            Self::Batch(commands) => commands.iter().any(|command| command.op.changes_members()),
        }
    }
}

/// An entry with the ballot under which it was accepted.
pub type Vote = (Ballot, Entry);

/// What the group knows of a session.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Session {
    /// When it was used last, counted in what all sessions do.
    pub used: u64,
    /// Its last request.
    pub seq: u64,
    /// What became of that.
    pub outcome: Outcome,
}

/// Which state a snapshot is of, and what of it is short.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Every slot before this one is executed.
    pub open: Slot,
    /// How many sessions were ever opened.
    pub opened: u64,
    /// How many things all sessions did.
    pub uses: u64,
    /// Which replicas are the group, and how often it has changed.
    pub members: Arc<[NodeId]>,
    /// See `members`.
    pub changes: u64,
}

/// A piece of a snapshot, as large as a message and a record take.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Chunk {
    /// Keys and their values.
    pub keys: Vec<(Blob, Blob)>,
    /// Open sessions.
    pub sessions: Vec<(SessionId, Session)>,
}

/// The messages of the store. `open` is the first slot that is not known to be chosen.
#[expect(missing_docs, reason = "fields of one name mean one thing, told above")]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Client → replica: "do this". `number` is the client's own, for the answer, and greater than the
    /// one before; a client that asks again uses a new one, and the same `id`.
    Request { number: u64, id: Option<RequestId>, op: Op },
    /// Client → replica: "what is the value of this key?", without the log; `by_lease`: if a leader
    /// holds a lease, it need not ask the others.
    Read { number: u64, key: Blob, by_lease: bool },
    /// Replica → client: what became of it.
    Answer { number: u64, outcome: Result<Outcome, Refusal> },
    /// Client → replica: "what do you report about yourself?"
    Status,
    /// Replica → client: this.
    StatusIs { status: Status },
    /// Replica → leader: requests of its clients.
    Forward { commands: Arc<[Command]> },
    /// Replica → itself: everything that waited when this was sent has been taken; pass it on.
    Flush,

    /// Replica → replica: "I hear of no leader. Do you? I would ask for what you accepted from `first` on."
    Probe { first: Slot },
    /// Replica → replica: "Neither do I." From a majority, it is worth to disturb the group by a new
    /// ballot; it entitles to nothing.
    Willing,
    /// Candidate → replica: phase 1, for every slot from `first` on, with the group as it is after so
    /// many changes.
    Prepare { ballot: Ballot, changes: u64, first: Slot },
    /// Replica → candidate: "I will ignore lower ballots; this I accepted from there on". What does
    /// not fit into a message begins at `rest`, and is asked for again.
    Promise { ballot: Ballot, accepted: Vec<(Slot, Vote)>, rest: Option<Slot> },

    /// Leader → replica: phase 2, for one slot.
    Accept { ballot: Ballot, changes: u64, slot: Slot, entry: Entry },
    /// Replica → leader: accepted. From a majority it means chosen.
    Accepted { ballot: Ballot, slot: Slot },
    /// Leader → replica: every slot before `open` is chosen, with the entry that this ballot proposed.
    Commit { ballot: Ballot, open: Slot },
    /// Leader → replica: the same, now and then; and a sign that the leader is up. `sent` is what the
    /// leader's clock showed.
    Heartbeat { ballot: Ballot, open: Slot, sent: Duration },
    /// Replica → leader: a sign that the leader is heard. Without a majority of them it steps down.
    /// Where there are leases: "and I promise no other one anything for a while".
    Heard { ballot: Ballot, sent: Duration },

    /// Replica → replica: "I know of nothing that is chosen from here on; tell me".
    Fetch { first: Slot },
    /// Replica → replica: these are chosen, from `first` on, and more is before `open`. It entitles to
    /// execute them.
    Learn { first: Slot, chosen: Vec<Vote>, open: Slot },
    /// Replica → replica: "what you ask for is not in my log any more: this is a piece of a snapshot of
    /// what it did", counted from 0.
    Chunk { head: Head, number: u32, chunk: Arc<Chunk>, is_last: bool },
    /// Replica → replica: "I have all chunks before this one on disk: send it".
    Pull { open: Slot, number: u32 },
    /// Replica → itself: what was written of the snapshot is on disk; go on.
    Save,

    /// Replica → leader: "how far is the log chosen, now that this question is under way?"
    HowFar { question: u64, by_lease: bool },
    /// Leader → replica: "do you follow still?"
    Confirm { ballot: Ballot, round: u64 },
    /// Replica → leader: "I have promised no higher ballot." From a majority, it means that nothing was
    /// chosen under a higher one before the round began.
    Confirmed { ballot: Ballot, round: u64 },
    /// Leader → replica: so far. Who has executed everything before `open` may answer its reads.
    SoFar { question: u64, open: Slot },
}

/// What survives a crash, beside promises.
#[expect(missing_docs, reason = "fields of one name mean one thing, told above")]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Record {
    /// Accepted this in that slot. Written before any process is told.
    Accepted { slot: Slot, ballot: Ballot, entry: Entry },
    /// What is accepted before `open` is chosen. Nothing waits for it: it saves asking again.
    Chosen { open: Slot },
    /// A snapshot begins: the chunks that follow are pieces of it, until it is whole.
    Snapshot { head: Head },
    /// A piece of it.
    Chunk { chunk: Arc<Chunk> },
    /// That was all: what is older than the snapshot is not needed any more.
    Whole,
}

/// What a replica reports to an operator.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// `leads`, `follows`, `probes`, `asks`, or `is no member`.
    pub role: String,
    /// Which replicas are the group, as far as this one knows.
    pub members: Vec<NodeId>,
    /// Which replica leads, as far as this one knows.
    pub leader: Option<NodeId>,
    /// Whether it leads and holds a lease: it answers reads by lease without a question.
    pub lease: bool,
    /// The highest ballot it promised.
    pub promised: Option<Ballot>,
    /// The first slot that it does not know to be chosen.
    pub open: u64,
    /// How many slots it holds in memory.
    pub slots: u64,
    /// Every slot before this one is in the snapshot that it has on disk.
    pub snapshot: u64,
    /// How many keys have a value.
    pub keys: u64,
    /// How many sessions are open.
    pub sessions: u64,
    /// How many requests of its clients are not answered yet.
    pub waiting: u64,
}

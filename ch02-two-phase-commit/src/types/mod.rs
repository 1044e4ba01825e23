//! The nouns of the chapter: what the shop's processes send to each other, write down, and wait
//! for.
//!
//! Every step uses these words; what changes from step to step is who sends them, when, and what
//! was written down before. Read [`Msg`] as the protocol's table of contents.

mod record;
pub mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;

use lab::NodeId;
pub use record::Record;
use serde::{Deserialize, Serialize};

/// The coordinator: takes orders, and decides.
pub const COORD: NodeId = NodeId(1);
/// The participant that keeps the shelf.
pub const STOCK: NodeId = NodeId(2);
/// The participant that keeps the purses and the till.
pub const PAY: NodeId = NodeId(3);

/// Chosen by the client, one for each thing it wants done once. The same key means the same request,
/// however often it is sent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Arc<str>);

/// Names one attempt at one order, for ever: `start` is which start of the coordinator, `count` which
/// order since then, `attempt` which try. No two transactions ever share an id, and because the
/// fields are compared in this order, a smaller id is an older transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TxId {
    /// Which start of the coordinator.
    pub start: u64,
    /// Which order since that start.
    pub count: u64,
    /// Which attempt at that order; above 1 only where locks make one step aside (step 4).
    pub attempt: u32,
}

impl TxId {
    /// The next attempt at the same order. It keeps its age.
    #[must_use]
    pub fn again(self) -> Self {
        Self { attempt: self.attempt + 1, ..self }
    }

    /// Whether both are attempts at the same order.
    #[must_use]
    pub fn same_order(self, other: Self) -> bool {
        (self.start, self.count) == (other.start, other.count)
    }
}

/// Names an account of one participant: `umbrella` on the shelf, `alice` among the purses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Account(pub Arc<str>);

/// One line of an order: add `by` to the account. Zero is a read: it changes nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Whose balance.
    pub account: Account,
    /// By how much: umbrellas at `stock`, coins at `pay`.
    pub by: i64,
}

/// What one participant has to do for an order: a *branch* of the transaction, as X/Open XA calls it.
pub type Branch = Arc<[Change]>;

/// An order: what each participant has to do, all of it or nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Order(pub Arc<BTreeMap<NodeId, Branch>>);

/// Why a participant will not take part.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// It keeps no such account.
    Unknown(Account),
    /// The balance would fall below zero or rise above [`crate::accounts::MOST`].
    OutOfRange(Account),
    /// A participant's vote did not come in time. The coordinator gives this reason, a participant
    /// does not.
    NoVote,
    /// It could, but not now, and gives the reason. Only a participant with a database of its own
    /// answers this: ours waits for a lock, and has room.
    NotNow(Arc<str>),
}

/// How an order ended.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// Done, everywhere. For a read: these are the balances, all of one moment.
    Done(BTreeMap<NodeId, Balances>),
    /// Not done, anywhere.
    Declined(Refusal),
    /// This key was used for another order before; that order stands, this one is not done.
    KeyReused,
    /// Too many orders are open; this one was not begun. Ask again later with the same key.
    Busy,
}

/// Balances by account, as one participant gives them.
pub type Balances = BTreeMap<Account, u64>;

/// A participant's answer to *prepare*.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Vote {
    /// "I can, whatever happens; now you decide." Carries the balances that were read.
    Yes(Balances),
    /// "I will not": it has aborted already.
    No(Refusal),
}

/// All messages. The comment tells who sends it to whom, and what receiving it entitles you to.
///
/// `tx` is the attempt, `key` the request that it is for, `branch` what this participant has to do.
#[expect(missing_docs, reason = "fields of one name mean one thing, told above")]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Msg {
    /// Client → coordinator: "do this once". Sent again, with the same key, until answered.
    Submit { key: Key, order: Order },
    /// Coordinator → client: final. Whatever it says stays true.
    Answer { key: Key, outcome: Outcome },
    /// Client → participant: "what do you have?" (steps 1 to 3 and 5; in step 4 a read is an order
    /// that changes nothing).
    Read,
    /// Participant → client: what it has.
    Have { balances: Balances },

    /// Coordinator → participant: "do it now" (step 1). Sagas send it too (step 5).
    Apply { tx: TxId, key: Key, branch: Branch },
    /// Participant → coordinator: done, and written down.
    Applied { tx: TxId },
    /// Participant → coordinator: not done.
    Refused { tx: TxId, why: Refusal },
    /// Coordinator → participant: "take it back" (step 5).
    Undo { tx: TxId },
    /// Participant → coordinator: taken back; or never done, and never will be (step 5).
    Undone { tx: TxId },

    /// Coordinator → participant: "can you, for certain?" A participant that answers yes has given
    /// its right to decide away.
    Prepare { tx: TxId, key: Key, branch: Branch },
    /// Participant → coordinator. Yes from every participant entitles the coordinator to decide
    /// *commit*.
    Vote { tx: TxId, vote: Vote },
    /// Coordinator → participant: all voted yes and the decision is made. Entitles to apply.
    Commit { tx: TxId },
    /// Coordinator → participant: it is off. Entitles to release everything held.
    Abort { tx: TxId },
    /// Participant → coordinator: committed, and it will never ask about this one again. From every
    /// participant it entitles the coordinator to forget.
    Ack { tx: TxId },
    /// Participant → coordinator: "I voted yes long ago. What became of it?"
    Inquire { tx: TxId },
    /// Participant → coordinator: "an older one waits for what this one holds. If you have not
    /// decided, give it up" (step 4).
    Wound {
        /// The younger attempt.
        tx: TxId,
        /// The older one, which waits.
        by: TxId,
    },

    /// Operator → any process: "what are you waiting for?" (the runnable system).
    Status,
    /// The answer to *status*.
    StatusIs {
        /// Attempts whose outcome this node waits for.
        in_doubt: Vec<TxId>,
        /// Accounts that no other transaction may touch meanwhile.
        locked: Vec<Account>,
    },

    /// What only the designs off the main path send.
    Deeper(crate::deeper::Msg),
}

/// What nodes wait for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// Client: no answer yet; send it again.
    Retry,
    /// Coordinator: not all have voted; give up. Allowed: nothing is decided yet.
    Votes(TxId),
    /// Coordinator: not all have acknowledged; send it again.
    Resend(TxId),
    /// Participant: voted yes and received no decision; ask. Never: decide.
    Ask(TxId),
}

/// Facts that no message and no record shows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Note {
    /// Participant: dropped what it had voted yes to.
    LetGo(TxId),
    /// Reader: has all balances it asked for.
    Saw(BTreeMap<NodeId, Balances>),
}

impl Key {
    /// A key from text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
}

impl Account {
    /// An account name from text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }
}

impl Order {
    /// An order from `(participant, account, by)` lines.
    #[must_use]
    pub fn new(lines: &[(NodeId, &str, i64)]) -> Self {
        let mut branches: BTreeMap<NodeId, Vec<Change>> = BTreeMap::new();
        for (participant, account, by) in lines {
            let change = Change { account: Account::new(account), by: *by };
            branches.entry(*participant).or_default().push(change);
        }
        Self(Arc::new(branches.into_iter().map(|(id, branch)| (id, branch.into())).collect()))
    }

    /// The participants, in order.
    pub fn participants(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.0.keys().copied()
    }

    /// Whether it changes anything at all.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.0.values().flat_map(|branch| branch.iter()).all(|change| change.by == 0)
    }
}

impl Outcome {
    /// Done, with nothing read.
    #[must_use]
    pub fn done() -> Self {
        Self::Done(BTreeMap::new())
    }
}

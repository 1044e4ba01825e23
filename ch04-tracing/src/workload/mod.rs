//! The workload: checkouts of the shop, as its processes see them, and beside that what really happened.
//!
//! One checkout is about thirty pieces of work in eight processes. Each process sees its own: what it did,
//! for whom, and when by its own clock. That is [`Seen`], and all that a design may look at. What caused
//! each piece of work is kept apart, in [`Arrival`]; [`judge`] compares what a design says with that.
//!
//! A design decides what a message carries. It is a function from what arrived to what it hands on, and
//! [`Run::carry`] applies it along the true paths of the messages: a design gets from a cause what that
//! cause handed on, and nothing else.
//!
//! # Left out
//!
//! Processes never queue for a processor, and only the leader of the replicas waits for its disk. No
//! process crashes in the middle of its work.

use std::fmt;

use crate::types::Kind;

pub mod judge;
mod simulate;

/// The coordinator sends a prepare again after this time, in ns.
pub const TIMEOUT: u64 = 30_000_000;

/// A process of the shop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Process {
    /// The load balancer.
    Lb,
    /// The web node.
    Web1,
    /// The coordinator of two-phase commit.
    Coord,
    /// A participant: the shelf.
    Stock,
    /// A participant: the purse and the till.
    Pay,
    /// Keeps the coordinator's decisions; leads at first.
    Replica1,
    /// As the first.
    Replica2,
    /// As the first.
    Replica3,
}

impl Process {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Lb,
        Self::Web1,
        Self::Coord,
        Self::Stock,
        Self::Pay,
        Self::Replica1,
        Self::Replica2,
        Self::Replica3,
    ];
    /// Those that keep decisions.
    pub const REPLICAS: [Self; 3] = [Self::Replica1, Self::Replica2, Self::Replica3];
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lb => "lb",
            Self::Web1 => "web-1",
            Self::Coord => "coord",
            Self::Stock => "stock",
            Self::Pay => "pay",
            Self::Replica1 => "replica-1",
            Self::Replica2 => "replica-2",
            Self::Replica3 => "replica-3",
        })
    }
}

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum What {
    /// `lb` takes the user's request.
    Checkout,
    /// `web-1` makes the page.
    Page,
    /// `stock` says what one thing in the cart costs.
    Price,
    /// `coord` runs two-phase commit.
    Order,
    /// A participant promises its part.
    Prepare,
    /// The leader of the replicas takes a decision.
    Decide,
    /// The leader writes all decisions that wait, with one fsync, and has them accepted.
    Flush,
    /// A new leader goes on with decisions that it found in its log.
    Replay,
    /// A follower accepts what the leader sends.
    Accept,
    /// A participant carries the decision out.
    Commit,
    /// A process waits for its disk.
    Fsync,
}

impl What {
    /// The call graph: what may be the cause, in the same process, of a call or of work of this sort.
    #[must_use]
    pub fn caused_by(self) -> &'static [Self] {
        match self {
            Self::Checkout | Self::Replay => &[],
            Self::Page => &[Self::Checkout],
            Self::Price | Self::Order => &[Self::Page],
            Self::Prepare | Self::Decide | Self::Commit => &[Self::Order],
            Self::Flush => &[Self::Decide],
            Self::Accept => &[Self::Flush, Self::Replay],
            Self::Fsync => &[Self::Prepare, Self::Commit, Self::Accept, Self::Flush],
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checkout => "checkout",
            Self::Page => "page",
            Self::Price => "price",
            Self::Order => "order",
            Self::Prepare => "prepare",
            Self::Decide => "decide",
            Self::Flush => "flush",
            Self::Replay => "replay",
            Self::Accept => "accept",
            Self::Commit => "commit",
            Self::Fsync => "fsync",
        })
    }
}

// ANCHOR: seen
/// One piece of work as its process sees it. A log line has this in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seen {
    /// By the clock of the process, in ns.
    pub start: u64,
    /// As `start`, and never before it.
    pub end: u64,
    /// Who did it.
    pub process: Process,
    /// Whether it called, was called, or worked alone.
    pub kind: Kind,
    /// What was done.
    pub what: What,
    /// The process at the other end of the connection, if there is one.
    pub peer: Option<Process>,
}
// ANCHOR_END: seen

/// How a piece of work came about: the truth, by the places of its causes in [`Run::works`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// From outside: nothing in the shop caused it.
    Edge,
    /// From one cause: a message, or the same process going on.
    Call(usize),
    /// All that waited in a queue, at once.
    Batch(Vec<usize>),
    /// Read from a log that another process wrote.
    Log(Vec<usize>),
}

impl Arrival {
    /// What caused it.
    #[must_use]
    pub fn causes(&self) -> &[usize] {
        match self {
            Self::Edge => &[],
            Self::Call(cause) => std::slice::from_ref(cause),
            Self::Batch(causes) | Self::Log(causes) => causes,
        }
    }
}

/// A piece of work, and the truth about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Work {
    /// What its process sees.
    pub seen: Seen,
    /// What caused it.
    pub arrival: Arrival,
    /// Which request it is for; none if several share it.
    pub request: Option<usize>,
    /// When it began, by a clock that no process has.
    pub began: u64,
    /// What its process waited for.
    pub waits: Waits,
}

/// What a piece of work waited for, by places in [`Run::works`]. Its process knows: it did the waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Waits {
    /// What had to be over before it began.
    pub begin: Option<usize>,
    /// What had to be over before it ended: of several, what was over last.
    pub end: Option<usize>,
    /// It is a call, and its process stopped waiting for the answer.
    pub gave_up: bool,
}

/// What a design finds when work begins: what its causes handed on.
#[derive(Clone, Debug)]
pub enum Arrived<'a, C> {
    /// Nothing: a request from outside.
    Edge,
    /// What came with the message, or is at hand in the same process.
    Call(&'a C),
    /// What came with each message in the queue.
    Batch(Vec<&'a C>),
    /// What was written into the log beside each entry.
    Log(Vec<&'a C>),
}

/// How the shop is used, and what goes wrong in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Requests at a time: each client waits for its answer, then asks again.
    pub clients: usize,
    /// Requests in all.
    pub requests: usize,
    /// How far a clock may be off, in ns, in either direction.
    pub skew: u64,
    /// The prices of a cart are asked for at once, not one after the other.
    pub parallel: bool,
    /// Some prepares are lost or late, and are sent again.
    pub retries: bool,
    /// The leader writes all decisions that wait with one fsync.
    pub group_commit: bool,
    /// Now and then the leader steps down, and another one goes on with its log.
    pub leader_changes: bool,
    /// An answer takes as many times as long on its way as a request.
    pub slow_answers: u64,
    /// The work at this place takes 1 µs less each time that it computes, writes or is on its way, and all
    /// else takes what it took. That holds for one request at a time: then no other comes in between.
    pub faster: Option<usize>,
    /// The seed of all chance.
    pub seed: u64,
}

impl Config {
    /// The whole shop, with all that happens in it, and with clocks that agree.
    #[must_use]
    pub fn shop(clients: usize) -> Self {
        Self {
            clients,
            requests: 1024,
            skew: 0,
            parallel: true,
            retries: true,
            group_commit: true,
            leader_changes: true,
            slow_answers: 1,
            faster: None,
            seed: 1,
        }
    }

    /// One thing after the other, and nothing shared.
    #[must_use]
    pub fn serial(clients: usize) -> Self {
        let (parallel, retries) = (false, false);
        Self {
            parallel,
            retries,
            group_commit: false,
            leader_changes: false,
            ..Self::shop(clients)
        }
    }
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// In an order in which causes come before what they cause.
    pub works: Vec<Work>,
}

impl Run {
    /// Equal configurations give equal runs.
    #[must_use]
    pub fn of(config: Config) -> Self {
        simulate::run(config)
    }

    /// How many requests there were.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.works.iter().filter(|work| work.arrival == Arrival::Edge).count()
    }

    /// What a design hands on from each piece of work, along the true paths of the messages.
    pub fn carry<C>(&self, mut begin: impl FnMut(&Seen, Arrived<'_, C>) -> C) -> Vec<C> {
        let mut handed: Vec<C> = Vec::with_capacity(self.works.len());
        for work in &self.works {
            let all = |causes: &[usize]| causes.iter().map(|cause| &handed[*cause]).collect();
            let arrived = match &work.arrival {
                Arrival::Edge => Arrived::Edge,
                Arrival::Call(cause) => Arrived::Call(&handed[*cause]),
                Arrival::Batch(causes) => Arrived::Batch(all(causes)),
                Arrival::Log(causes) => Arrived::Log(all(causes)),
            };
            let next = begin(&work.seen, arrived);
            handed.push(next);
        }
        handed
    }

    /// The places of all works, by what their processes saw: one log, merged by time.
    #[must_use]
    pub fn by_time(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.works.len()).collect();
        places.sort_by_key(|place| self.works[*place].seen);
        places
    }
}

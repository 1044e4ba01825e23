//! Where work changes hands inside a process, and what becomes of its cause.
//!
//! A library that finds the current span in a variable of the thread is right as long as a thread does one
//! thing until it is done. An asynchronous runtime does not: at each `await`, the thread goes on with
//! something else. A span that was entered stays entered meanwhile, and what other requests do becomes its
//! child: a wrong parent. A span that is kept with the future is entered and left with it. Where no future
//! crosses, in a queue or a log, only the message can carry the cause.
//!
//! # Left out
//!
//! Runtimes with several threads: there the compiler refuses a guard that is held across an `await` of a
//! spawned task, because the guard is not [`Send`].

use std::fmt;

use crate::workload::judge::Tally;

/// How work gets from one piece of code to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Crossing {
    /// The same future goes on after an `await`.
    Await,
    /// Another task.
    Spawn,
    /// Another task in a set.
    JoinSet,
    /// A branch that is dropped when another one is done.
    SelectCancel,
    /// A worker that takes jobs from a queue.
    Worker,
    /// The same future goes on when a worker has answered.
    Oneshot,
    /// A closure on a thread of the runtime's pool.
    SpawnBlocking,
    /// A thread of its own.
    Thread,
    /// The same future tries again.
    Retry,
    /// A second task does the same, in case the first is slow.
    Hedge,
    /// A worker that does many jobs at once.
    BatchFlush,
    /// Another process reads what this one wrote into its log.
    LogReplay,
}

impl Crossing {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Await,
        Self::Spawn,
        Self::JoinSet,
        Self::SelectCancel,
        Self::Worker,
        Self::Oneshot,
        Self::SpawnBlocking,
        Self::Thread,
        Self::Retry,
        Self::Hedge,
        Self::BatchFlush,
        Self::LogReplay,
    ];
}

impl fmt::Display for Crossing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Await => "await",
            Self::Spawn => "spawn",
            Self::JoinSet => "JoinSet",
            Self::SelectCancel => "select!, one branch dropped",
            Self::Worker => "queue: a worker takes jobs",
            Self::Oneshot => "oneshot: an answer comes back",
            Self::SpawnBlocking => "spawn_blocking",
            Self::Thread => "thread",
            Self::Retry => "retry",
            Self::Hedge => "hedge: the same request twice",
            Self::BatchFlush => "batch flush",
            Self::LogReplay => "log replay by a new leader",
        })
    }
}

/// What is found on the far side of one crossing, with four requests under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// Which one.
    pub crossing: Crossing,
    /// A guard of the span, held until the request is over.
    pub guard: Tally,
    /// A span that is kept with each future.
    pub instrument: Tally,
    /// The context in the message.
    pub message: Tally,
}

/// As it was found with tokio and `tracing`; a test runs all of it again.
pub const MATRIX: [Row; 12] = [
    row(Crossing::Await, [1, 0, 3], [4, 0, 0], [4, 0, 0]),
    row(Crossing::Spawn, [1, 0, 3], [4, 0, 0], [4, 0, 0]),
    row(Crossing::JoinSet, [1, 0, 3], [4, 0, 0], [4, 0, 0]),
    row(Crossing::SelectCancel, [1, 0, 3], [4, 0, 0], [4, 0, 0]),
    row(Crossing::Worker, [1, 0, 3], [0, 4, 0], [4, 0, 0]),
    row(Crossing::Oneshot, [1, 0, 3], [4, 0, 0], [4, 0, 0]),
    row(Crossing::SpawnBlocking, [0, 4, 0], [0, 4, 0], [4, 0, 0]),
    row(Crossing::Thread, [0, 4, 0], [0, 4, 0], [4, 0, 0]),
    row(Crossing::Retry, [2, 0, 6], [8, 0, 0], [8, 0, 0]),
    row(Crossing::Hedge, [2, 0, 6], [8, 0, 0], [8, 0, 0]),
    row(Crossing::BatchFlush, [1, 3, 0], [0, 4, 0], [4, 0, 0]),
    row(Crossing::LogReplay, [0, 0, 4], [0, 4, 0], [4, 0, 0]),
];

const fn row(
    crossing: Crossing,
    guard: [usize; 3],
    instrument: [usize; 3],
    message: [usize; 3],
) -> Row {
    Row { crossing, guard: tally(guard), instrument: tally(instrument), message: tally(message) }
}

const fn tally([right, missing, wrong]: [usize; 3]) -> Tally {
    Tally { right, missing, wrong }
}

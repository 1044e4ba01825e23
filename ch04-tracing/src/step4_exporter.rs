//! Step 4: what becomes of a span between the process that made it and the collector.
//!
//! A process that waits for the collector is as slow as the collector. One that does not wait needs a queue;
//! a queue without a bound takes all memory, and one with a bound loses spans. So the question is not whether
//! spans are lost, but which ones, and who knows. Here the most important ones go last, and a *ledger* says
//! what became of each:
//!
//! ```text
//! created = stored + dropped (and why) + in flight
//! ```
//! The exporter of the system keeps its spans in a [`SpanQueue`] and asks [`Attempts`] what an answer means; the
//! experiments run the same two against collectors that fail on schedule.
//!
//! # Left out
//!
//! A bound in bytes: a queue of long spans takes more memory than one of short ones. Spans of the classes
//! above [`Class::Ordinary`] can fill the queue as well; then the newest of the lowest class goes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::types::{Span, Status};

/// As many spans wait at most, if nothing else is said.
pub const QUEUE: usize = 8192;
/// As many go in one request at most.
pub const BATCH: usize = 512;
/// A span waits at most so long for others of its batch.
pub const LINGER: Duration = Duration::from_millis(200);
/// As often a batch is sent at most.
pub const ATTEMPTS: u32 = 8;
/// Before the second attempt; doubled for each further one.
pub const FIRST_WAIT: Duration = Duration::from_millis(100);
/// No wait of an exporter's own is longer.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A collector that asks for more time gets this: it may have asked by mistake, and the queue is full long
/// before.
pub const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// Why a span is not known to be stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dropped {
    /// As many spans as may wait did so.
    QueueFull,
    /// The collector said that sending it again changes nothing.
    Refused,
    /// Nobody said that it is stored: all attempts failed, or what answered was no collector. If an answer was
    /// lost, the collector has the span all the same.
    Unconfirmed,
    /// The time for the shutdown was over. The collector may have it.
    AtShutdown,
    /// It was recorded after the shutdown.
    AfterShutdown,
}

/// The account of an exporter: `created = stored + dropped + in_flight`, at every moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    /// Spans that were recorded.
    pub created: u64,
    /// Spans that the collector called stored.
    pub stored: u64,
    /// Spans that were given up, and why.
    pub dropped: BTreeMap<Dropped, u64>,
    /// Spans that wait, or are on their way.
    pub in_flight: u64,
}

impl Ledger {
    fn drop(&mut self, why: Dropped, count: usize) {
        if count > 0 {
            *self.dropped.entry(why).or_default() += count as u64;
        }
    }

    /// How many spans were dropped for this reason.
    #[must_use]
    pub fn dropped(&self, why: Dropped) -> u64 {
        self.dropped.get(&why).copied().unwrap_or(0)
    }

    /// Whether nothing is unaccounted for.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.created == self.stored + self.dropped.values().sum::<u64>() + self.in_flight
    }
}

/// What a span is worth. A lower one is dropped first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// One of many.
    Ordinary,
    /// The first span of a trace: without it, nobody knows what the trace is about.
    Root,
    /// It took long.
    Slow,
    /// It failed.
    Failed,
}

impl Class {
    /// All of them, the one that is dropped first in front.
    pub const ALL: [Self; 4] = [Self::Ordinary, Self::Root, Self::Slow, Self::Failed];

    /// That of a finished span. `slow` is how long an ordinary one takes at most.
    #[must_use]
    pub fn of(span: &Span, slow: Duration) -> Self {
        let took = Duration::from_nanos(span.end.saturating_sub(span.start));
        match span {
            Span { status: Status::Error(_), .. } => Self::Failed,
            _ if took > slow => Self::Slow,
            Span { parent: None, .. } => Self::Root,
            _ => Self::Ordinary,
        }
    }
}

/// Spans on their way out, and what became of all others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpanQueue<S> {
    /// As many spans wait at most.
    room: usize,
    /// Those that wait, by class, the oldest first.
    waiting: [VecDeque<S>; Class::ALL.len()],
    /// How many were sent, and have no final answer yet.
    on_the_way: usize,
    is_closed: bool,
    ledger: Ledger,
}

impl<S> SpanQueue<S> {
    /// With room for so many that wait.
    #[must_use]
    pub fn new(room: usize) -> Self {
        let waiting = [const { VecDeque::new() }; Class::ALL.len()];
        Self { room, waiting, on_the_way: 0, is_closed: false, ledger: Ledger::default() }
    }

    // ANCHOR: record
    /// Takes a finished span, and never waits. Returns the one that was dropped, which may be another one.
    pub fn record(&mut self, class: Class, span: S) -> Option<S> {
        self.ledger.created += 1;
        if self.is_closed {
            self.ledger.drop(Dropped::AfterShutdown, 1);
            return Some(span);
        }
        self.waiting[class as usize].push_back(span);
        if self.waiting() <= self.room {
            return None;
        }
        // The newest of the lowest class that waits. If that is the class of this span, it is this span.
        self.ledger.drop(Dropped::QueueFull, 1);
        self.waiting.iter_mut().find_map(VecDeque::pop_back)
    }
    // ANCHOR_END: record

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    /// How many wait or are on their way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.waiting() + self.on_the_way
    }

    /// The next batch: at most so many, of the highest class first.
    pub fn take(&mut self, most: usize) -> Vec<S> {
        let mut batch = Vec::with_capacity(most.min(self.waiting()));
        for of_class in self.waiting.iter_mut().rev() {
            let count = of_class.len().min(most - batch.len());
            batch.extend(of_class.drain(..count));
        }
        self.on_the_way += batch.len();
        batch
    }

    /// Enters in the ledger what became of a batch.
    pub fn settle(&mut self, outcome: Outcome) {
        let Outcome { stored, dropped, why } = outcome;
        self.on_the_way -= stored + dropped;
        self.ledger.stored += stored as u64;
        self.ledger.drop(why, dropped);
    }

    /// Nothing more is taken.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// Whether nothing more is taken.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The time is over for all that wait or are on their way.
    pub fn give_up(&mut self) {
        self.ledger.drop(Dropped::AtShutdown, self.in_flight());
        self.waiting.iter_mut().for_each(VecDeque::clear);
        self.on_the_way = 0;
    }

    /// What became of all spans so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger { in_flight: self.in_flight() as u64, ..self.ledger.clone() }
    }
}

/// What a collector says to a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is stored, without so many of its spans.
    Stored {
        /// The others.
        refused: usize,
    },
    /// Nothing, or that it has no time now; perhaps how much later it will have some.
    Later(Option<Duration>),
    /// It will never take this batch.
    Refused,
    /// What answered is no collector.
    NoCollector,
}

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// So many spans were called stored.
    pub stored: usize,
    /// The others.
    pub dropped: usize,
    /// Why those were dropped.
    pub why: Dropped,
}

/// What an exporter does after an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// It sends the same batch again after this time.
    SendAgain(Duration),
    /// It is done with this batch.
    Done(Outcome),
}

/// The attempts to send one batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempts {
    count: usize,
    left: u32,
    wait: Duration,
}

impl Attempts {
    /// For a batch of `count` spans. `attempts` of 0 is taken as 1.
    #[must_use]
    pub fn new(count: usize, attempts: u32, first_wait: Duration) -> Self {
        Self { count, left: attempts.max(1), wait: first_wait }
    }

    // ANCHOR: retry
    /// What follows from an answer. `random` makes exporters that failed together come back apart.
    pub fn after(&mut self, answer: Answer, random: u64) -> Next {
        self.left = self.left.saturating_sub(1);
        let (refused, why) = match answer {
            Answer::Stored { refused } => (refused.min(self.count), Dropped::Refused),
            Answer::Refused => (self.count, Dropped::Refused),
            Answer::Later(asked) if self.left > 0 => {
                let wait = pause(asked, self.wait, random);
                self.wait = (2 * self.wait).min(LONGEST_WAIT);
                return Next::SendAgain(wait);
            }
            Answer::Later(_) | Answer::NoCollector => (self.count, Dropped::Unconfirmed),
        };
        Next::Done(Outcome { stored: self.count - refused, dropped: refused, why })
    }
    // ANCHOR_END: retry
}

/// Never less than a collector asked for, up to [`LONGEST_ASKED`], and on top of that between half of `wait`
/// and all of it.
#[must_use]
pub fn pause(asked: Option<Duration>, wait: Duration, random: u64) -> Duration {
    let half = wait / 2;
    let more = u128::from(random) % half.as_nanos().max(1);
    let more = Duration::from_nanos(u64::try_from(more).expect("less than a u64"));
    asked.unwrap_or_default().min(LONGEST_ASKED) + half + more
}

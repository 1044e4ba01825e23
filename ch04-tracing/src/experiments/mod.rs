//! What becomes of each design's trace as more happens at a time: counts, curves and tables for the
//! book.
//!
//! All designs see the same runs. What comes out is counted, never timed.
//!
//! | file | has |
//! |---|---|
//! | `mod.rs` | what is counted |
//! | `sampling.rs` | what sampling makes of shares and percentiles, and what weights make of that |
//! | `head.rs` | traces that head sampling keeps as a whole, and failures that it keeps at all |
//! | `export/` | exporters before collectors that fail |
//! | `kill.rs` | spans that are lost with a process, and what a ring keeps of them |
//! | `stored.rs` | what questions to the store cost |
//! | `waiting.rs` | what tail sampling needs while it waits, and what it loses |
//! | `clocks.rs` | clocks that are off, and what can be known about the order of events |
//! | `paths.rs` | what a request waited for, by trial and by two rules |
//! | `graph.rs` | who calls whom, with lost spans and with sampled traces |
//! | `curves.rs`, `tables.rs` | the same, as the book shows it |

pub mod clocks;
mod curves;
pub mod export;
pub mod graph;
pub mod head;
pub mod kill;
pub mod paths;
pub mod sampling;
#[cfg(feature = "system")]
pub mod stored;
mod tables;
pub mod waiting;

use std::collections::BTreeMap;

use crate::step2_request_id::RequestId;
use crate::types::Kind;
use crate::workload::judge::{
    self, Found, Tally, customers, edges, edges_where, tops, whole_requests,
};
use crate::workload::{Arrival, Config, Process, Run, Seen, TIMEOUT, What};
use crate::{step1_log_lines as step1, step2_request_id as step2, step3_context as step3};

pub use curves::plots;
pub use tables::{numbers, tables};

/// The dials of the chapter, by name.
#[must_use]
pub fn dials() -> Vec<(String, lab::chapter::Dial)> {
    vec![("median".into(), sampling::dial())]
}

/// Requests at a time.
pub const CLIENTS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// How far a clock is off where clocks are off, in ns.
pub const SKEW: u64 = 5_000_000;
/// Requests at a time in the tables.
pub const MANY: usize = 16;

/// The puzzle shows lines up to so long after the slow one, in ns.
const PUZZLE: u64 = 100_000;

/// What one design says about one run, judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Of all causes.
    pub edges: Tally,
    /// Requests that have exactly their own work.
    pub whole: usize,
    /// Of all slow payments.
    pub customers: Tally,
}

impl Judged {
    fn of<G: Ord>(run: &Run, found: &Found, groups: &[Option<G>]) -> Self {
        Self {
            edges: edges(run, found),
            whole: whole_requests(run, groups),
            customers: customers(run, groups),
        }
    }
}

/// Log lines and a search by time.
#[must_use]
pub fn log_lines(run: &Run) -> Judged {
    let found = step1::found(run);
    Judged::of(run, &found, &tops(&found))
}

/// The same, with a cause only where nothing else fits.
#[must_use]
pub fn certain(run: &Run) -> Judged {
    let found = step1::certain(run);
    Judged::of(run, &found, &tops(&found))
}

/// Request ids.
#[must_use]
pub fn request_ids(run: &Run) -> Judged {
    Judged::of(run, &step2::found(run), &step2::ids(run))
}

/// Contexts.
#[must_use]
pub fn contexts(run: &Run) -> Judged {
    let spans = step3::spans(run);
    let traces: Vec<_> = spans.iter().map(|span| Some(span.trace)).collect();
    Judged::of(run, &step3::found(&spans), &traces)
}

/// Requests that are whole if `lb` keeps the ids that clients choose, and each client counts from 1.
#[must_use]
pub fn whole_with_ids_of_clients(run: &Run) -> usize {
    let mut ids = BTreeMap::new();
    let carried = run.carry(|seen, arrived| {
        let id = RequestId(ids.len() as u64 % (run.requests() as u64 / MANY as u64));
        if seen.what == What::Checkout {
            ids.insert(seen.start, id);
        }
        step2::pass_on(&arrived, id)
    });
    whole_requests(run, &carried)
}

/// A search in the coordinator's log for orders and for `pay`: four lines, and two stories that fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Puzzle {
    /// What the search finds.
    pub lines: Vec<Seen>,
    /// The line of a payment that took long.
    pub slow: Seen,
    /// The order that it belongs to.
    pub order: Seen,
    /// The order that is nearest in time.
    pub nearest: Seen,
}

/// The first such place in a run.
#[must_use]
pub fn puzzle(run: &Run) -> Option<Puzzle> {
    let found = step1::found(run);
    let at_coord = |seen: &Seen| match (seen.process, seen.kind, seen.what, seen.peer) {
        (Process::Coord, Kind::Server, What::Order, _) => true,
        (Process::Coord, Kind::Client, What::Prepare, peer) => peer == Some(Process::Pay),
        _ => false,
    };
    let mut log: Vec<Seen> = run.works.iter().map(|work| work.seen).filter(at_coord).collect();
    log.sort_unstable();
    run.works.iter().zip(&found).find_map(|(work, named)| {
        let (slow, cause) = (work.seen, *work.arrival.causes().first()?);
        let (order, nearest) = (run.works[cause].seen, run.works[*named.first()?].seen);
        let from = order.start.min(nearest.start);
        let near = |line: &&Seen| (from..slow.start + PUZZLE).contains(&line.start);
        let lines: Vec<Seen> = log.iter().filter(near).copied().collect();
        let took = slow.end - slow.start;
        let long = at_coord(&slow) && judge::SLOW < took && took < TIMEOUT;
        let around = [order, nearest].iter().all(|order| order.end > slow.end);
        let fits = long && around && order < nearest && lines.len() == 4 && lines[2] == slow;
        fits.then_some(Puzzle { lines, slow, order, nearest })
    })
}

/// What happens in the shop, one thing after the other.
#[must_use]
pub fn stages() -> [(&'static str, Config); 6] {
    let serial = Config::serial(MANY);
    let parallel = Config { parallel: true, ..serial };
    let retries = Config { retries: true, ..parallel };
    let batches = Config { group_commit: true, ..retries };
    let all = Config::shop(MANY);
    [
        ("one call after the other", serial),
        ("and calls at once", parallel),
        ("and retries", retries),
        ("and group commit", batches),
        ("and changes of the leader", all),
        ("and clocks off by up to 5 ms", Config { skew: SKEW, ..all }),
    ]
}

/// The sorts of edges on which request ids fail.
#[must_use]
pub fn sorts(run: &Run) -> Vec<(&'static str, Tally)> {
    let found = step2::found(run);
    let cause = |place: usize| match &run.works[place].arrival {
        Arrival::Call(cause) => Some(*cause),
        _ => None,
    };
    // Calls of the same sort to the same process, by what made them.
    let mut calls: BTreeMap<_, usize> = BTreeMap::new();
    let key = |call: usize| (cause(call), run.works[call].seen.what, run.works[call].seen.peer);
    for (place, work) in run.works.iter().enumerate() {
        if work.seen.kind == Kind::Client {
            *calls.entry(key(place)).or_default() += 1;
        }
    }
    let served = |place: usize, what: What| {
        let work = &run.works[place];
        let several =
            cause(place).is_some_and(|call| calls.get(&key(call)).is_some_and(|n| *n > 1));
        work.seen.kind == Kind::Server && work.seen.what == what && several
    };
    let shared = |place: usize| run.works[place].request.is_none();
    let several = |place| shared(place) && !matches!(run.works[place].arrival, Arrival::Call(_));
    let tally = |asked: &dyn Fn(usize) -> bool| edges_where(run, &found, asked);
    vec![
        ("one of several prices, asked for at once", tally(&|place| served(place, What::Price))),
        ("a prepare that was sent twice", tally(&|place| served(place, What::Prepare))),
        ("a batch or a replay, by all its decisions", tally(&several)),
        ("what a batch or a replay causes", tally(&|place| shared(place) && !several(place))),
        (
            "all else",
            tally(&|place| {
                !shared(place) && !served(place, What::Price) && !served(place, What::Prepare)
            }),
        ),
    ]
}

/// Each design, with clocks that agree and with clocks that do not.
#[must_use]
pub fn scoreboard() -> Vec<(&'static str, Judged, Judged)> {
    let right = Run::of(Config::shop(MANY));
    let off = Run::of(Config { skew: SKEW, ..Config::shop(MANY) });
    type Design = fn(&Run) -> Judged;
    let designs: [(&str, Design); 4] = [
        ("log lines, the likeliest cause", log_lines),
        ("log lines, only if nothing else fits", certain),
        ("request ids", request_ids),
        ("contexts", contexts),
    ];
    designs.map(|(name, design)| (name, design(&right), design(&off))).to_vec()
}

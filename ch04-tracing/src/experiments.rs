//! What becomes of each design's trace as more happens at a time: curves and tables for the book.
//!
//! All designs see the same runs. What comes out is counted, never timed.

use std::collections::BTreeMap;

use lab::chapter::{Mark, Plot, Series, Table};

use crate::propagation::{Crossing, MATRIX};
use crate::step2_request_id::RequestId;
use crate::types::Kind;
use crate::workload::judge::{Found, Tally, customers, edges, edges_where, tops, whole_requests};
use crate::workload::{Arrival, Config, Run, What};
use crate::{step1_log_lines as step1, step2_request_id as step2, step3_context as step3};

/// Requests at a time.
pub const CLIENTS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// How far a clock is off where clocks are off, in ns.
pub const SKEW: u64 = 5_000_000;
/// Requests at a time in the tables.
pub const MANY: usize = 16;

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

/// The curves of the chapter, by name.
#[must_use]
pub fn plots() -> Vec<(String, Plot)> {
    vec![("stitched".into(), stitched()), ("customers".into(), wrong_customers())]
}

fn series(name: &str, mark: Mark, point: impl Fn(usize) -> f64) -> Series {
    let points = CLIENTS.iter().map(|clients| (*clients as f64, point(*clients))).collect();
    Series { name: name.into(), points, mark }
}

fn stitched() -> Plot {
    let run = |clients, skew| Run::of(Config { skew, ..Config::shop(clients) });
    let right = |judged: Judged| percent(judged.edges.shares()[0]);
    Plot {
        title: "Log lines: the more requests at a time, the fewer lines are put together right"
            .into(),
        x: "requests at a time".into(),
        y: "right, %".into(),
        series: vec![
            series("causes", Mark::Dots, |c| right(log_lines(&run(c, 0)))),
            series("causes, ± 5 ms", Mark::Dots, |c| right(log_lines(&run(c, SKEW)))),
            series("whole requests", Mark::Dots, |c| {
                let run = run(c, 0);
                100.0 * log_lines(&run).whole as f64 / run.requests() as f64
            }),
            series("1/c", Mark::Line, |c| 100.0 / c as f64),
        ],
    }
}

fn wrong_customers() -> Plot {
    let share = |part: usize, c: usize| {
        percent(log_lines(&Run::of(Config::shop(c))).customers.shares()[part])
    };
    Plot {
        title: "Log lines: most slow payments are put down to the wrong customer".into(),
        x: "requests at a time".into(),
        y: "slow payments, %".into(),
        series: vec![
            series("wrong customer", Mark::Dots, |c| share(2, c)),
            series("right customer", Mark::Dots, |c| share(0, c)),
            series("no customer", Mark::Dots, |c| share(1, c)),
        ],
    }
}

/// The tables of the chapter, by name.
#[must_use]
pub fn tables() -> Vec<(String, Table)> {
    vec![
        ("log".into(), log()),
        ("growing".into(), growing()),
        ("edges".into(), by_edge()),
        ("designs".into(), designs()),
        ("propagation".into(), propagation(&FOUR)),
        ("propagation-all".into(), propagation(&Crossing::ALL)),
    ]
}

fn table(columns: &[&str], rows: Vec<Vec<String>>) -> Table {
    Table { columns: columns.iter().map(ToString::to_string).collect(), rows }
}

/// A few lines of a log, as a search by time shows them.
fn log() -> Table {
    let run = Run::of(Config::shop(4));
    let places = run.by_time();
    let lines = places.iter().map(|place| run.works[*place].seen);
    let rows = lines.filter(|seen| seen.what == What::Prepare).skip(24).take(10).map(|seen| {
        let (ms, us) = (seen.start / 1_000_000, seen.start / 1_000 % 1_000);
        let text = match (seen.kind, seen.peer) {
            (Kind::Client, Some(peer)) => format!("{} → {peer}", seen.what),
            (Kind::Server, Some(peer)) => format!("{} from {peer}", seen.what),
            _ => seen.what.to_string(),
        };
        let took = (seen.end - seen.start) / 1_000;
        vec![format!("{ms}.{us:03} ms"), seen.process.to_string(), text, format!("{took} µs")]
    });
    table(&["time", "process", "line", "took"], rows.collect())
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

fn growing() -> Table {
    let rows = stages().map(|(name, config)| {
        let run = Run::of(config);
        let (ids, context) = (request_ids(&run).edges, contexts(&run).edges);
        let shares = [ids.shares(), [context.shares()[0], 0, 0]].concat();
        std::iter::once(name.to_owned()).chain(shares[..4].iter().map(|s| share(*s))).collect()
    });
    table(&["in the shop", "ids: right", "missing", "wrong", "contexts: right"], rows.to_vec())
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

fn by_edge() -> Table {
    let rows = sorts(&Run::of(Config::shop(MANY))).into_iter().map(|(name, tally)| {
        let Tally { right, missing, wrong } = tally;
        let counts = [right, missing, wrong].map(lab::view::thousands);
        std::iter::once(name.to_owned()).chain(counts).collect()
    });
    table(&["what caused", "right", "missing", "wrong"], rows.collect())
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

fn designs() -> Table {
    let row = |name: &str, judged: Judged| {
        let causes = judged.edges.shares().map(share);
        let Tally { right, missing, wrong } = judged.customers;
        let customers = format!("{right} · {missing} · {wrong}");
        std::iter::once(name.to_owned()).chain(causes).chain([customers]).collect()
    };
    let rows = scoreboard().into_iter().flat_map(|(name, right, off)| {
        [row(name, right), row(&format!("{name}; clocks ± 5 ms"), off)]
    });
    let customers = "slow payments: right · no · wrong customer";
    table(&["design", "causes: right", "missing", "wrong", customers], rows.collect())
}

/// The crossings that the main path shows.
const FOUR: [Crossing; 4] = [Crossing::Await, Crossing::Spawn, Crossing::Worker, Crossing::Retry];

fn propagation(crossings: &[Crossing]) -> Table {
    let cell = |tally: Tally| {
        let parts = [(tally.right, "right"), (tally.missing, "missing"), (tally.wrong, "wrong")];
        let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
        parts.collect::<Vec<_>>().join(", ")
    };
    let rows = MATRIX.iter().filter(|row| crossings.contains(&row.crossing)).map(|row| {
        vec![row.crossing.to_string(), cell(row.guard), cell(row.instrument), cell(row.message)]
    });
    let columns =
        ["work crosses by", "guard held", "span kept with the future", "context in the message"];
    table(&columns, rows.collect())
}

fn percent(share: usize) -> f64 {
    share as f64 / 100.0
}

/// Hundredths of a percent, with one digit after the point.
fn share(share: usize) -> String {
    let tenths = (share + 5) / 10;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

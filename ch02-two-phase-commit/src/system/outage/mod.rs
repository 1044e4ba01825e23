//! What an outage of the coordinator looks like from `pay`. Orders come at a fixed rate, whether or
//! not the earlier ones are answered. At 5 s `coord` is killed, at 10 s it is back. No order passes a
//! dead coordinator in any design; what differs is what it leaves behind. So beside the orders come
//! operations of `pay`'s own, one account each, and each waits until no order has its account locked:
//! how many are blocked by an order they have nothing to do with, and for how long?
//!
//! The designs take turns. Money is counted before and after each turn.
//!
//! # Left out
//!
//! Sagas: this cluster does not run them. `pay`'s own operations are not done, only waited for, by
//! reading its locks every few milliseconds; that interval is the least a wait can be.

mod watch;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use lab::chapter::{Mark, Plot, Series};
use lab::measure::{Error, Machine, Outcome, Setup, Table, aligned, many, quartiles, runtime};
use lab::system::{Observed, Options, Workload};
use serde_json::{Value, json};

use super::load::Transfers;
use super::{Design, SYSTEM};
use watch::{Seen, Snapshot};

type Turn = Observed<Seen>;

const END: Duration = Duration::from_secs(15);
const OUTAGE: lab::system::Outage = lab::system::Outage {
    role: "coord",
    kill: Duration::from_secs(5),
    back: Duration::from_secs(10),
    end: END,
    per_second: 3_000,
    most: 512,
    watched: &["stock", "pay"],
    every: Duration::from_millis(5),
};
/// Well within the outage.
const MIDDLE: Duration = Duration::from_secs(7);
/// Operations of `pay`'s own, a second.
const OWN: u32 = 200;
/// So many accounts on each side.
const ACCOUNTS: u64 = 100;
const BUCKET: Duration = Duration::from_millis(250);

/// A design that has its turns.
#[derive(Clone, Debug)]
pub struct Contestant {
    name: &'static str,
    options: Options,
}

impl Contestant {
    /// The designs that need nothing beside their own processes.
    #[must_use]
    pub fn alone() -> Vec<Self> {
        let all = [
            (Design::TwoPhases, "two-phase commit"),
            (Design::Termination, "asking each other"),
            (Design::Paxos, "Paxos Commit"),
        ];
        all.map(|(design, name)| Self { name, options: design.options() }).into()
    }

    /// Two coordinators, and the decisions in a store at this address, which is up all the time.
    #[must_use]
    pub fn with_store(name: &'static str, address: &str) -> Self {
        let flag = Design::Decisions.flag().expect("it has one");
        Self { name, options: Options::default().with_value(flag, address) }
    }
}

const COLUMNS: [&str; 8] = [
    "design",
    "verdict",
    "in doubt at 7 s",
    "accounts locked at 7 s",
    "those in doubt at the kill are free after",
    "pay's own blocked by a lock",
    "99 % of those within",
    "99 % of the others within",
];

fn transfers(shop: SocketAddr) -> Box<dyn Workload> {
    Box::new(Transfers { shop, accounts: ACCOUNTS })
}

/// Gives each design its turns, at least one, in about the time of the setup.
///
/// # Errors
/// One of them does not run.
pub fn measure(
    contestants: &[Contestant],
    setup: &Setup,
    out: &mut dyn Write,
) -> Result<Outcome, Error> {
    let runtime = runtime()?;
    // Starting, settling and counting take about a second a turn.
    let round = (END.as_secs() + 1) * contestants.len() as u64;
    let rounds = usize::try_from(setup.seconds / round).unwrap_or(1).max(1);
    let mut turns: Vec<Vec<Turn>> = contestants.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (Contestant { name, options }, turns) in contestants.iter().zip(&mut turns) {
            let (on, what) = ((runtime.handle(), setup), (SYSTEM, options.clone()));
            let turn = OUTAGE.observe(on, what, transfers, Seen::new());
            let turn = turn.map_err(|e| Error::contender(*name, e))?;
            let free = seconds(turn.watcher.free_after(turn.killed));
            let line = format!("round {round} of {rounds}, {name}: free after {free}, {turn}");
            writeln!(out, "{line}").map_err(Error::io("print"))?;
            turns.push(turn);
        }
    }
    let all = || contestants.iter().map(|one| one.name).zip(&turns);
    let table = Table {
        columns: COLUMNS.map(Into::into).into(),
        rows: all().map(|(name, turns)| row(name, turns)).collect(),
        spread: spread(rounds),
        machine: Machine::read(&setup.dir),
        versions: format!("fun-topics {}", env!("CARGO_PKG_VERSION")),
    };
    let timeline =
        all().map(|(name, turns)| json!({ "design": name, "buckets": buckets(&turns[0]) }));
    let (timeline, mut kept): (Value, _) = (timeline.collect(), table.kept());
    let text = format!("{}\n{table}", plain(&timeline));
    kept["timeline"] = timeline;
    kept["plot"] = json!(plot(all()));
    Ok(Outcome { text, kept, is_ok: turns.iter().flatten().all(|turn| turn.verdict.0) })
}

fn median(turns: &[Turn], value: impl Fn(&Turn) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = turns.iter().filter_map(value).collect();
    (!values.is_empty()).then(|| quartiles(values).1)
}

fn millis(time: Option<f64>) -> String {
    time.map_or_else(|| "–".into(), |time| format!("{time:.0} ms"))
}

fn seconds(free: Option<Duration>) -> String {
    free.map_or_else(|| "never".into(), |time| format!("{:.2} s", time.as_secs_f64()))
}

fn row(name: &str, turns: &[Turn]) -> Vec<String> {
    // A turn in which no order is in doubt at the kill shows nothing, so what is left behind is the most of all
    // turns.
    let middle = |value: fn(&Snapshot) -> usize| {
        let read = |turn: &Turn| turn.watcher.between(MIDDLE, Duration::MAX).next().map(value);
        turns.iter().filter_map(read).max().unwrap_or_default().to_string()
    };
    let own = |turn: &Turn, blocked| turn.watcher.own(turn.killed, turn.back, blocked);
    let blocked = median(turns, |turn| Some(own(turn, true).0 as f64));
    let free = turns.iter().map(|turn| turn.watcher.free_after(turn.killed));
    // One that was never free is later than all others.
    let free = free.max_by_key(|free| free.unwrap_or(Duration::MAX)).flatten();
    vec![
        name.to_owned(),
        if turns.iter().all(|turn| turn.verdict.0) { "ok" } else { "unsafe" }.to_owned(),
        middle(|read| read.in_doubt.len()),
        middle(|read| read.locked),
        seconds(free),
        format!("{:.0}", blocked.unwrap_or_default()),
        millis(median(turns, |turn| own(turn, true).1)),
        millis(median(turns, |turn| own(turn, false).1)),
    ]
}

fn spread(rounds: usize) -> String {
    format!(
        "{} of {} s, the designs in turn: {} orders a second between {ACCOUNTS} accounts here and {ACCOUNTS} \
         there, coord killed at {} s and back at {} s. In doubt, locked and free after: the most of all turns, \
         stock and pay together; the rest: medians. Beside the orders {OWN} operations a second of pay's own, each for one of \
         its {ACCOUNTS} accounts; counted are those of the outage. Whether an account is free was read \
         every {} ms",
        many(rounds, "turn"),
        END.as_secs(),
        OUTAGE.per_second,
        OUTAGE.kill.as_secs(),
        OUTAGE.back.as_secs(),
        OUTAGE.every.as_millis(),
    )
}

/// One turn, bucket by bucket: the most that were in doubt and locked, and how long `pay`'s own waited.
fn buckets(turn: &Turn) -> Vec<Value> {
    let starts = (0..).map(|i| BUCKET * i).take_while(|from| *from < END);
    let bucket = |from: Duration| {
        let (seen, to) = (&turn.watcher, from + BUCKET);
        json!({
            "from_ms": from.as_millis() as u64,
            "in_doubt": seen.between(from, to).map(|read| read.in_doubt.len()).max().unwrap_or_default(),
            "locked": seen.between(from, to).map(|read| read.locked).max().unwrap_or_default(),
            "stopped_p99_ms": seen.own(from, to, true).1,
            "others_p99_ms": seen.own(from, to, false).1,
        })
    };
    starts.map(bucket).collect()
}

/// How many accounts are locked, over the seconds: the mean of each design's turns. Who has none in doubt
/// at the kill is lucky, so one turn shows little.
fn plot<'a>(all: impl Iterator<Item = (&'static str, &'a Vec<Turn>)>) -> Plot {
    let curve = |(name, turns): (&str, &Vec<Turn>)| Series {
        name: name.to_owned(),
        points: mean_locked(turns),
        mark: Mark::Line,
    };
    Plot {
        title: format!(
            "Accounts that are locked while coord is down, from {} s to {} s",
            OUTAGE.kill.as_secs(),
            OUTAGE.back.as_secs()
        ),
        x: "seconds".into(),
        y: format!("locked accounts, of {}", 2 * ACCOUNTS),
        series: all.map(curve).collect(),
    }
}

/// The most in each bucket, in the mean of all turns.
fn mean_locked(turns: &[Turn]) -> Vec<(f64, f64)> {
    let all: Vec<Vec<Value>> = turns.iter().map(buckets).collect();
    let mean = |i: usize| {
        let sum: f64 = all.iter().filter_map(|turn| turn[i]["locked"].as_f64()).sum();
        sum / all.len() as f64
    };
    (0..all[0].len()).map(|i| ((BUCKET * i as u32).as_secs_f64(), mean(i))).collect()
}

/// The timeline as lines, the designs side by side.
fn plain(timeline: &Value) -> String {
    let designs = timeline.as_array().into_iter().flatten();
    let designs: Vec<&Vec<Value>> = designs.filter_map(|one| one["buckets"].as_array()).collect();
    let head = ["in doubt", "locked", "blocked", "others"].repeat(designs.len());
    let head = std::iter::once("from").chain(head).map(ToOwned::to_owned);
    let mut lines = vec![head.collect::<Vec<_>>()];
    lines.extend((0..designs[0].len()).map(|i| {
        let cells = |bucket: &Value| {
            let time = |field: &str| millis(bucket[field].as_f64());
            let counts = ["in_doubt", "locked"].map(|field| bucket[field].to_string());
            [counts, [time("stopped_p99_ms"), time("others_p99_ms")]].concat()
        };
        let from = format!("{} ms", designs[0][i]["from_ms"]);
        [vec![from], designs.iter().flat_map(|buckets| cells(&buckets[i])).collect()].concat()
    }));
    let title = "The first turn of each; blocked and others: what 99 % of pay's own stayed within";
    format!("{title}\n\n{}", aligned(&lines))
}

//! Leases against clocks: how old is an answer if clocks are off by more than was assumed?
//!
//! The leader's clock is slow and the others' are fast, all by the same rate: the worst that can be.
//! The leader reaches one other replica, and then none, though its clients reach it still. One of them
//! goes on reading there, and another one increments at the new leader.

use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;

use lab::NodeId;
use lab::chapter::{Mark, Plot, Series, Table};
use lab::rng::Rng;
use lab::sim::{self, FaultSchedule, TimedAction};
use lab::world::Transition;

use crate::designs::scenes::{cut_off, read_by_lease};
use crate::group::Paxos;
use crate::replicated_kv::leader_lease;
use crate::types::kv::{Msg as Kv, Outcome};
use crate::types::{Msg, wait};
use crate::worlds::{DRIFT, Nodes, PROPOSERS};

/// By how much clocks are off, in percent.
pub const DRIFTS: [u32; 7] = [0, 5, 10, 15, 20, 25, 30];
/// Runs for each of them.
pub const RUNS: u64 = 200;
const WRITER: NodeId = PROPOSERS[0];
const READER: NodeId = PROPOSERS[1];
/// When the leader is cut off, in µs, and when a run ends: no lease lasts until then.
const CUT: Range<u64> = 60_000..120_000;
const END: u64 = 500_000;
/// More than a client gets done.
const OPS: usize = 10_000;
const MILLION: u32 = 1_000_000;

/// What came out at one drift.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measured {
    /// How far clocks are off, in percent.
    pub percent: u32,
    /// For how long answers may be stale, as derived, in µs.
    pub derived: u64,
    /// In how many of [`RUNS`] some were.
    pub runs: usize,
    /// For how long, in the worst of them, in µs.
    pub oldest: u64,
}

// ANCHOR: derived
/// For how long an old leader may go on reading after the others are free to elect another one, if
/// clocks are off by so much, in parts per million. In µs of true time.
#[must_use]
pub fn stale_for(drift: u32) -> u64 {
    let reads_until = leader_lease(DRIFT) * MILLION / (MILLION - drift);
    let free_at = wait::LEASE * MILLION / (MILLION + drift);
    micros(reads_until.saturating_sub(free_at))
}
// ANCHOR_END: derived

fn micros(of: Duration) -> u64 {
    u64::try_from(of.as_micros()).unwrap_or(u64::MAX)
}

/// All drifts, measured once.
#[must_use]
pub fn measured() -> &'static [Measured] {
    static MEASURED: OnceLock<Vec<Measured>> = OnceLock::new();
    MEASURED.get_or_init(|| {
        // Nothing is promised: a run goes on when a read is stale.
        let world = read_by_lease(&Nodes::LEASED, &[], (OPS, OPS));
        let of = |percent: u32| {
            let stale: Vec<u64> = (0..RUNS)
                .map(|seed| oldest(&sim::run(&world, &schedule(percent, seed), seed).actions))
                .filter(|stale| *stale > 0)
                .collect();
            let oldest = stale.iter().copied().max().unwrap_or(0);
            Measured { percent, derived: stale_for(percent * 10_000), runs: stale.len(), oldest }
        };
        DRIFTS.map(of).to_vec()
    })
}

fn schedule(percent: u32, seed: u64) -> FaultSchedule {
    let faults = cut_off(percent * 10_000, Rng::new(seed).pick(CUT), END);
    FaultSchedule { faults, end: END, ..FaultSchedule::none() }
}

/// How long ago, when the reader asked, another client had been told something newer than what the
/// reader then found. The worst of a run, in µs.
fn oldest(actions: &[TimedAction<Paxos>]) -> u64 {
    let (mut told, mut asked, mut oldest) = (Vec::new(), 0_u64, 0_u64);
    for (time, to, outcome) in actions.iter().filter_map(answer) {
        match outcome {
            Outcome::Number(number) if to == WRITER => told.push((*number, time)),
            Outcome::Value(_) | Outcome::Nothing if to == READER => {
                let found = if let Outcome::Value(value) = outcome { value.number() } else { None };
                let newer = told.iter().find(|(number, _)| *number > found.unwrap_or(0));
                oldest = oldest.max(newer.map_or(0, |(_, at)| asked.saturating_sub(*at)));
                // It asks for the next one at once.
                asked = time;
            }
            _ => {}
        }
    }
    oldest
}

fn answer(timed: &TimedAction<Paxos>) -> Option<(u64, NodeId, &Outcome)> {
    let Transition::Deliver { envelope, .. } = &timed.action.transition else { return None };
    match &envelope.msg {
        Msg::Kv(Kv::Answer { outcome: Ok(outcome), .. }) => {
            Some((timed.time, envelope.to, outcome))
        }
        _ => None,
    }
}

/// What was derived beside what was measured.
#[must_use]
pub fn table() -> Table {
    let columns = [
        "clocks are off by".to_owned(),
        "derived: stale for at most".to_owned(),
        format!("runs with a stale read, of {RUNS}"),
        "the longest in them".to_owned(),
    ];
    let time = |micros: u64| match micros {
        0 => "–".to_owned(),
        _ => format!("{}.{} ms", micros / 1_000, micros / 100 % 10),
    };
    let row = |of: &Measured| {
        vec![format!("{} %", of.percent), time(of.derived), of.runs.to_string(), time(of.oldest)]
    };
    Table { columns: columns.to_vec(), rows: measured().iter().map(row).collect() }
}

/// The same as curves.
#[must_use]
pub fn plot() -> Plot {
    let curve = |name: &str, mark: Mark, of: fn(&Measured) -> u64| {
        let point = |at: &Measured| (f64::from(at.percent), of(at) as f64 / 1_000.0);
        Series { name: name.into(), points: measured().iter().map(point).collect(), mark }
    };
    Plot {
        title: "Reads by lease are never stale up to the assumed drift of 10 %, and are beyond it"
            .into(),
        x: "clocks are off by, %".into(),
        y: "stale for, ms".into(),
        series: vec![
            curve("derived", Mark::Line, |at| at.derived),
            curve("measured", Mark::Dots, |at| at.oldest),
        ],
    }
}

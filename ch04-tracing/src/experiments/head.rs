//! Head sampling: traces that are kept as a whole, and rare failures that are kept at all.

use lab::chapter::{Mark, Plot, Series};
use lab::rng::Rng;

use super::sampling::{KEPT, SEEDS};
use crate::step6_sampling::{Threshold, keep, random};
use crate::types::TraceId;

/// Traces that pass through several processes.
pub const TRACES: usize = 100_000;
/// Each of those processes keeps one trace in two.
const HALVES: u64 = 2;
/// Occurrences of a failure.
const TIMES: [usize; 8] = [1, 3, 10, 30, 58, 100, 200, 298];

/// What becomes of a trace with parts in several processes: kept as a whole, or in part.
///
/// Each process keeps one in `n`. If it tosses a coin of its `own`, the number that decides is its own;
/// otherwise it is that of the trace.
#[must_use]
pub fn parts(n: u64, processes: usize, own: bool) -> [usize; 2] {
    let mut rng = Rng::new(processes as u64);
    let threshold = Threshold::one_in(n);
    let (mut whole, mut broken) = (0, 0);
    for _ in 0..TRACES {
        let of_trace = TraceId(rng.next_u64().into());
        let number = |rng: &mut Rng| if own { TraceId(rng.next_u64().into()) } else { of_trace };
        let kept = (0..processes).filter(|_| keep(threshold, random(number(&mut rng)))).count();
        whole += usize::from(kept == processes);
        broken += usize::from(0 < kept && kept < processes);
    }
    [whole, broken]
}

pub(super) fn whole() -> Plot {
    let share = |traces: usize| 100.0 * traces as f64 / TRACES as f64;
    let curve = |name: &str, mark: Mark, share: &dyn Fn(usize) -> f64| {
        let points = (1..=8_usize).map(|k| (k as f64, share(k))).collect();
        Series { name: name.into(), points, mark }
    };
    Plot {
        title: "One coin per process: hardly a trace is kept as a whole".into(),
        x: "processes in a trace".into(),
        y: "of all traces, %".into(),
        series: vec![
            curve("own coins: in part", Mark::Dots, &|k| share(parts(HALVES, k, true)[1])),
            curve("by the id: whole", Mark::Dots, &|k| share(parts(HALVES, k, false)[0])),
            curve("own coins: whole", Mark::Dots, &|k| share(parts(HALVES, k, true)[0])),
            curve("pᵏ", Mark::Line, &|k| 100.0 / (HALVES as f64).powi(k as i32)),
        ],
    }
}

/// How often a failure has to happen until at least one is kept in so many of a hundred cases, if one
/// trace in `n` is kept.
#[must_use]
pub fn occurrences(n: u64, percent: u64) -> usize {
    let lost = 1.0 - 1.0 / n as f64;
    let none = std::iter::successors(Some(1.0), |none| Some(none * lost));
    none.take_while(|none| *none > 1.0 - percent as f64 / 100.0).count()
}

/// The share of seeds with at least one of so many failures kept.
#[must_use]
pub fn found(n: u64, times: usize) -> f64 {
    let found = (0..SEEDS * 5).filter(|seed| {
        let mut rng = Rng::new(*seed);
        (0..times).any(|_| keep(Threshold::one_in(n), random(TraceId(rng.next_u64().into()))))
    });
    found.count() as f64 / (SEEDS * 5) as f64
}

/// What chance says about the same.
#[must_use]
pub fn formula(n: u64, times: usize) -> f64 {
    1.0 - (1.0 - 1.0 / n as f64).powi(times as i32)
}

fn curve(name: &str, mark: Mark, share: impl Fn(usize) -> f64) -> Series {
    let points = TIMES.iter().map(|times| (*times as f64, 100.0 * share(*times))).collect();
    Series { name: name.into(), points, mark }
}

pub(super) fn kept() -> Plot {
    Plot {
        title: "Head sampling: a failure has to happen often until one is kept".into(),
        x: "times that the failure happens".into(),
        y: "at least one is kept, %".into(),
        series: vec![
            curve("1 in 20", Mark::Dots, |times| found(20, times)),
            curve("1 in 100", Mark::Dots, |times| found(100, times)),
            curve("1 − (99/100)ⁿ", Mark::Line, |times| formula(100, times)),
            curve("1 in 1,024", Mark::Dots, |times| found(1024, times)),
        ],
    }
}

pub(super) fn numbers() -> Vec<(&'static str, String)> {
    let tenths = parts(HALVES, 8, true).map(|traces| (traces * 1_000 + TRACES / 2) / TRACES);
    let [whole, broken] = tenths.map(|tenths| format!("{}.{} %", tenths / 10, tenths % 10));
    vec![
        ("parts_whole", whole),
        ("parts_broken", broken),
        ("occurrences_100", occurrences(KEPT, 95).to_string()),
        ("occurrences_1024", lab::view::thousands(occurrences(1024, 95))),
    ]
}

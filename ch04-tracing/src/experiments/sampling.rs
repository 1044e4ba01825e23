//! What sampling keeps, and what it makes of percentiles.

use lab::chapter::{Dial, Mark, Plot, Series, Table};
use lab::rng::Rng;

use crate::step6_sampling::{Trace, head, one_in, quantile, tail};
use crate::types::{Kind, TraceId};
use crate::workload::{Config, Run, What};

/// One request in so many fails.
const FAILS: u64 = 1_000;
/// One in so many of the ordinary traces is kept.
const KEPT: u64 = 100;
/// Seeds of an experiment.
pub const SEEDS: u64 = 200;
/// Occurrences of a failure.
const TIMES: [usize; 8] = [1, 3, 10, 30, 58, 100, 200, 298];
const P50: u64 = 500_000;
const P99: u64 = 990_000;

/// How long checkouts take in the shop, in ns, sorted.
#[must_use]
pub fn durations() -> Vec<u64> {
    let run = Run::of(Config { requests: 20_000, ..Config::shop(4) });
    let roots = run.works.iter().map(|work| work.seen);
    let roots = roots.filter(|seen| (seen.kind, seen.what) == (Kind::Server, What::Checkout));
    let mut durations: Vec<u64> = roots.map(|seen| seen.end - seen.start).collect();
    durations.sort_unstable();
    durations
}

/// Traces that took as long as those, with ids by chance; exactly one in a thousand fails.
#[must_use]
pub fn traces(durations: &[u64], seed: u64) -> Vec<Trace> {
    let mut rng = Rng::new(seed);
    let trace = |(i, took): (usize, &u64)| Trace {
        id: TraceId(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())),
        took: *took,
        failed: i as u64 % FAILS == 1,
    };
    durations.iter().enumerate().map(trace).collect()
}

/// What is said about the requests from what was kept of their traces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// Traces that are kept.
    pub kept: u64,
    /// Failures, in a million requests.
    pub failed: u64,
    /// Half of the requests take at most this long, in ns.
    pub p50: u64,
    /// All but one in a hundred do.
    pub p99: u64,
}

impl Said {
    /// `sampler` says how many traces a kept one stands for; without `weights` that is ignored.
    #[must_use]
    pub fn of(traces: &[Trace], sampler: impl Fn(&Trace) -> Option<u64>, weights: bool) -> Self {
        let weight = |trace: &Trace| sampler(trace).map(|n| if weights { n } else { 1 });
        let kept = traces.iter().filter_map(|trace| weight(trace).map(|n| (trace, n)));
        let mut kept: Vec<(&Trace, u64)> = kept.collect();
        kept.sort_by_key(|(trace, _)| trace.took);
        let times: Vec<(u64, u64)> = kept.iter().map(|(trace, n)| (trace.took, *n)).collect();
        let all: u64 = times.iter().map(|(_, n)| n).sum();
        let failed: u64 = kept.iter().filter(|(trace, _)| trace.failed).map(|(_, n)| n).sum();
        Self {
            kept: kept.len() as u64,
            failed: failed * 1_000_000 / all.max(1),
            p50: quantile(&times, P50).unwrap_or_default(),
            p99: quantile(&times, P99).unwrap_or_default(),
        }
    }
}

/// One way to keep traces and to count them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plan {
    /// All of them.
    All,
    /// One in a hundred, by its id.
    Head,
    /// All failures, all above the 99th percentile, one in a hundred of the rest; each counts once.
    TailPlain,
    /// The same, each with its weight.
    TailWeighted,
}

impl Plan {
    /// All of them, by name.
    pub const ALL: [(Self, &str); 4] = [
        (Self::All, "all traces"),
        (Self::Head, "head: one in a hundred"),
        (Self::TailPlain, "tail, each counted once"),
        (Self::TailWeighted, "tail, each with its weight"),
    ];

    /// What this one says.
    #[must_use]
    pub fn says(self, traces: &[Trace], slow: u64) -> Said {
        match self {
            Self::All => Said::of(traces, |_| Some(1), false),
            Self::Head => Said::of(traces, |trace| head(KEPT, trace), true),
            Self::TailPlain => Said::of(traces, |trace| tail(KEPT, slow, trace), false),
            Self::TailWeighted => Said::of(traces, |trace| tail(KEPT, slow, trace), true),
        }
    }

    /// The mean of all seeds, and the lowest and highest 95 % of their 99th percentiles.
    #[must_use]
    pub fn over_seeds(self, durations: &[u64]) -> (Said, [u64; 2]) {
        let slow = p99_of(durations);
        let says: Vec<Said> =
            (0..SEEDS).map(|seed| self.says(&traces(durations, seed), slow)).collect();
        let mean = |part: fn(&Said) -> u64| says.iter().map(part).sum::<u64>() / SEEDS;
        let said = Said {
            kept: mean(|said| said.kept),
            failed: mean(|said| said.failed),
            p50: mean(|said| said.p50),
            p99: mean(|said| said.p99),
        };
        let mut p99: Vec<u64> = says.iter().map(|said| said.p99).collect();
        p99.sort_unstable();
        // Five of two hundred are below, and five above.
        (said, [p99[5], p99[p99.len() - 6]])
    }
}

/// The true 99th percentile.
#[must_use]
pub fn p99_of(durations: &[u64]) -> u64 {
    durations[durations.len() * 99 / 100 - 1]
}

pub(super) fn table() -> Table {
    let durations = durations();
    let ms = |ns: u64| format!("{}.{} ms", ns / 1_000_000, ns / 100_000 % 10);
    let rows = Plan::ALL.map(|(plan, name)| {
        let (said, [low, high]) = plan.over_seeds(&durations);
        let failed = format!("{}.{:02} %", said.failed / 10_000, said.failed / 100 % 100);
        let kept = lab::view::thousands(said.kept as usize);
        let p99 = format!("{} ({} to {})", ms(said.p99), ms(low), ms(high));
        vec![name.to_owned(), kept, failed, ms(said.p50), p99]
    });
    let columns =
        ["plan", "kept of 20,000", "failures", "median", "99th percentile (95 % of seeds)"];
    Table { columns: columns.map(Into::into).to_vec(), rows: rows.to_vec() }
}

/// The share of seeds with at least one of so many failures kept.
#[must_use]
pub fn found(n: u64, times: usize) -> f64 {
    let found = (0..SEEDS * 5).filter(|seed| {
        let mut rng = Rng::new(*seed);
        (0..times).any(|_| one_in(n, TraceId(rng.next_u64().into())))
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

pub(super) fn plot() -> Plot {
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

pub(super) fn dial() -> Dial {
    let durations = durations();
    let (slow, traces) = (p99_of(&durations), traces(&durations, 0));
    let median = |n: u64| {
        let said = Said::of(&traces, |trace| tail(n, slow, trace), false);
        (said.p50 / 100_000) as f64 / 10.0
    };
    let points = [1, 2, 5, 10, 20, 50, 100, 200].map(|n| (n as f64, median(n)));
    let truth = median(1);
    Dial {
        question: format!(
            "Half of all checkouts take at most {truth} ms. A collector keeps all that take longer \
             than the 99th percentile, all failures, and one in a hundred of the others. Half of the \
             *kept* ones take at most how long?"
        ),
        range: (0.0, 100.0),
        unit: "ms".into(),
        answer: median(KEPT),
        formula: "one in a hundred is slow, and about one in a hundred of the others is kept: \
                  about half of what is kept is slow"
            .into(),
        plot: Plot {
            title: "The median of what is kept, if each trace counts once".into(),
            x: "one in so many of the ordinary traces is kept".into(),
            y: "median of the kept ones, ms".into(),
            series: vec![
                Series { name: "kept".into(), points: points.to_vec(), mark: Mark::Dots },
                Series {
                    name: "all".into(),
                    points: points.map(|(n, _)| (n, truth)).to_vec(),
                    mark: Mark::Line,
                },
            ],
        },
    }
}

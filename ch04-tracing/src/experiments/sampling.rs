//! What sampling makes of shares and percentiles, and what weights make of that.

use lab::chapter::{Dial, Mark, Plot, Series, Table};
use lab::rng::Rng;

use crate::step6_sampling::{Estimate, Trace, estimate, head, interval, quantile, tail};
use crate::types::{Kind, TraceId};
use crate::workload::{Config, Run, What};

/// One request in so many fails.
const FAILS: u64 = 1_000;
/// One in so many of the ordinary traces is kept.
pub(super) const KEPT: u64 = 100;
/// Seeds of an experiment.
pub const SEEDS: u64 = 200;
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
    /// Failures.
    pub failures: Estimate,
    /// Failures, in a million requests.
    pub failed: u64,
    /// Half of the requests take at most this long, in ns.
    pub p50: u64,
    /// Between these, with 95 % confidence.
    pub p50_within: (u64, u64),
    /// All but one in a hundred do.
    pub p99: u64,
    /// As `p50_within`.
    pub p99_within: (u64, u64),
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
        let failures = estimate(kept.iter().filter(|(trace, _)| trace.failed).map(|(_, n)| *n));
        Self {
            kept: kept.len() as u64,
            failures,
            failed: failures.count * 1_000_000 / all.max(1),
            p50: quantile(&times, P50).unwrap_or_default(),
            p50_within: interval(&times, P50).unwrap_or_default(),
            p99: quantile(&times, P99).unwrap_or_default(),
            p99_within: interval(&times, P99).unwrap_or_default(),
        }
    }

    /// Whether each interval contains what all traces say: failures, median, 99th percentile.
    fn contains(&self, truth: &Self) -> [bool; 3] {
        let within = |(low, high): (u64, u64), truth| (low..=high).contains(&truth);
        [
            self.failures.count.abs_diff(truth.failures.count) <= self.failures.within,
            within(self.p50_within, truth.p50),
            within(self.p99_within, truth.p99),
        ]
    }
}

/// One way to keep traces and to count them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plan {
    /// All of them.
    All,
    /// One in a hundred, by its id.
    Head,
    /// All failures and one in a hundred of the rest; each counts once.
    FailuresPlain,
    /// All above the 99th percentile and one in a hundred of the rest; each counts once.
    SlowPlain,
    /// All failures, all above the 99th percentile, one in a hundred of the rest; each has its weight.
    TailWeighted,
}

/// What a plan says with all seeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spread {
    /// The mean of all seeds.
    pub mean: Said,
    /// 95 % of the medians are between these.
    pub p50: [u64; 2],
    /// The same of the 99th percentiles.
    pub p99: [u64; 2],
    /// Seeds whose own interval contains the truth: failures, median, 99th percentile.
    pub contain: [usize; 3],
}

impl Plan {
    /// All of them, by name.
    pub const ALL: [(Self, &str); 5] = [
        (Self::All, "all traces"),
        (Self::Head, "head: 1 in 100, with weights"),
        (Self::FailuresPlain, "tail: failures and 1 in 100, counted once"),
        (Self::SlowPlain, "tail: slow ones and 1 in 100, counted once"),
        (Self::TailWeighted, "tail: failures, slow ones and 1 in 100, with weights"),
    ];

    /// What this one says.
    #[must_use]
    pub fn says(self, traces: &[Trace], slow: u64) -> Said {
        let slow_only = |trace: &Trace| tail(KEPT, slow, &Trace { failed: false, ..*trace });
        match self {
            Self::All => Said::of(traces, |_| Some(1), true),
            Self::Head => Said::of(traces, |trace| head(KEPT, trace), true),
            Self::FailuresPlain => Said::of(traces, |trace| tail(KEPT, u64::MAX, trace), false),
            Self::SlowPlain => Said::of(traces, slow_only, false),
            Self::TailWeighted => Said::of(traces, |trace| tail(KEPT, slow, trace), true),
        }
    }

    /// What this one says with each seed, put together.
    #[must_use]
    pub fn over_seeds(self, durations: &[u64]) -> Spread {
        let slow = p99_of(durations);
        let truth = Self::All.says(&traces(durations, 0), slow);
        let says: Vec<Said> =
            (0..SEEDS).map(|seed| self.says(&traces(durations, seed), slow)).collect();
        let mean =
            |part: fn(&Said) -> u64| (says.iter().map(part).sum::<u64>() + SEEDS / 2) / SEEDS;
        let mean = Said {
            kept: mean(|said| said.kept),
            failed: mean(|said| said.failed),
            p50: mean(|said| said.p50),
            p99: mean(|said| said.p99),
            ..Said::default()
        };
        let most = |part: fn(&Said) -> u64| {
            let mut all: Vec<u64> = says.iter().map(part).collect();
            all.sort_unstable();
            // Five of two hundred are below, and five above.
            [all[5], all[all.len() - 6]]
        };
        let contain = |i: usize| says.iter().filter(|said| said.contains(&truth)[i]).count();
        Spread {
            mean,
            p50: most(|said| said.p50),
            p99: most(|said| said.p99),
            contain: [0, 1, 2].map(contain),
        }
    }

    fn has_weights(self) -> bool {
        matches!(self, Self::Head | Self::TailWeighted)
    }
}

/// The true 99th percentile.
#[must_use]
pub fn p99_of(durations: &[u64]) -> u64 {
    durations[durations.len() * 99 / 100 - 1]
}

pub(super) fn table() -> Table {
    let durations = durations();
    let tenths = |ns: u64| format!("{}.{}", ns / 1_000_000, ns / 100_000 % 10);
    let time = |mean: u64, [low, high]: [u64; 2]| match low == high {
        true => format!("{} ms", tenths(mean)),
        false => format!("{} ms ({} to {})", tenths(mean), tenths(low), tenths(high)),
    };
    let rows = Plan::ALL.map(|(plan, name)| {
        let Spread { mean, p50, p99, contain } = plan.over_seeds(&durations);
        let failed = format!("{}.{:02} %", mean.failed / 10_000, mean.failed / 100 % 100);
        let kept = lab::view::thousands(mean.kept as usize);
        let contain = contain.map(|seeds| seeds.to_string()).join(" · ");
        let contain = if plan.has_weights() { contain } else { String::new() };
        vec![name.to_owned(), kept, failed, time(mean.p50, p50), time(mean.p99, p99), contain]
    });
    let contain = "intervals of 200 that contain the truth: failures · median · 99th";
    let columns = ["plan", "kept", "failures", "median", "99th percentile", contain];
    Table { columns: columns.map(Into::into).to_vec(), rows: rows.to_vec() }
}

pub(super) fn dial() -> Dial {
    let durations = durations();
    let (slow, traces) = (p99_of(&durations), traces(&durations, 0));
    let median = |n: u64| {
        let slow_only = |trace: &Trace| tail(n, slow, &Trace { failed: false, ..*trace });
        let said = Said::of(&traces, slow_only, false);
        (said.p50 / 100_000) as f64 / 10.0
    };
    let points = [1, 2, 5, 10, 20, 50, 100, 200].map(|n| (n as f64, median(n)));
    let truth = median(1);
    Dial {
        question: format!(
            "Half of all checkouts take at most {truth} ms. A collector keeps all that take longer \
             than the 99th percentile, and one in a hundred of the others. Half of the *kept* ones take \
             at most how long?"
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

pub(super) fn numbers() -> Vec<(&'static str, String)> {
    let durations = durations();
    let failures = Plan::FailuresPlain.over_seeds(&durations).mean.failed;
    let share = format!("{}.{} %", failures / 10_000, failures / 1_000 % 10);
    vec![("failures_share", share)]
}

//! Step 6: what is kept, and what can be said from it.

use ch04_tracing::experiments::sampling::{
    Plan, SEEDS, Said, durations, formula, found, p99_of, traces,
};
use ch04_tracing::step6_sampling::{one_in, quantile};
use ch04_tracing::types::TraceId;
use proptest::prelude::*;

fn near(found: u64, truth: u64, percent: u64) -> bool {
    found.abs_diff(truth) * 100 <= truth * percent
}

#[test]
fn a_rare_failure_is_kept_as_often_as_chance_says() {
    for (n, times) in [(20, 10), (20, 58), (100, 30), (100, 298), (1024, 100)] {
        let (found, formula) = (found(n, times), formula(n, times));
        assert!((found - formula).abs() < 0.05, "1/{n}, {times} times: {found} {formula}");
    }
}

#[test]
fn with_each_trace_counted_once_tail_sampling_changes_what_happened() {
    let durations = durations();
    let slow = p99_of(&durations);
    let (all, plain) =
        (Plan::All.over_seeds(&durations).0, Plan::TailPlain.over_seeds(&durations).0);
    assert_eq!(all.p99, slow);
    assert!(plain.failed > 30 * all.failed, "{plain:?}");
    assert!(plain.p50 > 2 * all.p50, "{plain:?}");
}

#[test]
fn weights_take_the_bias_away() {
    let durations = durations();
    let all = Plan::All.over_seeds(&durations).0;
    let (weighted, [low, high]) = Plan::TailWeighted.over_seeds(&durations);
    assert!(near(weighted.failed, all.failed, 3), "{weighted:?}");
    assert!(near(weighted.p50, all.p50, 3), "{weighted:?}");
    assert!(low <= all.p99 && all.p99 <= high, "{low} {high}");
    // Head sampling keeps half as many, and its range is wider.
    let (_, [from, to]) = Plan::Head.over_seeds(&durations);
    assert!(3 * (high - low) < 2 * (to - from), "{low} to {high}, {from} to {to}");
}

#[test]
fn every_failure_is_kept_by_tail_sampling() {
    let durations = durations();
    for seed in 0..SEEDS / 10 {
        let traces = traces(&durations, seed);
        let failed = traces.iter().filter(|trace| trace.failed).count() as u64;
        let Said { kept, failed: share, .. } = Plan::TailPlain.says(&traces, p99_of(&durations));
        // A share in a million is rounded down.
        assert!((share * kept).div_ceil(1_000_000) == failed, "{share} of {kept}, {failed}");
    }
}

proptest! {
    #[test]
    fn whoever_keeps_fewer_keeps_some_of_the_same(id: u128, few in 1u64..10_000, more in 1u64..10_000) {
        let (few, more) = (few.max(more), few.min(more));
        prop_assert!(!one_in(few, TraceId(id)) || one_in(more, TraceId(id)));
    }

    #[test]
    fn a_quantile_is_one_of_the_times_and_never_falls(
        mut kept in proptest::collection::vec((0u64..1_000, 1u64..200), 1..50),
        a in 1u64..1_000_000,
        b in 1u64..1_000_000,
    ) {
        kept.sort_unstable();
        let low = quantile(&kept, a.min(b)).expect("something is kept");
        let high = quantile(&kept, a.max(b)).expect("something is kept");
        prop_assert!(low <= high && kept.iter().any(|(took, _)| *took == low));
    }
}

#[test]
fn nothing_is_said_of_nothing() {
    assert_eq!(quantile(&[], 500_000), None);
}

//! Step 6: what is kept, and what can be said from it.

use std::collections::VecDeque;

use ch04_tracing::experiments::head::{TRACES, formula, found, occurrences, parts};
use ch04_tracing::experiments::sampling::{Plan, SEEDS, Said, Spread, durations, p99_of, traces};
use ch04_tracing::experiments::waiting::{ROOM, WAIT, fates, memory, most};
use ch04_tracing::step6_sampling::{
    BadThreshold, Estimate, Left, Threshold, Trace, Waiting, estimate, interval, keep, quantile,
    random,
};
use ch04_tracing::types::TraceId;
use proptest::prelude::*;

fn near(found: u64, truth: u64, percent: u64) -> bool {
    found.abs_diff(truth) * 100 <= truth * percent
}

/// One of so many is kept, and the threshold with three, four and five digits of precision.
const VECTORS: [(u64, [&str; 3]); 12] = [
    (2, ["8", "8", "8"]),
    (3, ["aab", "aaab", "aaaab"]),
    (4, ["c", "c", "c"]),
    (5, ["ccd", "cccd", "ccccd"]),
    (8, ["e", "e", "e"]),
    (10, ["e66", "e666", "e6666"]),
    (16, ["f", "f", "f"]),
    (100, ["fd71", "fd70a", "fd70a4"]),
    (1_000, ["ffbe7", "ffbe77", "ffbe76d"]),
    (10_000, ["fff972", "fff9724", "fff97247"]),
    (100_000, ["ffff584", "ffff583a", "ffff583a5"]),
    (1_000_000, ["ffffef4", "ffffef39", "ffffef391"]),
];

#[test]
fn thresholds_are_written_as_the_specification_lists_them() {
    for (n, texts) in VECTORS {
        for (precision, text) in (3..).zip(texts) {
            let threshold = Threshold::one_in(n).rounded(precision);
            assert_eq!(threshold.to_string(), text, "1/{n}, precision {precision}");
            assert_eq!(text.parse(), Ok(threshold));
            // Half a unit of the last digit, and the share that is kept may have one digit less.
            let exact = 2 * 16_u128.pow(precision as u32 - 1);
            let (counts, whole) = (threshold.adjusted_count(), u128::from(n) * 1_000_000);
            assert!(counts.abs_diff(whole) * exact <= whole, "{text} counts {counts}");
        }
    }
    assert_eq!(Threshold::one_in(1).to_string(), "0");
    assert_eq!("c".parse().map(Threshold::adjusted_count), Ok(4_000_000));
    assert_eq!("0".parse().map(Threshold::adjusted_count), Ok(1_000_000));
}

#[test]
fn a_trace_is_kept_from_its_own_share_upwards() {
    // The example of the specification: kept where at least 56.9 % are.
    let random_part = random(TraceId(0x006e_6d1a_7583_2a2f));
    assert_eq!(random_part, 0x006e_6d1a_7583_2a2f);
    let threshold: Threshold = "6e6d1a75832a2f".parse().expect("fourteen digits");
    assert_eq!(100_000_000_000 / threshold.adjusted_count(), 56_864);
    assert!(keep(threshold, random_part) && !keep(threshold, random_part - 1));
    let above: Threshold = "6e6d1a75832a3".parse().expect("thirteen digits");
    assert!(!keep(above, random_part));
}

#[test]
fn what_is_no_threshold_is_refused_with_a_reason() {
    let refused = |text: &str| text.parse::<Threshold>().expect_err(text);
    assert_eq!(refused(""), BadThreshold::Length(0));
    assert_eq!(refused("000000000000000"), BadThreshold::Length(15));
    assert_eq!(refused("fd70A"), BadThreshold::Digit(b'A'));
    assert_eq!(refused("c "), BadThreshold::Digit(b' '));
}

#[test]
fn one_coin_per_process_keeps_a_whole_trace_with_the_power_of_the_share() {
    for n in [2, 4] {
        for k in 1..=6 {
            let [whole, broken] = parts(n, k, true);
            let expected = TRACES / (n as usize).pow(k as u32);
            // Five standard deviations, rounded up.
            let far = 5 * (expected.isqrt() + 1);
            assert!(whole.abs_diff(expected) < far, "1/{n}, {k} processes: {whole} {expected}");
            assert_eq!(broken == 0, k == 1);
            // With the number of the trace, all keep it or none does.
            let [whole, broken] = parts(n, k, false);
            let expected = TRACES / n as usize;
            assert!(whole.abs_diff(expected) < 5 * expected.isqrt(), "1/{n}: {whole}");
            assert_eq!(broken, 0);
        }
    }
}

#[test]
fn occurrences_until_a_failure_is_kept() {
    assert_eq!([10, 20, 100, 1024].map(|n| occurrences(n, 95)), [29, 59, 299, 3067]);
    assert_eq!([10, 20, 100, 1024].map(|n| occurrences(n, 99)), [44, 90, 459, 4714]);
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
    let all = Plan::All.over_seeds(&durations).mean;
    assert_eq!(all.p99, slow);
    let failures = Plan::FailuresPlain.over_seeds(&durations).mean;
    assert!(near(failures.failed, 91 * all.failed, 3), "{failures:?}");
    assert!(near(failures.p50, all.p50, 3), "{failures:?}");
    let slow_ones = Plan::SlowPlain.over_seeds(&durations).mean;
    assert!(near(slow_ones.p50, all.p99, 15), "{slow_ones:?}");
}

#[test]
fn weights_take_the_bias_away() {
    let durations = durations();
    let all = Plan::All.over_seeds(&durations).mean;
    let Spread { mean, p99: [low, high], .. } = Plan::TailWeighted.over_seeds(&durations);
    assert!(near(mean.failed, all.failed, 3), "{mean:?}");
    assert!(near(mean.p50, all.p50, 3), "{mean:?}");
    assert!(low <= all.p99 && all.p99 <= high, "{low} {high}");
    // Head sampling keeps half as many, and its range is wider.
    let [from, to] = Plan::Head.over_seeds(&durations).p99;
    assert!(3 * (high - low) < 2 * (to - from), "{low} to {high}, {from} to {to}");
}

#[test]
fn intervals_contain_the_truth_as_often_as_they_say_if_enough_is_kept() {
    let durations = durations();
    let head = Plan::Head.over_seeds(&durations).contain;
    let tail = Plan::TailWeighted.over_seeds(&durations).contain;
    // 95 % of 200 is 190; three standard deviations are nine.
    for contain in [head[1], tail[1]] {
        assert!(contain.abs_diff(190) <= 9, "{head:?} {tail:?}");
    }
    // Each failure is kept, and stands for itself.
    assert_eq!(tail[0], 200);
    // Of twenty failures, one in a hundred is kept: mostly none, and from none nothing follows.
    assert!(head[0] < 60, "{head:?}");
}

#[test]
fn every_failure_is_kept_by_tail_sampling() {
    let durations = durations();
    for seed in 0..SEEDS / 10 {
        let traces = traces(&durations, seed);
        let failed = traces.iter().filter(|trace| trace.failed).count() as u64;
        let Said { failures, .. } = Plan::TailWeighted.says(&traces, p99_of(&durations));
        assert_eq!(failures, Estimate { count: failed, within: 0 });
    }
}

#[test]
fn a_little_beyond_its_room_tail_sampling_decides_on_no_trace_at_all() {
    assert_eq!(most(), 1_666);
    assert_eq!(fates(1_600).1, 0);
    assert_eq!(fates(1_750), (0, 200_000 - ROOM));
    assert_eq!(memory(45_000, WAIT, 559), 754_650_000);
    assert_eq!(ROOM, 50_000);
}

#[test]
fn a_trace_is_decided_after_the_wait_or_evicted_by_a_newer_one() {
    let trace = |i: u128| Trace { id: TraceId(i), took: 0, failed: false };
    let mut waiting = Waiting { wait: 10, room: 2, traces: VecDeque::new() };
    assert_eq!(waiting.arrive(0, trace(1)), []);
    assert_eq!(waiting.arrive(5, trace(2)), []);
    assert_eq!(waiting.arrive(10, trace(3)), [Left::Decided(trace(1))]);
    assert_eq!(waiting.arrive(14, trace(4)), [Left::Evicted(trace(2))]);
    assert_eq!(waiting.arrive(30, trace(5)), [3, 4].map(|i| Left::Decided(trace(i))));
    assert_eq!(waiting.traces.len(), 1);
}

#[test]
fn an_estimate_adds_weights_and_is_as_sure_as_they_are_small() {
    assert_eq!(estimate([1; 400]), Estimate { count: 400, within: 0 });
    // Four traces that stand for a hundred each: the variance is 4 × 100 × 99, its root 198.
    assert_eq!(estimate([100; 4]), Estimate { count: 400, within: 388 });
    assert_eq!(estimate([]), Estimate::default());
}

proptest! {
    #[test]
    fn a_process_that_keeps_fewer_keeps_some_of_the_same(id: u128, few in 1u64..10_000, more in 1u64..10_000) {
        let (few, more) = (few.max(more), few.min(more));
        let kept = |n| keep(Threshold::one_in(n), random(TraceId(id)));
        prop_assert!(!kept(few) || kept(more));
    }

    #[test]
    fn a_threshold_reads_what_it_writes(n: u64, precision in 0usize..20) {
        let threshold = Threshold::one_in(n).rounded(precision);
        prop_assert_eq!(threshold.to_string().parse(), Ok(threshold));
        prop_assert!(threshold.to_string().len() <= 14);
        prop_assert!(threshold.adjusted_count() >= 1_000_000);
    }

    #[test]
    fn any_text_is_a_threshold_or_refused(text in "[0-9a-fA-Fé ]{0,17}") {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let good = (1..=14).contains(&text.len()) && text.bytes().all(digit);
        prop_assert_eq!(text.parse::<Threshold>().is_ok(), good);
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
        let (from, to) = interval(&kept, a.min(b)).expect("something is kept");
        prop_assert!(from <= low && low <= to);
    }
}

#[test]
fn nothing_is_said_of_nothing() {
    assert_eq!(quantile(&[], 500_000), None);
    assert_eq!(interval(&[], 500_000), None);
}

//! Offsets between clocks.

use ch04_tracing::analysis::clocks::{
    Clock, Clocks, Contradiction, Interval, Order, centred, order,
};
use ch04_tracing::analysis::{self, Tree};
use ch04_tracing::experiments::clocks::{
    Judged, OFF, Rule, config, first_calls, judge, sequences, truth,
};
use ch04_tracing::types::{Kind, Status, Value};
use ch04_tracing::workload::Run;
use proptest::prelude::*;

use super::{any_spans, span};

#[test]
fn every_interval_covers_the_true_offset() {
    for (slow_answers, seed) in [(1, 1), (1, 2), (10, 3), (10, 4)] {
        let run = Run::of(config(slow_answers, seed));
        let (spans, truth) = (analysis::spans(&run), truth(&run));
        let clocks = Clocks::of(&Tree::new(&spans)).relative_to("lb".into()).expect("they fit");
        assert_eq!(clocks.len(), 8);
        assert!(truth.values().any(|off| off.abs() > i128::from(OFF) / 10));
        for (process, interval) in clocks {
            let offset = truth[process.service] - truth["lb"];
            assert!(interval.contains(offset), "{process}: {interval:?} {offset}");
            assert!(interval.contains(interval.middle()));
            let most = 4_000_000 * i128::from(slow_answers);
            assert!(interval.width() < Some(most), "{process}: {interval:?}");
        }
    }
}

#[test]
fn corrected_by_intervals_no_call_is_outside_its_parent_and_no_order_is_wrong() {
    for slow_answers in [1, 10] {
        let run = Run::of(config(slow_answers, 1));
        let [raw, centred, intervals] =
            [Rule::Raw, Rule::Centred, Rule::Intervals].map(|r| judge(&run, r));
        let Judged { outside, order: [right, unknown, wrong], swapped, .. } = &intervals;
        assert_eq!((outside[1], *wrong, swapped[1]), (0, 0, 0));
        assert!(*unknown > 0 && *right > 2 * unknown, "{right} {unknown}");
        assert!(raw.outside[1] * 2 > raw.outside[0], "{:?}", raw.outside);
        assert!(
            raw.order[2] > 10_000 && centred.order[2] > 0,
            "{:?} {:?}",
            raw.order,
            centred.order
        );
        assert!(centred.swapped[1] > 0, "{:?}", centred.swapped);
    }
}

#[test]
fn more_calls_never_widen_the_interval_and_slow_answers_move_its_middle_away() {
    let widths = |slow_answers| {
        let run = Run::of(config(slow_answers, 1));
        [1, 16, 256].map(|calls| {
            let (interval, truth) = first_calls(&run, calls);
            assert!(interval.contains(truth));
            (interval.width().expect("both bounds"), (interval.middle() - truth).abs())
        })
    };
    for slow_answers in [1, 10] {
        let [one, some, many] = widths(slow_answers);
        assert!(one.0 > some.0 && some.0 > many.0, "{one:?} {some:?} {many:?}");
        // No round trip is faster than 100 µs there and as long, or ten times as long, back.
        assert!(many.0 >= 100_000 * (1 + i128::from(slow_answers)));
    }
    assert!(widths(10)[2].1 > 4 * widths(1)[2].1);
}

#[test]
fn centring_makes_two_calls_overlap_that_came_one_after_the_other() {
    let parent = span(1, 0, "web", Kind::Server, [1_000, 2_000]);
    // By its own clock, `stock` answered the first one before it took the second.
    let first = span(2, 1, "stock", Kind::Server, [100, 300]);
    let second = span(3, 1, "stock", Kind::Server, [400, 800]);
    let spans = [parent, first, second];
    assert_eq!(centred(&Tree::new(&spans)), [0, 1_300, 900]);
    let [pairs, overlap] = sequences();
    assert!(overlap * 2 > pairs && pairs > 200, "{overlap} of {pairs}");
}

#[test]
fn a_call_that_gave_up_and_a_message_bound_the_offset_on_one_side_only() {
    let mut call = span(1, 0, "coord", Kind::Client, [100, 130]);
    let served = span(2, 1, "pay", Kind::Server, [140, 150]);
    let offset = |spans: &[_]| {
        let tree = Tree::new(spans);
        Clocks::of(&tree).relative_to("coord".into()).map(|clocks| clocks[&"pay".into()])
    };
    let both = Interval { low: Some(-40), high: Some(-20) };
    assert_eq!(offset(&[call.clone(), served.clone()]), Ok(both));
    call.status = Status::Error("no answer in time".into());
    let one = Interval { low: Some(-40), high: None };
    assert_eq!(offset(&[call.clone(), served]), Ok(one));
    let message = span(2, 1, "pay", Kind::Consumer, [90, 150]);
    assert_eq!(offset(&[call, message]), Ok(Interval { low: Some(10), high: None }));
}

#[test]
fn an_order_is_unknown_where_the_interval_allows_both() {
    let offset = Interval { low: Some(-10), high: Some(10) };
    assert_eq!(order(100, 111, offset), Order::Before);
    assert_eq!(order(100, 105, offset), Order::Unknown);
    assert_eq!(order(100, 89, offset), Order::After);
    // At a bound, both may be at the same time.
    assert_eq!(order(100, 110, offset), Order::Unknown);
    assert_eq!(order(100, 90, offset), Order::Unknown);
    assert_eq!(order(100, 105, Interval::default()), Order::Unknown);
}

#[test]
fn processes_that_never_call_each_other_have_an_interval_by_way_of_a_third() {
    let spans = [
        span(1, 0, "a", Kind::Client, [100, 200]),
        span(2, 1, "b", Kind::Server, [1_110, 1_190]),
        span(3, 2, "b", Kind::Client, [1_120, 1_180]),
        span(4, 3, "c", Kind::Server, [2_125, 2_175]),
    ];
    let tree = Tree::new(&spans);
    let clocks = Clocks::of(&tree).relative_to("a".into()).expect("they fit");
    assert_eq!(clocks[&"b".into()], Interval { low: Some(-1_010), high: Some(-990) });
    assert_eq!(clocks[&"c".into()], Interval { low: Some(-2_015), high: Some(-1_985) });
}

#[test]
fn two_processes_of_one_service_have_a_clock_each() {
    let at = |mut served: ch04_tracing::types::Span, said: &[(&str, &str)]| {
        let said = said.iter().map(|(key, value)| ((*key).into(), Value::Text((*value).into())));
        served.attributes.extend(said);
        served
    };
    // Its clock is 1,000 ahead in one process, and 5,000 behind in the other.
    for keys in [["service.instance.id", "host.name"], ["host.name", "process.pid"]] {
        let spans = [
            span(1, 0, "lb", Kind::Client, [10_000, 10_100]),
            at(
                span(2, 1, "web", Kind::Server, [11_010, 11_090]),
                &[(keys[0], "one"), (keys[1], "x")],
            ),
            span(3, 0, "lb", Kind::Client, [10_200, 10_300]),
            at(
                span(4, 3, "web", Kind::Server, [5_210, 5_290]),
                &[(keys[0], "two"), (keys[1], "x")],
            ),
        ];
        let tree = Tree::new(&spans);
        let clocks = Clocks::of(&tree).relative_to("lb".into()).expect("they fit");
        let [one, two] = ["one", "two"]
            .map(|instance| clocks[&Clock { service: "web", instance: Some(instance) }]);
        assert_eq!(one, Interval { low: Some(-1_010), high: Some(-990) });
        assert_eq!(two, Interval { low: Some(4_990), high: Some(5_010) });
    }
}

#[test]
fn a_forged_trace_with_many_clocks_that_contradict_each_other_is_answered() {
    let names: Vec<String> = (0..256).map(|clock| format!("{clock:03}")).collect();
    // Each began before the one that caused it, all around the circle.
    let spans: Vec<_> = (0..50_000)
        .map(|id| {
            let service = &names[(id * 167 + id / 256) as usize % names.len()];
            span(id + 1, id, service, Kind::Consumer, [60_000 - id, 60_000])
        })
        .collect();
    let tree = Tree::new(&spans);
    assert_eq!(Clocks::of(&tree).relative_to(Clock::of(&spans[0])), Err(Contradiction));
}

#[test]
fn a_clock_that_was_set_is_a_contradiction_and_no_offset() {
    let spans = [
        span(1, 0, "a", Kind::Client, [100, 200]),
        span(2, 1, "b", Kind::Server, [110, 190]),
        span(3, 0, "a", Kind::Client, [300, 400]),
        span(4, 3, "b", Kind::Server, [1_310, 1_390]),
    ];
    assert_eq!(Clocks::of(&Tree::new(&spans)).relative_to("a".into()), Err(Contradiction));
}

proptest! {
    #[test]
    fn middles_of_intervals_that_fit_put_every_call_inside_its_parent(spans in any_spans()) {
        let tree = Tree::new(&spans);
        let _ = centred(&tree);
        let reference = Clock::of(&spans[0]);
        if let Ok(clocks) = Clocks::of(&tree).relative_to(reference) {
            prop_assert_eq!(clocks[&reference].middle(), 0);
            for (parent, child) in tree.calls() {
                let [parent, child] = [&spans[parent], &spans[child]];
                let [a, b] = [parent, child].map(|span| clocks[&Clock::of(span)]);
                if a.width().is_some() && b.width().is_some() {
                    let at = |time: u64, clock: Interval| i128::from(time) + clock.middle();
                    prop_assert!(at(parent.start, a) <= at(child.start, b));
                }
            }
        }
    }
}

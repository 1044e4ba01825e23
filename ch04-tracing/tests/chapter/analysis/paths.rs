//! The critical path.

use ch04_tracing::analysis::critical_path::{
    BEGAN_AFTER, ENDED_AFTER, Step, edge, guessed, name, recorded, waited,
};
use ch04_tracing::analysis::{self, Tree};
use ch04_tracing::experiments::paths::{REQUESTS, by_trial, config, judge, took};
use ch04_tracing::experiments::{MANY, SKEW};
use ch04_tracing::types::{Kind, Link, SpanId, TraceId, Value};
use ch04_tracing::workload::judge::Tally;
use ch04_tracing::workload::{Arrival, Config, Run};
use proptest::prelude::*;

use super::{any_spans, span};

#[test]
fn the_path_is_what_makes_the_request_faster_if_it_is_faster_and_nothing_else_is() {
    let truth = by_trial(config(0));
    for skew in [0, SKEW] {
        let run = Run::of(config(skew));
        let judged = judge(&run, &truth, recorded);
        assert_eq!((judged.whole, judged.pieces.wrong, judged.pieces.missing), (REQUESTS, 0, 0));
        let guess = judge(&run, &truth, guessed);
        assert!(guess.whole * 8 < REQUESTS, "it blames the slower follower: {guess:?}");
        let Tally { missing, wrong, .. } = guess.pieces;
        assert!(missing + wrong > 5 * REQUESTS, "{guess:?}");
    }
}

#[test]
fn a_microsecond_less_on_the_path_is_saved_and_off_the_path_it_is_not() {
    let run = Run::of(config(0));
    let spans = analysis::spans(&run);
    let path = recorded(&Tree::new(&spans), 0);
    let on: Vec<usize> = path.iter().map(|step| step.span).collect();
    let of_first = (0..run.works.len()).filter(|place| run.works[*place].request == Some(0));
    let (mut shorter, mut same) = (0, 0);
    for place in of_first {
        let after = took(&Run::of(Config { faster: Some(place), ..config(0) }));
        if on.contains(&place) {
            // A call is on its way twice, and a process computes several times.
            let saved = took(&run)[0] - after[0];
            assert!(
                (1_000..=5_000).contains(&saved) && saved.is_multiple_of(1_000),
                "{saved} {:?}",
                run.works[place]
            );
            shorter += 1;
        } else {
            assert_eq!(after[0], took(&run)[0], "{:?}", run.works[place]);
            same += 1;
        }
    }
    assert!(shorter > 10 && same > 10, "{shorter} {same}");
}

#[test]
fn the_steps_of_a_path_add_up_to_the_whole_request_whatever_the_clocks_say() {
    let run = Run::of(Config { skew: SKEW, ..Config::shop(MANY) });
    let spans = analysis::spans(&run);
    let tree = Tree::new(&spans);
    for (root, work) in run.works.iter().enumerate() {
        if work.arrival == Arrival::Edge {
            let whole: u64 = recorded(&tree, root).iter().map(|step| step.own).sum();
            assert_eq!(whole, work.seen.end - work.seen.start);
        }
    }
}

#[test]
fn a_request_that_needs_two_of_three_answers_waited_for_the_second_one() {
    let mut leader = span(1, 0, "leader", Kind::Server, [0, 50]);
    let fast = span(2, 1, "leader", Kind::Client, [10, 50]);
    let slow = span(3, 1, "leader", Kind::Client, [10, 90]);
    let spans = |leader| [leader, fast.clone(), slow.clone()];
    let places = |path: Vec<Step>| path.iter().map(|step| step.span).collect::<Vec<_>>();
    // Nothing is recorded: the slowest is blamed by both.
    let unrecorded = spans(leader.clone());
    assert_eq!(places(guessed(&Tree::new(&unrecorded), 0)), [0, 2]);
    assert_eq!(places(recorded(&Tree::new(&unrecorded), 0)), [0, 2]);
    leader.attributes = vec![(ENDED_AFTER.into(), edge(name(&fast)))];
    let spans = spans(leader);
    let tree = Tree::new(&spans);
    assert_eq!(places(guessed(&tree, 0)), [0, 2]);
    let own = [Step { span: 0, within: None, own: 10 }, Step { span: 1, within: Some(0), own: 40 }];
    assert_eq!(recorded(&tree, 0), own);
}

#[test]
fn a_chain_of_messages_is_followed_back_from_the_one_that_answered() {
    let mut request = span(1, 0, "coord", Kind::Server, [0, 100]);
    let ask = span(2, 1, "pay", Kind::Consumer, [1_010, 1_030]);
    let vote = span(3, 2, "coord", Kind::Consumer, [40, 60]);
    let late = span(4, 2, "stock", Kind::Consumer, [80, 99]);
    request.attributes = vec![(ENDED_AFTER.into(), edge(name(&vote)))];
    let spans = [request, ask, vote, late];
    let mut path = recorded(&Tree::new(&spans), 0);
    path.sort_by_key(|step| step.span);
    let step = |span, within, own| Step { span, within, own };
    assert_eq!(path, [step(0, None, 60), step(1, Some(0), 20), step(2, Some(0), 20)]);
}

#[test]
fn what_is_no_join_edge_is_none() {
    let mut one = span(1, 0, "a", Kind::Server, [0, 1]);
    let other = name(&span(0xabc, 0, "b", Kind::Server, [0, 1]));
    one.attributes = vec![(BEGAN_AFTER.into(), edge(other))];
    assert_eq!(waited(&one, BEGAN_AFTER), Some(other));
    assert_eq!(waited(&one, ENDED_AFTER), None);
    let trace = "0".repeat(31) + "1";
    for text in
        ["", "-", "1-2", &format!("{trace}-+00000000000001"), &format!("{trace}0-{:016x}", 1)]
    {
        one.attributes = vec![(BEGAN_AFTER.into(), Value::Text(text.into()))];
        assert_eq!(waited(&one, BEGAN_AFTER), None, "{text}");
    }
}

/// Without a limit, this one would take more than a thousand million steps.
#[test]
fn a_forged_trace_in_which_each_span_waits_for_all_others_is_answered() {
    let count = 50_000;
    let name = |span| edge(Link { trace: TraceId(1), span: SpanId(span) });
    let spans: Vec<_> = (1..=count)
        .map(|id| {
            let mut span = span(id, 0, "web", Kind::Internal, [0, 1]);
            let next = id % count + 1;
            span.attributes =
                vec![(ENDED_AFTER.into(), name(next)), (BEGAN_AFTER.into(), name(next))];
            span
        })
        .collect();
    assert_eq!(recorded(&Tree::new(&spans), 0).len(), spans.len());
}

proptest! {
    #[test]
    fn any_spans_have_a_path_with_each_span_once(spans in any_spans()) {
        let tree = Tree::new(&spans);
        let root = tree.root().expect("there is a span");
        for path in [recorded(&tree, root), guessed(&tree, root)] {
            prop_assert_eq!((path[0].span, path[0].within), (root, None));
            for (i, step) in path.iter().enumerate() {
                prop_assert!(path[..i].iter().all(|other| other.span != step.span));
                prop_assert!(step.own <= spans[step.span].end - spans[step.span].start);
                let above = step.within.is_none_or(|w| path[..i].iter().any(|s| s.span == w));
                prop_assert!(above);
            }
        }
    }

    #[test]
    fn a_join_edge_reads_what_it_writes_and_any_text_is_read_or_not(trace in 1u128.., id in 1u64.., text in ".{0,60}") {
        let mut one = span(1, 0, "a", Kind::Server, [0, 1]);
        let mut to = name(&one);
        (to.trace.0, to.span.0) = (trace, id);
        one.attributes = vec![(ENDED_AFTER.into(), edge(to)), (BEGAN_AFTER.into(), Value::Text(text))];
        prop_assert_eq!(waited(&one, ENDED_AFTER), Some(to));
        let _ = waited(&one, BEGAN_AFTER);
    }
}

//! The service graph, and one trace beside others.

use std::collections::BTreeMap;

use ch04_tracing::analysis::compare::{Change, Usual, compare, typical};
use ch04_tracing::analysis::graph::{Edge, Node, graph};
use ch04_tracing::analysis::{self, Tree};
use ch04_tracing::experiments::MANY;
use ch04_tracing::experiments::graph::{Arrives, Judged, judge, truth};
use ch04_tracing::types::{Kind, Span, Status, TraceId, Value};
use ch04_tracing::workload::{Config, Run};
use proptest::prelude::*;

use super::{any_spans, span};

#[test]
fn with_all_spans_the_graph_is_who_called_whom() {
    let run = Run::of(Config::shop(MANY));
    let spans = analysis::spans(&run);
    let edges = graph(&Tree::new(&spans), |_| 1);
    let truth = truth(&run);
    assert_eq!(edges.len(), truth.len());
    for ((from, to), calls) in truth {
        let [from, to] = [from, to].map(|process| process.to_string());
        assert_eq!(edges[&(Node::Named(&from), Node::Named(&to))].calls, calls, "{from} {to}");
    }
}

#[test]
fn a_lost_span_costs_no_call_if_the_other_side_arrives() {
    let run = Run::of(Config::shop(MANY));
    let all: u64 = truth(&run).values().sum();
    for lost in [10_000, 100_000] {
        let Judged { both_sides, calls, edges } = judge(&run, Arrives::AllBut(lost));
        let part = |calls: u64| calls as f64 / all as f64;
        let p = f64::from(lost) / 1e6;
        assert!((part(calls) - (1.0 - p * p)).abs() < 0.002, "{lost}: {calls} of {all}");
        assert!(part(both_sides) < (1.0 - p) * (1.0 - p) + 0.005, "{lost}: {both_sides} of {all}");
        assert_eq!(edges, truth(&run).len());
    }
    let sampled = judge(&run, Arrives::Sampled);
    assert!(sampled.calls.abs_diff(all) * 4 < all, "{sampled:?} {all}");
}

#[test]
fn a_missing_side_is_a_node_by_the_name_that_the_other_side_gives() {
    let mut call = span(1, 0, "web", Kind::Client, [0, 9]);
    call.status = Status::Error("refused".into());
    call.attributes = vec![("peer.service".into(), Value::Text("db".into()))];
    let mut served = span(2, 7, "pay", Kind::Server, [0, 9]);
    let edges = |served: &Span| -> Vec<(String, Edge)> {
        let spans = [call.clone(), served.clone()];
        let edges = graph(&Tree::new(&spans), |trace| trace.0 as u64 * 5);
        edges.into_iter().map(|(ends, edge)| (format!("{ends:?}"), edge)).collect()
    };
    let edge = |failed| Edge { calls: 5, one_sided: 5, failed };
    let to_db = (r#"(Named("web"), Named("db"))"#.to_owned(), edge(5));
    let from_unknown = (r#"(Unknown, Named("pay"))"#.to_owned(), edge(0));
    assert_eq!(edges(&served), [to_db.clone(), from_unknown]);
    served.attributes = vec![("peer".into(), Value::Text("coord".into()))];
    let from_coord = (r#"(Named("coord"), Named("pay"))"#.to_owned(), edge(0));
    assert_eq!(edges(&served), [from_coord, to_db]);
}

/// The spans of each checkout, in the order of the requests; batches are traces of their own.
fn checkouts(spans: &[Span]) -> Vec<Vec<Span>> {
    let mut traces: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace).or_default().push(span.clone());
    }
    traces.into_values().filter(|spans| spans[0].name == "checkout").collect()
}

#[test]
fn a_checkout_with_a_slow_card_differs_from_the_usual_one_in_the_payment() {
    let traces = checkouts(&analysis::spans(&Run::of(Config::shop(1))));
    let usual = typical(traces.iter().map(Vec::as_slice));
    assert_eq!(usual[&("pay", "prepare", Kind::Server)].count, 1);
    for slow in traces.iter().skip(7).step_by(16) {
        let found = compare(&typical([slow.as_slice()]), &usual);
        let pay = found.iter().find(|found| found.operation == ("pay", "prepare", Kind::Server));
        assert_eq!(pay.map(|pay| pay.change), Some(Change::Longer), "{found:?}");
    }
    let nothing = compare(&usual, &usual);
    assert_eq!(nothing, []);
}

#[test]
fn what_is_missing_new_more_and_longer_is_named_with_the_largest_change_first() {
    let one = |service: &str, took: u64| span(1, 0, service, Kind::Server, [10, 10 + took]);
    let before = [one("a", 10), one("b", 10), one("c", 10)];
    let usual = typical([before.as_slice()]);
    let after = [one("a", 21), one("c", 10), one("c", 10), one("d", 100)];
    let found = compare(&typical([after.as_slice()]), &usual);
    let found: Vec<_> = found.iter().map(|found| (found.operation.0, found.change)).collect();
    let expected =
        [("d", Change::New), ("a", Change::Longer), ("b", Change::Missing), ("c", Change::More)];
    assert_eq!(found, expected);
}

#[test]
fn an_operation_that_most_traces_do_not_have_is_not_usual() {
    let one = |service: &str, took: u64| span(1, 0, service, Kind::Server, [0, took]);
    let traces = [vec![one("a", 1), one("b", 1)], vec![one("a", 5)], vec![one("a", 9)]];
    let usual = typical(traces.iter().map(Vec::as_slice));
    let expected = [(("a", "work", Kind::Server), Usual { count: 1, took: 5 })];
    assert_eq!(usual.into_iter().collect::<Vec<_>>(), expected);
}

proptest! {
    #[test]
    fn any_spans_have_a_graph_with_at_most_one_call_for_each(spans in any_spans()) {
        let edges = graph(&Tree::new(&spans), |_| 1);
        prop_assert!(edges.values().map(|edge| edge.calls).sum::<u64>() <= spans.len() as u64);
        prop_assert!(edges.values().all(|edge| edge.one_sided <= edge.calls && edge.failed <= edge.calls));
        let profile = typical([spans.as_slice()]);
        prop_assert_eq!(compare(&profile, &profile), []);
    }
}

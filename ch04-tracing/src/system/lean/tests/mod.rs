//! What becomes of spans, whatever threads do.

mod subscriber;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use proptest::prelude::*;

use super::*;
use crate::otlp::DROPPED_ATTRIBUTES;
use crate::step4_exporter::Dropped;
use crate::types::{Status, Value};

const SLOW: Duration = Duration::from_secs(3600);

fn lean(queue: usize) -> Lean {
    Lean::new("shop", queue, SLOW)
}

fn root(lean: &Lean, flags: Flags) -> TraceContext {
    TraceContext::root(lean.trace_id(), lean.span_id(), flags)
}

#[test]
fn a_span_that_is_not_sampled_hands_on_the_context_of_its_caller_and_leaves_no_trace() {
    let lean = lean(8);
    let caller = root(&lean, Flags::RANDOM);
    let mut span = lean.start(&caller, "page");
    span.set("user", "alice");
    assert!(!span.is_sampled());
    assert_eq!(span.context(), caller);
    drop(span);
    drop(lean.answer(&caller, None, "page"));
    assert_eq!(lean.ledger(), Ledger::default());
}

#[test]
fn a_sampled_span_names_its_parent_and_is_named_by_its_children() {
    let lean = lean(8);
    let own = root(&lean, Flags::SAMPLED);
    let mut page = lean.answer(&own, None, "page");
    page.kind(Kind::Server);
    let under = page.context();
    let mut price = lean.start(&under, "price");
    let of_price = price.context();
    price.fail();
    drop(price);
    drop(page);
    let [price, page] = <[Span; 2]>::try_from(lean.take(8)).unwrap();
    assert_eq!((page.id, page.parent, page.kind), (own.span, None, Kind::Server));
    assert_eq!((price.trace, price.parent), (own.trace, Some(own.span)));
    assert_eq!((price.id, price.service.as_str()), (of_price.span, "shop"));
    assert_eq!(price.status, Status::Error(String::new()));
    assert!(page.start <= price.start && price.end <= page.end, "{page:?} {price:?}");
}

#[test]
fn attributes_have_a_bound_and_what_is_above_it_is_counted() {
    let lean = lean(8);
    let own = root(&lean, Flags::SAMPLED);
    let mut span = lean.answer(&own, None, "page");
    span.set("items", 2);
    span.set("items", 3);
    span.set("is_new", true);
    span.set("path", Plain::Static("/buy"));
    span.set("text", "ä".repeat(MAX_TEXT).as_str());
    span.set("one", 1);
    span.set("more", 2);
    drop(span);
    let text = |text: &str| Value::Text(text.to_owned());
    let named = |(name, value): (&str, Value)| (name.to_owned(), value);
    let expected = [
        ("items", Value::Int(3)),
        ("is_new", Value::Bool(true)),
        ("path", text("/buy")),
        ("text", text(&format!("{}…", "ä".repeat(MAX_TEXT / 2)))),
        (DROPPED_ATTRIBUTES, Value::Int(2)),
    ];
    assert_eq!(lean.take(8)[0].attributes, expected.map(named));
}

#[test]
fn what_must_not_stand_in_a_span_is_not_exported() {
    let lean = lean(8);
    let own = root(&lean, Flags::SAMPLED);
    lean.answer(&own, None, "page").set("password", "umbrella");
    assert_eq!(lean.take(8)[0].attributes, []);

    let before = "a ".repeat(MAX_TEXT / 2 - 4);
    lean.answer(&own, None, "page").set("path", format!("{before}0af7651916cd43dd").as_str());
    let cut = Value::Text(format!("{before}…"));
    assert_eq!(lean.take(8)[0].attributes, [("path".to_owned(), cut)]);
}

#[test]
fn spans_of_threads_that_have_ended_are_not_lost() {
    let lean = lean(8);
    let own = root(&lean, Flags::SAMPLED);
    std::thread::scope(|scope| {
        scope.spawn(|| drop(lean.start(&own, "page")));
    });
    assert_eq!(lean.ledger().in_flight, 1);
    assert_eq!(lean.take(8).len(), 1);
}

#[test]
fn an_account_that_is_taken_while_threads_make_spans_is_exact() {
    let lean = lean(100);
    let own = root(&lean, Flags::SAMPLED);
    let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
    let make = |_| {
        begun.fetch_add(1, SeqCst);
        drop(lean.start(&own, "page"));
        ended.fetch_add(1, SeqCst);
    };
    std::thread::scope(|scope| {
        let makers = [(); 3].map(|()| scope.spawn(|| (0..5_000).for_each(&make)));
        while makers.iter().any(|maker| !maker.is_finished()) {
            let at_least = ended.load(SeqCst);
            let ledger = lean.ledger();
            let at_most = begun.load(SeqCst);
            assert!(ledger.is_exact(), "{ledger:?}");
            assert!((at_least..=at_most).contains(&ledger.created), "{ledger:?}");
        }
    });
    assert_eq!(lean.ledger().created, 15_000);
}

/// What the exporter does next.
#[derive(Clone, Debug)]
enum Act {
    /// Each of these threads makes so many spans.
    Make(Vec<u16>),
    /// So many are taken, and of these so many stored.
    Take(usize, usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        proptest::collection::vec(0..200_u16, 1..4).prop_map(Act::Make),
        (0..300_usize, 0..300_usize).prop_map(|(most, stored)| Act::Take(most, stored)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_span_is_stored_or_dropped_or_in_flight(
        queue in 0..300_usize,
        acts in proptest::collection::vec(act(), 1..12),
        more in 0..5_u64,
    ) {
        let lean = lean(queue);
        let own = root(&lean, Flags::SAMPLED);
        let (mut created, mut stored, mut refused) = (0, 0, 0);
        let mut ids = BTreeSet::new();
        for act in acts {
            match act {
                Act::Make(counts) => {
                    created += counts.iter().copied().map(u64::from).sum::<u64>();
                    std::thread::scope(|scope| {
                        for count in &counts {
                            scope.spawn(|| (0..*count).for_each(|_| drop(lean.start(&own, "page"))));
                        }
                    });
                }
                Act::Take(most, of_these) => {
                    let spans = lean.take(most);
                    let of_these = of_these.min(spans.len());
                    stored += of_these as u64;
                    refused += (spans.len() - of_these) as u64;
                    let (dropped, why) = (spans.len() - of_these, Dropped::Refused);
                    lean.settle(Outcome { stored: of_these, dropped, why });
                    for span in spans {
                        prop_assert!(ids.insert(span.id), "taken twice");
                    }
                }
            }
            let ledger = lean.ledger();
            prop_assert!(ledger.is_exact(), "{ledger:?}");
            prop_assert_eq!((ledger.created, ledger.stored), (created, stored));
            prop_assert_eq!(ledger.dropped(Dropped::Refused), refused);
        }
        lean.close();
        (0..more).for_each(|_| drop(lean.start(&own, "late")));
        let left = lean.take(usize::MAX);
        let ledger = lean.ledger();
        prop_assert_eq!(ledger.dropped(Dropped::AfterShutdown), more);
        prop_assert_eq!(ledger.in_flight, left.len() as u64);
        prop_assert!(left.len() <= queue && ledger.is_exact(), "{ledger:?}");
    }
}

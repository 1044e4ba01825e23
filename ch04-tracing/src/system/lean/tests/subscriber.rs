//! Spans of `tracing`'s macros.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::{Subscriber as _, with_default};
use tracing::{debug_span, error, info_span};

use super::*;
use crate::step6_sampling::Threshold;

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const NOT_SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

fn subscriber(sampler: Option<Threshold>) -> (Arc<Lean>, Arc<LeanSubscriber>) {
    let lean = Arc::new(lean(64));
    let subscriber = LeanSubscriber::new(Arc::clone(&lean), sampler, LevelFilter::INFO);
    (lean, Arc::new(subscriber))
}

fn all() -> Option<Threshold> {
    Some(Threshold::one_in(1))
}

fn by_name(lean: &Lean) -> BTreeMap<String, Span> {
    lean.take(64).into_iter().map(|span| (span.name.clone(), span)).collect()
}

#[test]
fn the_parent_of_a_span_is_the_one_that_is_entered_or_named() {
    let (lean, subscriber) = subscriber(all());
    with_default(Arc::clone(&subscriber), || {
        let page = info_span!("page", user = 7, path = "/buy", card = ?Some(1)).entered();
        let price = info_span!("price");
        price.in_scope(|| drop(info_span!("shelf")));
        std::thread::scope(|scope| {
            // The subscriber of a test is that of one thread.
            let dispatch = tracing::dispatcher::get_default(Clone::clone);
            let price = &price;
            scope.spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    drop(info_span!(parent: price, "thread"));
                    drop(info_span!("alone"));
                });
            });
        });
        let under_page = LeanSubscriber::current().expect("a span is entered");
        drop(debug_span!("too fine"));
        drop((price, page));
        let spans = by_name(&lean);
        let parent = |name: &str| spans[name].parent;
        assert_eq!(spans.len(), 5);
        assert_eq!((parent("page"), spans["page"].id), (None, under_page.span));
        assert_eq!(parent("price"), Some(spans["page"].id));
        assert_eq!(parent("shelf"), Some(spans["price"].id));
        assert_eq!(parent("thread"), Some(spans["price"].id));
        assert_eq!(parent("alone"), None);
        assert_ne!(spans["alone"].trace, spans["page"].trace);
        let named = |name: &str, value| (name.to_owned(), value);
        let (path, card) = (Value::Text("/buy".into()), Value::Text("Some(1)".into()));
        let expected = [named("user", Value::Int(7)), named("path", path), named("card", card)];
        assert_eq!(spans["page"].attributes, expected);
    });
    assert_eq!(subscriber.open(), 0);
}

#[test]
fn a_caller_in_the_headers_is_the_parent_and_decides_what_is_sampled() {
    let (lean, subscriber) = subscriber(None);
    with_default(Arc::clone(&subscriber), || {
        drop(info_span!("page", traceparent = CALLER));
        let not_sampled = info_span!("quiet", traceparent = NOT_SAMPLED).entered();
        let price = info_span!("price").entered();
        let carried = LeanSubscriber::current().expect("a span is entered");
        assert_eq!(carried.traceparent(), NOT_SAMPLED);
        drop(not_sampled);
        let carried = LeanSubscriber::current().expect("a span is still entered");
        assert_eq!(carried.traceparent(), NOT_SAMPLED, "a child may outlive its parent");
        drop(price);
        drop(info_span!("forged", traceparent = "00-1-2-01"));
    });
    let spans = by_name(&lean);
    assert_eq!(spans.keys().collect::<Vec<_>>(), ["page"]);
    assert_eq!(spans["page"].parent, Some(SpanId(0xb7ad_6b71_6920_3331)));
    assert_eq!(spans["page"].attributes, []);
    assert_eq!(subscriber.open(), 0);
}

#[test]
fn below_a_span_that_is_not_sampled_nothing_is() {
    let (lean, subscriber) = subscriber(None);
    with_default(Arc::clone(&subscriber), || {
        let page = info_span!("page").entered();
        let carried = LeanSubscriber::current().expect("a span is entered");
        let price = info_span!("price").entered();
        assert_eq!(LeanSubscriber::current(), Some(carried), "all are one place of the trace");
        drop(page);
        drop(price);
        assert_eq!(LeanSubscriber::current(), None);
    });
    assert_eq!((lean.ledger(), subscriber.open()), (Ledger::default(), 0));
}

#[test]
fn an_error_is_one_of_the_span_around_it() {
    let (lean, subscriber) = subscriber(all());
    with_default(Arc::clone(&subscriber), || {
        let page = info_span!("page").entered();
        info_span!("price", late = tracing::field::Empty).in_scope(|| {
            tracing::Span::current().record("late", true);
            error!("no price");
        });
        drop(page);
    });
    let spans = by_name(&lean);
    assert_eq!(spans["price"].status, Status::Error(String::new()));
    assert_eq!(spans["page"].status, Status::Unset);
}

#[test]
fn an_error_that_names_its_span_is_one_of_that_span() {
    let (lean, subscriber) = subscriber(all());
    with_default(Arc::clone(&subscriber), || {
        let page = info_span!("page").entered();
        let price = info_span!("price");
        error!(parent: &price, "no price");
        error!(parent: None, "nobody's");
        drop((price, page));
    });
    let spans = by_name(&lean);
    assert_eq!(spans["price"].status, Status::Error(String::new()));
    assert_eq!(spans["page"].status, Status::Unset);
}

/// Makes a span while it is written.
struct Traced;

impl std::fmt::Debug for Traced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        info_span!("inner").in_scope(|| f.write_str("traced"))
    }
}

#[test]
fn a_value_may_make_spans_while_it_is_written() {
    let (lean, subscriber) = subscriber(all());
    with_default(subscriber, || {
        let page = info_span!("page", first = ?Traced, second = tracing::field::Empty);
        page.record("second", tracing::field::debug(Traced));
    });
    let texts = by_name(&lean)["page"].attributes.clone();
    let text = |name: &str| (name.to_owned(), Value::Text("traced".into()));
    assert_eq!(texts, [text("first"), text("second")]);
}

#[test]
fn threads_that_use_the_macros_leave_an_exact_account() {
    let (lean, subscriber) = subscriber(all());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                with_default(Arc::clone(&subscriber), || {
                    for _ in 0..1_000 {
                        let _page = info_span!("page").entered();
                        drop(info_span!("price"));
                    }
                });
            });
        }
    });
    let taken = lean.take(64).len() as u64;
    let ledger = lean.ledger();
    assert_eq!((ledger.created, taken, subscriber.open()), (6_000, 64, 0));
    assert_eq!(ledger.dropped(Dropped::QueueFull), 6_000 - 64);
    assert!(ledger.is_exact(), "{ledger:?}");
}

#[test]
fn a_forgotten_guard_makes_no_stranger_a_parent() {
    let (lean, subscriber) = subscriber(all());
    with_default(Arc::clone(&subscriber), || {
        let gone = info_span!("gone");
        std::mem::forget(gone.enter());
        drop(gone);
        let in_its_place = info_span!("in its place");
        drop(info_span!("alone"));
        drop(in_its_place);
    });
    let spans = by_name(&lean);
    assert_eq!((spans["in its place"].parent, spans["alone"].parent), (None, None));
    assert_eq!((spans.len(), subscriber.open()), (3, 0));
}

#[test]
fn a_forgotten_guard_does_not_decide_what_is_sampled_later() {
    let (lean, subscriber) = subscriber(all());
    with_default(Arc::clone(&subscriber), || {
        let quiet = info_span!("quiet", traceparent = NOT_SAMPLED);
        std::mem::forget(quiet.enter());
        drop(quiet);
        assert_eq!(LeanSubscriber::current(), None);
        drop(info_span!("page"));
    });
    assert_eq!(by_name(&lean).into_keys().collect::<Vec<_>>(), ["page"]);
    assert_eq!(subscriber.open(), 0);
}

#[test]
fn what_is_not_sampled_keeps_its_context_on_another_thread_after_its_parent() {
    let (lean, subscriber) = subscriber(all());
    with_default(Arc::clone(&subscriber), || {
        let page = info_span!("page", traceparent = NOT_SAMPLED).entered();
        let price = info_span!("price");
        drop(page);
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _shelf = tracing::dispatcher::with_default(&dispatch, || {
                    let _price = price.enter();
                    let shelf = info_span!("shelf").entered();
                    let carried = LeanSubscriber::current().expect("a span is entered");
                    assert_eq!(carried.traceparent(), NOT_SAMPLED);
                    shelf.exit()
                });
            });
        });
        assert_eq!(subscriber.open(), 1);
    });
    assert_eq!((lean.ledger(), subscriber.open()), (Ledger::default(), 0));
}

/// A thread that does one thing after the other, when it is told.
struct Worker {
    acts: mpsc::Sender<Box<dyn FnOnce() + Send>>,
    done: mpsc::Receiver<()>,
}

impl Worker {
    #[expect(clippy::disallowed_methods, reason = "what is entered belongs to a thread")]
    fn start() -> Self {
        let (acts, told) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let (is_done, done) = mpsc::channel();
        std::thread::spawn(move || {
            for act in told {
                act();
                is_done.send(()).unwrap();
            }
        });
        Self { acts, done }
    }

    fn run(&self, act: impl FnOnce() + Send + 'static) {
        self.acts.send(Box::new(act)).unwrap();
        self.done.recv().unwrap();
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Act {
    Refer,
    Close,
    Enter,
    Exit,
}

fn act(subscriber: &LeanSubscriber, act: Act, id: tracing::span::Id) {
    match act {
        Act::Refer => drop(subscriber.clone_span(&id)),
        Act::Close => drop(subscriber.try_close(id)),
        Act::Enter => subscriber.enter(&id),
        Act::Exit => subscriber.exit(&id),
    }
}

proptest! {
    #[test]
    fn a_span_that_two_threads_share_ends_with_its_last_reference(
        acts in proptest::collection::vec((0..2_usize, 0..4_usize), 0..40),
        last in 0..2_usize,
    ) {
        let (_, subscriber) = subscriber(all());
        let id = with_default(Arc::clone(&subscriber), || {
            let span = info_span!("page", traceparent = NOT_SAMPLED);
            span.id().map(|id| subscriber.clone_span(&id)).unwrap()
        });
        let workers = [Worker::start(), Worker::start()];
        let on = |thread: usize, what: Act| {
            let (subscriber, id) = (Arc::clone(&subscriber), id.clone());
            workers[thread].run(move || act(&subscriber, what, id));
        };
        let (mut references, mut entered) = (1, [0, 0]);
        for (thread, what) in acts {
            let what = [Act::Refer, Act::Close, Act::Enter, Act::Exit][what];
            match what {
                Act::Refer => references += 1,
                Act::Close if references > 1 => references -= 1,
                Act::Enter => entered[thread] += 1,
                Act::Exit if entered[thread] > 0 => entered[thread] -= 1,
                Act::Close | Act::Exit => continue,
            }
            on(thread, what);
            prop_assert_eq!(subscriber.open(), 1);
        }
        for (thread, times) in entered.into_iter().enumerate() {
            (0..times).for_each(|_| on(thread, Act::Exit));
        }
        (1..references).for_each(|_| on(1 - last, Act::Close));
        prop_assert_eq!(subscriber.open(), 1);
        on(last, Act::Close);
        prop_assert_eq!(subscriber.open(), 0);
    }
}

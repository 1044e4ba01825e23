//! The propagation matrix, on the real runtime: tokio with one thread, and the `tracing` crate.
//!
//! Four requests are under way at once, and each does its work on the far side of one crossing. A
//! recorder notes the parent that each piece of work gets. The order of polls is fixed: there is one
//! thread for tasks, no timer, and no `select!` that draws lots.

mod crossings;
mod recorder;

use std::future::Future;

use ch04_tracing::propagation::{Crossing, MATRIX, Row};
use ch04_tracing::workload::judge::Tally;
use tokio::task::LocalSet;
use tracing::instrument::{Instrument, Instrumented};
use tracing::{Dispatch, Span, dispatcher, span};

use recorder::Recorder;

/// Requests at a time.
const REQUESTS: u64 = 4;

/// How work gets its parent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// The request enters its span and holds the guard until it is over.
    Guard,
    /// Each future has its span, entered for as long as the future is polled.
    Instrument,
    /// Code that hands work over hands over the context too.
    Message,
}

/// Where the parent of a piece of work is looked for.
#[derive(Clone, Debug)]
enum Parent {
    /// In the thread.
    Current,
    /// In the message.
    Given(Option<span::Id>),
}

impl Way {
    fn parent(self, request: &Span) -> Parent {
        if self == Self::Message { Parent::Given(request.id()) } else { Parent::Current }
    }

    /// A future of the request for another task.
    fn hand_over<F: Future>(self, request: &Span, future: F) -> Instrumented<F> {
        let span = if self == Self::Instrument { request.clone() } else { Span::none() };
        future.instrument(span)
    }

    async fn run<F: Future<Output = ()>>(self, request: Span, future: F) {
        match self {
            Self::Guard => {
                let _guard = request.enter();
                future.await;
            }
            Self::Instrument => future.instrument(request).await,
            Self::Message => future.await,
        }
    }
}

fn root(r: u64) -> Span {
    tracing::info_span!(parent: None, "request", r)
}

fn work(r: u64, parent: &Parent) {
    let _ = match parent {
        Parent::Current => tracing::info_span!("work", r),
        Parent::Given(from) => tracing::info_span!(parent: from.clone(), "work", r),
    };
}

/// One cell.
fn cell(crossing: Crossing, way: Way) -> Tally {
    let recorder = Recorder::default();
    let dispatch = Dispatch::new(recorder.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    dispatcher::with_default(&dispatch, || {
        let tasks = LocalSet::new();
        tasks.block_on(&runtime, crossings::run(crossing, way));
    });
    recorder.tally(REQUESTS)
}

#[test]
fn what_is_found_on_the_far_side_of_each_crossing() {
    let found = Crossing::ALL.map(|crossing| Row {
        crossing,
        guard: cell(crossing, Way::Guard),
        instrument: cell(crossing, Way::Instrument),
        message: cell(crossing, Way::Message),
    });
    for (found, expected) in found.iter().zip(&MATRIX) {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_cell_comes_out_the_same_each_time() {
    for crossing in Crossing::ALL {
        let first = cell(crossing, Way::Guard);
        for _ in 0..20 {
            assert_eq!(cell(crossing, Way::Guard), first, "{crossing}");
        }
    }
}

#[test]
fn a_context_in_the_message_is_always_right() {
    for row in &MATRIX {
        assert_eq!((row.message.missing, row.message.wrong), (0, 0), "{}", row.crossing);
        assert!(row.message.right >= REQUESTS as usize);
        assert_eq!(row.instrument.wrong, 0, "{}", row.crossing);
    }
}

//! The lean path, called directly and below the macros of `tracing`.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ch04_tracing::context::{Flags, TraceContext};
use ch04_tracing::step4_exporter::{Dropped, Outcome};
use ch04_tracing::step6_sampling::Threshold;
use ch04_tracing::system::lean::{Lean, LeanSubscriber};
use tracing::info_span;
use tracing::level_filters::LevelFilter;

use crate::{BATCH, CHILDREN, End, QUEUE, STEP, Stack};

const SLOW: Duration = Duration::from_millis(250);
/// So long the exporter waits if there is less than a batch.
const PAUSE: Duration = Duration::from_millis(1);

/// What no span that knows its times can cost less than.
pub(crate) fn clocks() -> Box<dyn Stack> {
    Box::new(Clocks)
}

struct Clocks;

impl Stack for Clocks {
    fn trace(&mut self) {
        for _ in 0..=CHILDREN {
            let began = Instant::now();
            black_box(began.elapsed());
        }
    }

    fn flush(self: Box<Self>) -> End {
        End { delivered: 0, dropped: None }
    }
}

/// What takes the spans away.
struct Exporter {
    lean: Arc<Lean>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Exporter {
    fn start() -> Self {
        let (lean, is_over) = (Arc::new(Lean::new("shop", QUEUE, SLOW)), Arc::default());
        let thread = thread::spawn({
            let (lean, is_over) = (Arc::clone(&lean), Arc::clone(&is_over));
            move || export(&lean, &is_over)
        });
        Self { lean, is_over, thread }
    }

    fn end(self) -> End {
        self.is_over.store(true, Ordering::Release);
        let delivered = self.thread.join().expect("the exporter ends");
        let ledger = self.lean.ledger();
        assert!(ledger.is_exact() && ledger.in_flight == 0, "{ledger:?}");
        assert_eq!(ledger.stored, delivered, "the sink got what the ledger calls stored");
        End { delivered, dropped: Some(ledger.dropped.values().sum()) }
    }
}

/// Takes batches until nothing more is coming, and says how many spans it got.
fn export(lean: &Lean, is_over: &AtomicBool) -> u64 {
    let mut delivered = 0;
    loop {
        let is_last = is_over.load(Ordering::Acquire);
        let batch = black_box(lean.take(BATCH));
        let stored = batch.len();
        delivered += stored as u64;
        lean.settle(Outcome { stored, dropped: 0, why: Dropped::Refused });
        match stored {
            0 if is_last => return delivered,
            BATCH => {}
            _ => thread::sleep(PAUSE),
        }
    }
}

pub(crate) fn lean(is_sampled: bool) -> Box<dyn Stack> {
    let random = Flags::RANDOM;
    let flags = if is_sampled { random.with(Flags::SAMPLED) } else { random };
    Box::new(Direct { exporter: Exporter::start(), flags })
}

struct Direct {
    exporter: Exporter,
    flags: Flags,
}

impl Stack for Direct {
    fn trace(&mut self) {
        let lean = &self.exporter.lean;
        let own = TraceContext::root(lean.trace_id(), lean.span_id(), self.flags);
        let request = lean.answer(&own, None, "request");
        let context = request.context();
        for _ in 0..CHILDREN {
            let mut work = lean.start(black_box(&context), "work");
            work.set("step", black_box(STEP));
        }
    }

    fn flush(self: Box<Self>) -> End {
        self.exporter.end()
    }
}

pub(crate) fn macros(is_sampled: bool) -> Box<dyn Stack> {
    let exporter = Exporter::start();
    let sampler = is_sampled.then(|| Threshold::one_in(1));
    let subscriber = LeanSubscriber::new(Arc::clone(&exporter.lean), sampler, LevelFilter::INFO);
    tracing::subscriber::set_global_default(subscriber).expect("there is no other one");
    Box::new(Macros(exporter))
}

struct Macros(Exporter);

/// With whichever subscriber there is.
pub(crate) fn trace_by_macros() {
    let _request = info_span!("request").entered();
    for _ in 0..CHILDREN {
        let _work = info_span!("work", step = black_box(STEP)).entered();
    }
}

impl Stack for Macros {
    fn trace(&mut self) {
        trace_by_macros();
    }

    fn flush(self: Box<Self>) -> End {
        self.0.end()
    }
}

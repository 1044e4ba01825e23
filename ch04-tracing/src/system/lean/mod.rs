//! Edge: makes it survive the real world. The lesson is in [`crate::step4_exporter`].
//!
//! Spans for code that runs a million times a second. A span is a record of a fixed size. When it ends,
//! it goes into a buffer of its thread, and every 64th time the whole buffer goes into the bounded [`SpanQueue`]
//! of step 4: with the same classes, the same drops, and the same [`Ledger`]. Records are boxed, because on
//! this way a record is moved about ten times, and one allocation is cheaper than ten copies of 250 bytes. What
//! remains to be paid for each span is a clock at its begin and at its end.
//!
//! A span that is not sampled is a reference to its parent's context. It reads no clock, takes no lock and
//! draws no id, and what it calls gets the context of its parent: sampled by nobody, and still one trace.
//!
//! ```text
//! created = stored + dropped (and why) + in flight (in a buffer, in the queue, on the way)
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | `record.rs` | a span of a fixed size |
//! | `local.rs` | what each thread has for itself |
//! | `subscriber.rs` | the same below the macros of `tracing` |
//! | `open.rs` | spans of those macros while they are open |
//!
//! # Left out
//!
//! The thread that sends: the application takes spans, sends them, and settles. A wall clock that is set while the process runs: all times count from the one at the start.

mod local;
mod open;
mod record;
mod subscriber;
#[cfg(test)]
mod tests;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thread_local::ThreadLocal;

use super::now;
use crate::context::{Flags, TraceContext};
use crate::redact::clean;
use crate::step4_exporter::{Ledger, Outcome, SpanQueue};
use crate::types::{Kind, Span, SpanId, TraceId};
use local::{Buffer, HANDFUL, Local};
use record::Record;

pub use record::{MAX_ATTRIBUTES, MAX_TEXT, Plain};
pub use subscriber::LeanSubscriber;

/// Makes spans, and keeps those that have ended until an exporter takes them.
pub struct Lean {
    service: String,
    /// In ns.
    slow: u64,
    /// The time when it began, by both clocks.
    began: Instant,
    began_at: u64,
    locals: ThreadLocal<Local>,
    waiting: Mutex<SpanQueue<Box<Record>>>,
}

impl fmt::Debug for Lean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lean").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Lean {
    /// For a process of this name. At most `queue` spans wait, besides 64 per thread, and one that took
    /// longer than `slow` is one of the last to be dropped.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a span is timed by the real clock")]
    pub fn new(service: impl Into<String>, queue: usize, slow: Duration) -> Self {
        Self {
            service: service.into(),
            slow: u64::try_from(slow.as_nanos()).unwrap_or(u64::MAX),
            began: Instant::now(),
            began_at: now(),
            locals: ThreadLocal::new(),
            waiting: Mutex::new(SpanQueue::new(queue)),
        }
    }

    // ANCHOR: start
    /// A span that `parent` caused.
    #[inline]
    #[must_use]
    pub fn start<'a>(&'a self, parent: &'a TraceContext, name: &'static str) -> LeanSpan<'a> {
        if !parent.flags.has(Flags::SAMPLED) {
            return LeanSpan { lean: self, caller: parent, record: None };
        }
        self.begin(parent, self.local().span_id(), Some(parent.span), name)
    }
    // ANCHOR_END: start

    /// The span that `own` names: the first one of a trace, or the one that answers a call from `parent`.
    #[must_use]
    pub fn answer<'a>(
        &'a self,
        own: &'a TraceContext,
        parent: Option<SpanId>,
        name: &'static str,
    ) -> LeanSpan<'a> {
        if !own.flags.has(Flags::SAMPLED) {
            return LeanSpan { lean: self, caller: own, record: None };
        }
        self.begin(own, own.span, parent, name)
    }

    /// A new id.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        self.local().span_id()
    }

    /// A new id.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.local().trace_id()
    }

    /// What became of all spans that have ended. It is exact while other threads make spans, because it
    /// holds all buffers at once; so it is nothing for each request.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        let buffers: Vec<_> = self.locals.iter().map(Local::buffer).collect();
        let buffered: u64 = buffers.iter().map(|buffer| buffer.len() as u64).sum();
        let ledger = self.waiting().ledger();
        Ledger {
            created: ledger.created + buffered,
            in_flight: ledger.in_flight + buffered,
            ..ledger
        }
    }

    /// At most so many spans, the most important ones first, those in the buffers of threads included. Say
    /// with [`Lean::settle`] what became of them.
    #[must_use]
    pub fn take(&self, most: usize) -> Vec<Span> {
        let records = {
            for local in &self.locals {
                self.hand_over(&mut local.buffer());
            }
            self.waiting().take(most)
        };
        let span = |record: Box<Record>| {
            let mut span = record.into_span(&self.service);
            clean(&mut span);
            span
        };
        records.into_iter().map(span).collect()
    }

    /// Enters in the ledger what became of spans that were taken.
    pub fn settle(&self, outcome: Outcome) {
        self.waiting().settle(outcome);
    }

    /// Nothing more is taken in. What waits can still be taken out.
    pub fn close(&self) {
        for local in &self.locals {
            self.hand_over(&mut local.buffer());
        }
        self.waiting().close();
    }

    fn begin<'a>(
        &'a self,
        caller: &'a TraceContext,
        id: SpanId,
        parent: Option<SpanId>,
        name: &'static str,
    ) -> LeanSpan<'a> {
        let record = self.record(caller.trace, id, parent, name);
        LeanSpan { lean: self, caller, record: Some(record) }
    }

    /// A span that begins now.
    fn record(
        &self,
        trace: TraceId,
        id: SpanId,
        parent: Option<SpanId>,
        name: &'static str,
    ) -> Box<Record> {
        let start = self.time();
        Box::new(Record {
            trace,
            id,
            parent,
            name,
            kind: Kind::Internal,
            start,
            end: start,
            has_failed: false,
            attributes: [const { None }; MAX_ATTRIBUTES],
            more: 0,
        })
    }

    // ANCHOR: end
    /// Into the buffer of this thread; if that is full then, into the queue with all of it.
    fn end(&self, mut record: Box<Record>) {
        record.end = self.time();
        let mut buffer = self.local().buffer();
        buffer.push(record);
        if buffer.len() >= HANDFUL {
            self.hand_over(&mut buffer);
        }
    }

    fn hand_over(&self, buffer: &mut Buffer) {
        let mut waiting = self.waiting();
        for record in buffer.drain(..) {
            waiting.record(record.class(self.slow), record);
        }
    }
    // ANCHOR_END: end

    /// In ns since 1970, by a clock that never goes back.
    fn time(&self) -> u64 {
        let since = self.began.elapsed();
        self.began_at + since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos())
    }

    fn local(&self) -> &Local {
        // The operating system seeds each of these.
        self.locals.get_or(|| Local::new(RandomState::new().hash_one(now())))
    }

    /// Taken after the buffers, never before.
    fn waiting(&self) -> MutexGuard<'_, SpanQueue<Box<Record>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A span that has begun. It ends when it is dropped.
#[derive(Debug)]
pub struct LeanSpan<'a> {
    lean: &'a Lean,
    /// Its parent's context, or its own if the caller made that.
    caller: &'a TraceContext,
    /// None if it is not sampled.
    record: Option<Box<Record>>,
}

impl LeanSpan<'_> {
    /// What its calls carry.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        match &self.record {
            Some(record) => self.caller.child(record.id),
            None => self.caller.clone(),
        }
    }

    /// Whether it will be exported. What is only for its attributes need not be computed otherwise.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.record.is_some()
    }

    /// Which side of a call it is.
    pub fn kind(&mut self, kind: Kind) {
        if let Some(record) = &mut self.record {
            record.kind = kind;
        }
    }

    /// One thing more that is known of it. Above [`MAX_ATTRIBUTES`] they are counted only.
    pub fn set(&mut self, name: &'static str, value: impl Into<Plain>) {
        if let Some(record) = &mut self.record {
            record.set(name, value.into());
        }
    }

    /// It does not end well.
    pub fn fail(&mut self) {
        if let Some(record) = &mut self.record {
            record.has_failed = true;
        }
    }
}

impl Drop for LeanSpan<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            self.lean.end(record);
        }
    }
}

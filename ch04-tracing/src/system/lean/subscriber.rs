//! The macros of `tracing` on the lean path: `info_span!` makes spans without a registry behind it.
//!
//! Which span is entered on a thread, only that thread knows; so that takes no lock. The open spans are in
//! shards, one for each thread as long as there are few of them, because a span may end on another thread
//! than the one that began it. What is below a span that is not sampled has that span's id: a new reference,
//! and nothing else. It could be no span at all, as a filter would make it, but then a future that is
//! instrumented with it would run on another thread without a context, and begin a trace of its own.
//!
//! A span with a field `traceparent` (and perhaps `tracestate`) is a child of the span that these headers
//! name. An event of level `ERROR` says that the span around it does not end well.
//!
//! # Left out
//!
//! Events as such, and `follows_from`. A bound for open spans: those are as many as the program has work.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thread_local::ThreadLocal;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Level, Metadata, Subscriber};

use super::open::{Here, Open, OpenId, Shards};
use super::{Lean, Plain};
use crate::context::{Flags, Header, TraceContext};
use crate::step6_sampling::{Threshold, keep, random};

/// The fields that name a caller.
const CALLER: [&str; 2] = ["traceparent", "tracestate"];

/// Takes the spans of `tracing`'s macros.
pub struct LeanSubscriber {
    lean: Arc<Lean>,
    sampler: Option<Threshold>,
    level: LevelFilter,
    open: Shards,
    threads: ThreadLocal<Thread>,
    /// How many threads there were.
    seen: AtomicU64,
}

struct Thread {
    shard: u64,
    here: RefCell<Here>,
}

impl fmt::Debug for LeanSubscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeanSubscriber").field("lean", &self.lean).finish_non_exhaustive()
    }
}

impl LeanSubscriber {
    /// Of the traces that begin here it keeps what `sampler` says; without one, none. Spans above `level`
    /// are not made.
    #[must_use]
    pub fn new(lean: Arc<Lean>, sampler: Option<Threshold>, level: LevelFilter) -> Self {
        let (threads, seen) = (ThreadLocal::new(), AtomicU64::new(0));
        Self { lean, sampler, level, open: Shards::new(), threads, seen }
    }

    /// What a call that is made now, on this thread, has to carry. None outside of all spans, and if another
    /// subscriber is in use.
    #[must_use]
    pub fn current() -> Option<TraceContext> {
        tracing::dispatcher::get_default(|dispatch| {
            let this = dispatch.downcast_ref::<Self>()?;
            match this.innermost()? {
                (_, Some(context)) => Some(context),
                (id, None) => this.context(id),
            }
        })
    }

    /// How many spans have begun and are not at their end; those that share one, because they are not
    /// sampled, count as one.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.count()
    }

    fn thread(&self) -> &Thread {
        self.threads.get_or(|| {
            let shard = self.seen.fetch_add(1, Ordering::Relaxed);
            Thread { shard, here: RefCell::default() }
        })
    }

    fn here(&self) -> RefMut<'_, Here> {
        self.thread().here.borrow_mut()
    }

    /// The innermost span that is entered on this thread and has not ended, and its context if it is sampled.
    fn innermost(&self) -> Option<(OpenId, Option<TraceContext>)> {
        let mut here = self.here();
        while let Some(id) = here.innermost() {
            if !id.is_sampled() {
                return Some((id, None));
            }
            if let Some(context) = self.context(id) {
                return Some((id, Some(context)));
            }
            here.leave_innermost();
        }
        None
    }

    fn context(&self, id: OpenId) -> Option<TraceContext> {
        self.open.lock(id).get(id).map(|open| open.context.clone())
    }

    /// The context of the first span of a trace.
    fn root(&self) -> TraceContext {
        let trace = self.lean.trace_id();
        let is_kept = self.sampler.is_some_and(|threshold| keep(threshold, random(trace)));
        let flags = if is_kept { Flags::RANDOM.with(Flags::SAMPLED) } else { Flags::RANDOM };
        TraceContext::root(trace, self.lean.span_id(), flags)
    }

    // ANCHOR: begin
    fn begin(&self, caller: Option<&TraceContext>, attributes: &Attributes<'_>) -> Id {
        let own = match caller {
            Some(caller) if !caller.flags.has(Flags::SAMPLED) => caller.clone(),
            Some(caller) => caller.child(self.lean.span_id()),
            None => self.root(),
        };
        let record = own.flags.has(Flags::SAMPLED).then(|| {
            let (parent, name) = (caller.map(|caller| caller.span), attributes.metadata().name());
            let mut record = self.lean.record(own.trace, own.span, parent, name);
            attributes.record(&mut Fields(|name, value| record.set(name, value)));
            record
        });
        self.open.insert(self.thread().shard, own, record).into()
    }
    // ANCHOR_END: begin
}

impl Subscriber for LeanSubscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level && (metadata.is_span() || *metadata.level() == Level::ERROR)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        if let Some(caller) = caller(attributes) {
            return self.begin(Some(&caller), attributes);
        }
        let named = |id: OpenId| (id, id.is_sampled().then(|| self.context(id)).flatten());
        let named = || attributes.parent().map(|id| named(OpenId::of(id)));
        let parent = if attributes.is_contextual() { self.innermost() } else { named() };
        match parent {
            Some((id, _)) if !id.is_sampled() => {
                self.here().refer(id, &self.open);
                id.into()
            }
            Some((_, context)) => self.begin(context.as_ref(), attributes),
            None => self.begin(None, attributes),
        }
    }

    fn record(&self, span: &Id, values: &Values<'_>) {
        // Values may be formatted by code that makes spans itself, so no lock is held meanwhile.
        let mut fields = Vec::new();
        values.record(&mut Fields(|name, value| fields.push((name, value))));
        let id = OpenId::of(span);
        if let Some(Open { record: Some(record), .. }) = self.open.lock(id).get(id) {
            fields.into_iter().for_each(|(name, value)| record.set(name, value));
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let named = || event.parent().map(OpenId::of);
        let innermost = || self.innermost().map(|(id, _)| id);
        let span = if event.is_contextual() { innermost() } else { named() };
        let Some(id) = span.filter(|id| id.is_sampled()) else { return };
        if *event.metadata().level() == Level::ERROR
            && let Some(Open { record: Some(record), .. }) = self.open.lock(id).get(id)
        {
            record.has_failed = true;
        }
    }

    fn enter(&self, span: &Id) {
        self.here().enter(OpenId::of(span), &self.open);
    }

    fn exit(&self, span: &Id) {
        self.here().exit(OpenId::of(span), &self.open);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.here().refer(OpenId::of(id), &self.open);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let closed = self.here().close(OpenId::of(&id), &self.open);
        let is_closed = closed.is_some();
        if let Some(record) = closed.and_then(|open| open.record) {
            self.lean.end(record);
        }
        is_closed
    }
}

/// The caller that a span names in its fields, if it can be believed.
fn caller(attributes: &Attributes<'_>) -> Option<TraceContext> {
    attributes.metadata().fields().field(CALLER[0])?;
    let mut headers = Headers(Vec::new());
    attributes.record(&mut headers);
    let headers: Vec<Header<'_>> =
        headers.0.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    TraceContext::extract(&headers).ok().flatten()
}

struct Headers(Vec<(&'static str, String)>);

impl Visit for Headers {
    fn record_str(&mut self, field: &Field, value: &str) {
        if CALLER.contains(&field.name()) {
            self.0.push((field.name(), value.to_owned()));
        }
    }

    /// Headers are text.
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// Hands on the fields of a span, but for those that name a caller.
struct Fields<F>(F);

impl<F: FnMut(&'static str, Plain)> Fields<F> {
    fn set(&mut self, field: &Field, value: impl Into<Plain>) {
        if !CALLER.contains(&field.name()) {
            (self.0)(field.name(), value.into());
        }
    }
}

impl<F: FnMut(&'static str, Plain)> Visit for Fields<F> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.set(field, value),
            Err(_) => self.record_debug(field, &value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}").as_str());
    }
}

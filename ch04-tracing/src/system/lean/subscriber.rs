//! The macros of `tracing` on the lean path: `info_span!` makes spans without a registry behind it.
//!
//! Which span is entered on a thread, only that thread knows; so that takes no lock. The open spans are in
//! shards, one for each thread as long as there are few of them, because a span may end on another thread
//! than the one that began it. What is below a span that is not sampled has that span's id: a new reference,
//! and nothing else.
//!
//! A span with a field `traceparent` (and perhaps `tracestate`) is a child of the span that these headers
//! name. An event of level `ERROR` says that the span around it does not end well.
//!
//! # Left out
//!
//! Events as such, and `follows_from`. A bound for open spans: those are as many as the program has work.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thread_local::ThreadLocal;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Level, Metadata, Subscriber};

use super::{Lean, Plain, Record};
use crate::context::{Flags, Header, TraceContext};
use crate::step6_sampling::{Threshold, keep, random};

const SHARDS: usize = 64;
/// The fields that name a caller.
const CALLER: [&str; 2] = ["traceparent", "tracestate"];

/// Takes the spans of `tracing`'s macros.
pub struct LeanSubscriber {
    lean: Arc<Lean>,
    sampler: Option<Threshold>,
    level: LevelFilter,
    shards: [Mutex<Shard>; SHARDS],
    threads: ThreadLocal<Thread>,
    /// How many threads there were.
    seen: AtomicUsize,
}

struct Thread {
    shard: usize,
    /// The spans that are entered here, the innermost one last.
    entered: RefCell<Vec<u64>>,
}

/// Open spans, by place.
#[derive(Default)]
struct Shard {
    places: Vec<Option<Open>>,
    free: Vec<usize>,
}

struct Open {
    references: usize,
    context: TraceContext,
    /// None if it is not sampled.
    record: Option<Box<Record>>,
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
        let shards = std::array::from_fn(|_| Mutex::default());
        let (threads, seen) = (ThreadLocal::new(), AtomicUsize::new(0));
        Self { lean, sampler, level, shards, threads, seen }
    }

    /// What a call that is made now, on this thread, has to carry. None outside of all spans, and if another
    /// subscriber is in use.
    #[must_use]
    pub fn current() -> Option<TraceContext> {
        tracing::dispatcher::get_default(|dispatch| {
            let this = dispatch.downcast_ref::<Self>()?;
            let id = this.entered()?;
            this.shard(id).open(id).map(|open| open.context.clone())
        })
    }

    /// How many spans have begun and are not at their end; those that share one, because they are not
    /// sampled, count as one.
    #[must_use]
    pub fn open(&self) -> usize {
        let of = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.places.len() - shard.free.len()
        };
        self.shards.iter().map(of).sum()
    }

    fn thread(&self) -> &Thread {
        self.threads.get_or(|| {
            let shard = self.seen.fetch_add(1, Ordering::Relaxed) % SHARDS;
            Thread { shard, entered: RefCell::default() }
        })
    }

    fn entered(&self) -> Option<u64> {
        self.thread().entered.borrow().last().copied()
    }

    /// That of an id: an id is `place * SHARDS + shard + 1`.
    fn shard(&self, id: u64) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[(id - 1) as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
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
        let at = self.thread().shard;
        let mut shard = self.shard(at as u64 + 1);
        let place = shard.insert(Open { references: 1, context: own, record });
        Id::from_u64((place * SHARDS + at) as u64 + 1)
    }
    // ANCHOR_END: begin
}

impl Shard {
    fn place(id: u64) -> usize {
        (id - 1) as usize / SHARDS
    }

    fn insert(&mut self, open: Open) -> usize {
        let Some(place) = self.free.pop() else {
            self.places.push(Some(open));
            return self.places.len() - 1;
        };
        self.places[place] = Some(open);
        place
    }

    fn open(&mut self, id: u64) -> Option<&mut Open> {
        self.places.get_mut(Self::place(id))?.as_mut()
    }

    /// Gives one reference back; the last one takes the span out.
    fn close(&mut self, id: u64) -> Option<Open> {
        let open = self.open(id)?;
        open.references -= 1;
        if open.references > 0 {
            return None;
        }
        self.free.push(Self::place(id));
        self.places[Self::place(id)].take()
    }
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
        let explicit = attributes.parent().map(Id::into_u64);
        let parent = if attributes.is_contextual() { self.entered() } else { explicit };
        let Some(parent) = parent else { return self.begin(None, attributes) };
        let mut shard = self.shard(parent);
        let context = match shard.open(parent) {
            Some(open) if open.record.is_none() => {
                open.references += 1;
                return Id::from_u64(parent);
            }
            open => open.map(|open| open.context.clone()),
        };
        drop(shard);
        self.begin(context.as_ref(), attributes)
    }

    fn record(&self, span: &Id, values: &Values<'_>) {
        // Values may be formatted by code that makes spans itself, so no lock is held meanwhile.
        let mut fields = Vec::new();
        values.record(&mut Fields(|name, value| fields.push((name, value))));
        let id = span.into_u64();
        if let Some(Open { record: Some(record), .. }) = self.shard(id).open(id) {
            fields.into_iter().for_each(|(name, value)| record.set(name, value));
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let explicit = event.parent().map(Id::into_u64);
        let span = if event.is_contextual() { self.entered() } else { explicit };
        let Some(id) = span else { return };
        if *event.metadata().level() == Level::ERROR
            && let Some(Open { record: Some(record), .. }) = self.shard(id).open(id)
        {
            record.has_failed = true;
        }
    }

    fn enter(&self, span: &Id) {
        self.thread().entered.borrow_mut().push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let mut entered = self.thread().entered.borrow_mut();
        if let Some(place) = entered.iter().rposition(|id| *id == span.into_u64()) {
            entered.remove(place);
        }
    }

    fn clone_span(&self, id: &Id) -> Id {
        if let Some(open) = self.shard(id.into_u64()).open(id.into_u64()) {
            open.references += 1;
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let closed = self.shard(id.into_u64()).close(id.into_u64());
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

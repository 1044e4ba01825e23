//! What a process does for requests, as spans.
//!
//! A driver knows which input came under which context, and what it caused ([`lab::run::Tracer`]). Here that
//! becomes spans: one for each request that comes from outside, and one for each message that a node takes
//! for it. The parent of a span is the span whose message it took, so no node has to know about tracing.
//!
//! # Left out
//!
//! The cause of a timer: a driver knows none that is right. What most timers cause has no spans; some begin a
//! trace of their own ([`Spans::beginning_with`]). The last answer that a request waited for, if it asked more than
//! once: the rule of thumb finds it.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use lab::rng::Rng;
use lab::run::{Context, Done, Tracer};

use super::exporter::Exporter;
use super::now;
use super::recorder::{self, Found, Recorder, RecorderError};
use super::share::Share;
use crate::analysis::critical_path::{ENDED_AFTER, edge, name};
use crate::context::{Flags, Header, TraceContext};
use crate::redact::{clean, redact};
use crate::types::{Kind, Link, Span, SpanId, Status, TraceId, Value};

/// Takes spans.
pub(super) trait Sink: Send + Sync {
    /// One begins, and nobody has learned of it yet.
    fn began(&self, span: &Span);

    /// One has ended. It must not wait.
    fn take(&self, span: Span);

    /// There are no more. It waits for what is under way, and not for long.
    fn close(&self);
}

/// As long a role that ends waits for the collector.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// Sends spans to a collector; with a flight recorder, writes them down before that.
pub(super) struct Recorded {
    exporter: Exporter,
    recorder: Option<Recorder>,
}

impl Recorded {
    /// With a flight recorder in a file, what the last process left in there is sent first.
    pub(super) fn new(exporter: Exporter, file: Option<&Path>) -> Self {
        let recorder = file.and_then(|file| {
            let opened = Recorder::open(file, recorder::SLOTS);
            let why = |why: &RecorderError| tracing::error!(%why, "no flight recorder");
            let (recorder, found) = opened.inspect_err(why).ok()?;
            if found.written > 0 {
                let (ended, unfinished) = (found.ended.len(), found.unfinished.len());
                let Found { torn, overwritten, .. } = found;
                tracing::warn!(ended, unfinished, torn, overwritten, "spans of a killed process");
            }
            exporter.send_found(found.unfinished.into_iter().chain(found.ended));
            Some(recorder)
        });
        Self { exporter, recorder }
    }
}

impl Sink for Recorded {
    fn began(&self, span: &Span) {
        if let Some(recorder) = &self.recorder {
            recorder.began(span);
        }
    }

    fn take(&self, span: Span) {
        if let Some(recorder) = &self.recorder {
            recorder.ended(&span);
        }
        self.exporter.record(span);
    }

    fn close(&self) {
        let ledger = self.exporter.shutdown(FLUSH_WITHIN);
        if ledger.stored < ledger.created {
            tracing::warn!(dropped = ?ledger.dropped, stored = ledger.stored, "spans were lost");
        } else if let Some(recorder) = &self.recorder {
            recorder.clear(ledger.stored);
        }
    }
}

/// Makes spans, and hands them on when they are finished.
pub(super) struct Spans {
    sink: Box<dyn Sink>,
    /// Ids are drawn, so that processes need not agree on them.
    ids: Mutex<Rng>,
    open: Mutex<HashMap<SpanId, Open>>,
    /// The open request that each first step of one is for: a driver tells of answers by that step.
    requests: Mutex<HashMap<SpanId, SpanId>>,
    /// What the timers are called that begin a trace.
    timers: Vec<String>,
    /// Which of the traces that begin here are recorded.
    share: Share,
}

struct Open {
    span: Span,
    /// A clock that is set goes back; this one does not.
    began: Instant,
    /// The first step of a request.
    step: Option<SpanId>,
    /// It has asked again, here or in another process: then nobody here knows which answer was its last.
    asks_more: bool,
    /// The span that answered a request.
    answered_by: Option<Link>,
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spans").finish_non_exhaustive()
    }
}

const LOCK: &str = "no thread panics with this lock held";

impl Spans {
    /// Ids are drawn from `seed`: another one in each process and at each start.
    pub(super) fn new(seed: u64, sink: impl Sink + 'static) -> Self {
        let sink = Box::new(sink);
        let (open, requests) = (Mutex::default(), Mutex::default());
        let (ids, timers, share) = (Mutex::new(Rng::new(seed)), Vec::new(), Share::all());
        Self { sink, ids, open, requests, timers, share }
    }

    /// Where one of these timers runs out, a trace begins.
    pub(super) fn beginning_with(self, timers: Vec<String>) -> Self {
        Self { timers, ..self }
    }

    /// Of the traces that begin here, only a share is recorded. A caller decides for its own requests.
    pub(super) fn recording(self, share: Share) -> Self {
        Self { share, ..self }
    }

    /// A new id; never 0.
    fn span_id(&self) -> SpanId {
        SpanId(self.ids.lock().expect(LOCK).next_u64().max(1))
    }

    fn trace_id(&self) -> TraceId {
        let mut ids = self.ids.lock().expect(LOCK);
        TraceId((u128::from(ids.next_u64()) << 64 | u128::from(ids.next_u64())).max(1))
    }

    /// If this cause is a request that is open here, then it asks by this step.
    fn asks(&self, cause: SpanId, step: SpanId) {
        if let Some(open) = self.open.lock().expect(LOCK).get_mut(&cause)
            && open.span.kind == Kind::Server
        {
            open.asks_more |= open.step.is_some();
            if open.step.is_none() {
                open.step = Some(step);
                self.requests.lock().expect(LOCK).insert(step, cause);
            }
        }
    }

    /// The request that began with this step ends as soon as that span has answered it.
    fn waited_for(&self, step: SpanId, by: Link) {
        let request = self.requests.lock().expect(LOCK).get(&step).copied();
        let mut open = self.open.lock().expect(LOCK);
        if let Some(open) = request.and_then(|request| open.get_mut(&request)) {
            open.answered_by = Some(by);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a span is timed by the real clock")]
    fn begin(&self, mut span: Span) {
        clean(&mut span);
        self.sink.began(&span);
        let (began, step, answered_by) = (Instant::now(), None, None);
        let open = Open { span, began, step, asks_more: false, answered_by };
        self.open.lock().expect(LOCK).insert(open.span.id, open);
    }
}

/// A span that has begun.
fn span(
    context: &TraceContext,
    parent: Option<SpanId>,
    kind: Kind,
    role: &str,
    name: &str,
) -> Span {
    let start = now();
    Span {
        trace: context.trace,
        id: context.span,
        parent,
        links: Vec::new(),
        service: role.into(),
        name: name.into(),
        kind,
        start,
        end: start,
        status: Status::Unset,
        attributes: Vec::new(),
    }
}

/// As it travels in frames.
fn framed(context: &TraceContext) -> Context {
    Context::new(context.to_frame().as_bytes()).expect("a frame has at most 64 bytes")
}

fn read(context: &Context) -> Option<TraceContext> {
    TraceContext::from_frame(context.as_bytes()).ok()
}

impl Tracer for Spans {
    fn request(
        &self,
        role: &str,
        what: &str,
        headers: &mut dyn Iterator<Item = (&str, &str)>,
    ) -> Context {
        let headers: Vec<Header<'_>> =
            headers.map(|(name, value)| (name, value.as_bytes())).collect();
        let caller = TraceContext::extract(&headers).ok().flatten();
        let parent = caller.as_ref().map(|caller| caller.span);
        let context = match caller {
            Some(caller) => caller.child(self.span_id()),
            None => self.share.root(self.trace_id(), self.span_id()),
        };
        if context.flags.has(Flags::SAMPLED) {
            self.begin(span(&context, parent, Kind::Server, role, what));
        }
        framed(&context)
    }

    fn headers(&self, context: &Context) -> Vec<(&'static str, String)> {
        let Some(context) = read(context) else { return Vec::new() };
        if context.flags.has(Flags::SAMPLED)
            && let Some(open) = self.open.lock().expect(LOCK).get_mut(&context.span)
        {
            open.asks_more = true;
        }
        context.headers().collect()
    }

    fn is_told(&self, context: &Context) -> bool {
        TraceContext::is_sampled_frame(context.as_bytes())
    }

    // ANCHOR: step
    fn step(&self, role: &str, what: &str, context: &Context) -> Context {
        let Some(cause) = read(context).filter(|cause| cause.flags.has(Flags::SAMPLED)) else {
            return *context;
        };
        let own = cause.child(self.span_id());
        // A name that is the same for all messages of a kind, so that they can be counted.
        let name = what.split([' ', ':', ';']).next().unwrap_or(what);
        let mut span = span(&own, Some(cause.span), Kind::Consumer, role, name);
        span.attributes.push(("message".into(), Value::Text(what.into())));
        self.begin(span);
        self.asks(cause.span, own.span);
        framed(&own)
    }
    // ANCHOR_END: step

    fn timeout(&self, role: &str, timer: &str) -> Context {
        if !self.timers.iter().any(|name| name == timer) {
            return Context::default();
        }
        let context = self.share.root(self.trace_id(), self.span_id());
        if context.flags.has(Flags::SAMPLED) {
            self.begin(span(&context, None, Kind::Internal, role, timer));
        }
        framed(&context)
    }

    fn end(&self, context: &Context, done: &Done) {
        let Some(own) = read(context) else { return };
        let Some(open) = self.open.lock().expect(LOCK).remove(&own.span) else { return };
        if let Some(step) = open.step {
            self.requests.lock().expect(LOCK).remove(&step);
        }
        let mut span = open.span;
        let took = u64::try_from(open.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        span.end = span.start.saturating_add(took);
        for (name, count) in [("records", done.records), ("messages", done.messages)] {
            if count > 0 {
                span.attributes.push((name.into(), Value::Int(count.cast_signed())));
            }
        }
        if let Some(why) = &done.error {
            span.status = Status::Error(redact(why));
        }
        // Long ids look like secrets, and these are our own.
        let last = open.answered_by.filter(|_| !open.asks_more);
        let edge = last.map(|by| (ENDED_AFTER.into(), edge(by)));
        span.attributes.extend(edge);
        self.sink.take(span);
    }

    /// Where the answer comes from another trace, several requests were answered by one piece of work: the
    /// first of them caused it, and has it in its trace. The others get a span with a link to it.
    fn answered(&self, role: &str, asked: &Context, by: &Context) {
        let (Some(asked), Some(by)) = (read(asked), read(by)) else { return };
        if asked.trace == by.trace {
            self.waited_for(asked.span, Link { trace: by.trace, span: by.span });
            return;
        }
        if !asked.flags.has(Flags::SAMPLED) {
            return;
        }
        let own = asked.child(self.span_id());
        let mut span = span(&own, Some(asked.span), Kind::Internal, role, "answered with others");
        span.links.push(Link { trace: by.trace, span: by.span });
        self.waited_for(asked.span, name(&span));
        self.sink.take(span);
    }

    fn close(&self) {
        self.sink.close();
    }
}

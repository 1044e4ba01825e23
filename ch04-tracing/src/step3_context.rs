//! Step 3: each message says which piece of work sent it.
//!
//! A *span* is one piece of work. Its *context* is two ids: that of its trace, and its own. A message
//! carries the context of the span that sends it, and the span that receives it names that one as its
//! parent. Nothing is guessed: an edge is there because it was carried.
//!
//! A batch has many causes and one duration. It is a trace of its own with a *link* to each of them, and
//! each request pays for its share of the time. The shares add up to the whole, to the nanosecond.
//!
//! # Left out
//!
//! How a context looks in a header, and what a process does with one that it cannot read.

use std::collections::BTreeMap;

use crate::types::{Link, Span, SpanId, Status, TraceId, Value};
use crate::workload::judge::Found;
use crate::workload::{Arrived, Run, Seen};

// ANCHOR: context
/// What a message carries: which trace it belongs to, and which span sent it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Context {
    /// The trace.
    pub trace: TraceId,
    /// The span that sends.
    pub span: SpanId,
}
// ANCHOR_END: context

/// Where a new span stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Itself, as it goes into the messages that it sends.
    pub context: Context,
    /// Its only cause.
    pub parent: Option<SpanId>,
    /// Its causes, where there are several.
    pub links: Vec<Link>,
}

// ANCHOR: receive
/// The place of a span that begins with what arrived; `fresh` is an id that no span has.
#[must_use]
pub fn receive(arrived: &Arrived<'_, Context>, fresh: u64) -> Place {
    let span = SpanId(fresh);
    let new_trace = Context { trace: TraceId(fresh.into()), span };
    match arrived {
        Arrived::Edge => Place { context: new_trace, parent: None, links: Vec::new() },
        Arrived::Call(from) => {
            let context = Context { trace: from.trace, span };
            Place { context, parent: Some(from.span), links: Vec::new() }
        }
        Arrived::Batch(causes) | Arrived::Log(causes) => {
            let link = |from: &&Context| Link { trace: from.trace, span: from.span };
            Place { context: new_trace, parent: None, links: causes.iter().map(link).collect() }
        }
    }
}
// ANCHOR_END: receive

// ANCHOR: shares
/// Divides what a batch took among `k` requests. The shares add up to the whole: the first ones have
/// a nanosecond more where it cannot be divided.
pub fn shares(whole: u64, k: u64) -> impl Iterator<Item = u64> {
    (0..k).map(move |i| whole / k + u64::from(i < whole % k))
}
// ANCHOR_END: shares

/// The spans of a run, in the order of its works.
#[must_use]
pub fn spans(run: &Run) -> Vec<Span> {
    spans_by(run, receive)
}

/// The same, if a span gets its place in another way.
pub(crate) fn spans_by(
    run: &Run,
    receive: impl Fn(&Arrived<'_, Context>, u64) -> Place,
) -> Vec<Span> {
    let mut next = 0;
    let mut places = Vec::with_capacity(run.works.len());
    let _ = run.carry(|_, arrived| {
        next += 1;
        let place = receive(&arrived, next);
        let context = place.context;
        places.push(place);
        context
    });
    run.works.iter().zip(places).map(|(work, place)| span(&work.seen, place)).collect()
}

fn span(seen: &Seen, place: Place) -> Span {
    let peer = seen.peer.map(|peer| ("peer".to_owned(), Value::Text(peer.to_string())));
    Span {
        trace: place.context.trace,
        id: place.context.span,
        parent: place.parent,
        links: place.links,
        service: seen.process.to_string(),
        name: seen.what.to_string(),
        kind: seen.kind,
        start: seen.start,
        end: seen.end,
        status: Status::Unset,
        attributes: peer.into_iter().collect(),
    }
}

/// What each trace pays for the batches that it was in, in ns.
#[must_use]
pub fn paid(spans: &[Span]) -> BTreeMap<TraceId, u64> {
    let mut paid = BTreeMap::new();
    for batch in spans.iter().filter(|span| !span.links.is_empty()) {
        let parts = shares(batch.end - batch.start, batch.links.len() as u64);
        for (link, part) in batch.links.iter().zip(parts) {
            *paid.entry(link.trace).or_default() += part;
        }
    }
    paid
}

/// What the spans of a run say about it: parents and links, and no more.
#[must_use]
pub fn found(spans: &[Span]) -> Found {
    let places: BTreeMap<SpanId, usize> = spans.iter().map(|span| span.id).zip(0..).collect();
    let causes = |span: &Span| {
        let links = span.links.iter().map(|link| link.span);
        span.parent.into_iter().chain(links).filter_map(|id| places.get(&id).copied()).collect()
    };
    spans.iter().map(causes).collect()
}

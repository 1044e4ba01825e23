//! What follows from the spans of a trace.

mod clocks;
mod graph;
mod paths;

use ch04_tracing::analysis::critical_path::{BEGAN_AFTER, ENDED_AFTER, edge};
use ch04_tracing::types::{Kind, Link, Span, SpanId, Status, TraceId, Value};
use proptest::prelude::*;

/// A span of trace 1; a parent of 0 is none.
fn span(id: u64, parent: u64, service: &str, kind: Kind, times: [u64; 2]) -> Span {
    Span {
        trace: TraceId(1),
        id: SpanId(id),
        parent: (parent > 0).then_some(SpanId(parent)),
        links: vec![],
        service: service.into(),
        name: "work".into(),
        kind,
        start: times[0],
        end: times[1],
        status: Status::Unset,
        attributes: vec![],
    }
}

/// Spans that name each other without sense: circles, ids that are used twice, parents that are missing, times
/// at both ends of the range.
fn any_spans() -> impl Strategy<Value = Vec<Span>> {
    let kinds = prop_oneof![Just(Kind::Client), Just(Kind::Server), Just(Kind::Consumer)];
    let time = || prop_oneof![0..100u64, Just(u64::MAX)];
    let one =
        (1..6u64, 0..7u64, "[abc]", kinds, time(), time(), 0..7u64, 0..7u64, "[0-9a-f-]{0,50}");
    let one = one.prop_map(|(id, parent, service, kind, a, b, begin, end, text)| {
        let name = |span| Link { trace: TraceId(1), span: SpanId(span) };
        let mut span = span(id, parent, &service, kind, [a.min(b), a.max(b)]);
        span.links = vec![name(begin)];
        let value = if end == 0 { Value::Text(text) } else { edge(name(end)) };
        span.attributes =
            vec![(ENDED_AFTER.into(), value), (BEGAN_AFTER.into(), edge(name(begin)))];
        if id % 2 == 0 {
            span.attributes.clear();
        }
        span
    });
    proptest::collection::vec(one, 1..12)
}

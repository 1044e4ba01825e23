//! From OTLP's messages to our spans, with limits, and back.
//!
//! What a span says beyond a limit is left out and counted on the span itself, under the names that
//! OpenTelemetry gives such counts. A span without valid ids is refused, since nothing could find it again.
//! What has no place in a [`Span`] of ours becomes an attribute: an event as `event.<name>`, a map with its
//! time; the trace state as `w3c.tracestate`.
//!
//! # Left out
//!
//! All attributes of a process but four, and the scope. Attributes, flags and state of links.

use crate::types::{Kind, Link, Span, SpanId, Status, TraceId, Value};

use super::wire;

/// As many attributes, events and links of a span are kept each, and as many values of a list.
pub const MAX_ATTRIBUTES: usize = 128;
/// As many bytes of a text or of raw bytes are kept.
pub const MAX_VALUE: usize = 4096;
/// As many bytes of a name or key are kept.
pub const MAX_NAME: usize = 256;
/// Values in values, so deep.
const MAX_DEPTH: usize = 8;

/// How many attributes or events are missing.
pub const DROPPED_ATTRIBUTES: &str = "otel.dropped_attributes_count";
/// How many links are missing.
pub const DROPPED_LINKS: &str = "otel.dropped_links_count";
const TRACE_STATE: &str = "w3c.tracestate";
const SERVICE: &str = "service.name";
/// What is kept of a process besides its name.
const OF_PROCESS: [&str; 4] =
    ["service.instance.id", "service.version", "host.name", "process.pid"];

/// As many bytes of each.
const MAX_OF_PROCESS: usize = 128;

/// What arrived.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Received {
    /// The spans that can be stored.
    pub spans: Vec<Span>,
    /// How many have no valid ids.
    pub refused: usize,
}

/// Reads the spans of a request.
#[must_use]
pub fn received(request: wire::Request) -> Received {
    let mut received = Received::default();
    for group in request.resource_spans {
        let process = group.resource.unwrap_or_default().attributes;
        let service = process.iter().find(|attribute| attribute.key == SERVICE);
        let service = match service.and_then(|a| a.value.as_ref()?.value.as_ref()) {
            Some(wire::Value::String(name)) if !name.is_empty() => cut(name.clone(), MAX_NAME),
            _ => "unknown_service".to_owned(),
        };
        let of_process: Vec<_> = process
            .into_iter()
            .filter(|attribute| OF_PROCESS.contains(&attribute.key.as_str()))
            .take(OF_PROCESS.len())
            .filter_map(|attribute| Some((attribute.key, short(attribute.value?)?)))
            .collect();
        for wire in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            match span(wire, &service, &of_process) {
                Some(span) => received.spans.push(span),
                None => received.refused += 1,
            }
        }
    }
    received
}

/// What is said of a process is kept with each of its spans, so it is short.
fn short(value: wire::AnyValue) -> Option<Value> {
    match value.value? {
        wire::Value::String(text) => Some(Value::Text(cut(text, MAX_OF_PROCESS))),
        wire::Value::Int(number) => Some(Value::Int(number)),
        _ => None,
    }
}

fn span(wire: wire::Span, service: &str, of_process: &[(String, Value)]) -> Option<Span> {
    let trace = trace_id(&wire.trace_id)?;
    let id = span_id(&wire.span_id)?;
    let parent = match wire.parent_span_id.as_slice() {
        // Some exporters write a parent of zeros where there is none.
        [] | [0, 0, 0, 0, 0, 0, 0, 0] => None,
        bytes => Some(span_id(bytes)?),
    };
    let mut dropped =
        u64::from(wire.dropped_attributes_count) + u64::from(wire.dropped_events_count);
    dropped += over(wire.attributes.len()) + over(wire.events.len());
    let mut dropped_links = u64::from(wire.dropped_links_count) + over(wire.links.len());
    let mut attributes = pairs(wire.attributes, 0);
    attributes.extend(wire.events.into_iter().take(MAX_ATTRIBUTES).map(event));
    attributes.extend_from_slice(of_process);
    if !wire.trace_state.is_empty() {
        attributes.push((TRACE_STATE.into(), Value::Text(cut(wire.trace_state, MAX_VALUE))));
    }
    let mut links = Vec::new();
    for link in wire.links.into_iter().take(MAX_ATTRIBUTES) {
        match (trace_id(&link.trace_id), span_id(&link.span_id)) {
            (Some(trace), Some(span)) => links.push(Link { trace, span }),
            _ => dropped_links += 1,
        }
    }
    for (key, count) in [(DROPPED_ATTRIBUTES, dropped), (DROPPED_LINKS, dropped_links)] {
        if count > 0 {
            attributes.push((key.into(), Value::Int(i64::try_from(count).unwrap_or(i64::MAX))));
        }
    }
    let start = wire.start_time_unix_nano;
    Some(Span {
        trace,
        id,
        parent,
        links,
        service: service.to_owned(),
        name: cut(wire.name, MAX_NAME),
        kind: kind(wire.kind),
        start,
        // A clock that was set back during the span says nothing about how long it took.
        end: wire.end_time_unix_nano.max(start),
        status: status(wire.status),
        attributes,
    })
}

fn over(count: usize) -> u64 {
    count.saturating_sub(MAX_ATTRIBUTES) as u64
}

fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    let id = u128::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then_some(TraceId(id))
}

fn span_id(bytes: &[u8]) -> Option<SpanId> {
    let id = u64::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then_some(SpanId(id))
}

fn kind(kind: i32) -> Kind {
    match kind {
        2 => Kind::Server,
        3 => Kind::Client,
        4 => Kind::Producer,
        5 => Kind::Consumer,
        _ => Kind::Internal,
    }
}

fn status(status: Option<wire::SpanStatus>) -> Status {
    match status {
        Some(wire::SpanStatus { code: 1, .. }) => Status::Ok,
        Some(wire::SpanStatus { code: 2, message }) => Status::Error(cut(message, MAX_VALUE)),
        _ => Status::Unset,
    }
}

fn event(event: wire::Event) -> (String, Value) {
    let time = i64::try_from(event.time_unix_nano).unwrap_or(i64::MAX);
    let mut values = vec![("time".to_owned(), Value::Int(time))];
    values.extend(pairs(event.attributes, 1));
    (cut(format!("event.{}", event.name), MAX_NAME), Value::Map(values))
}

fn pairs(attributes: Vec<wire::KeyValue>, depth: usize) -> Vec<(String, Value)> {
    let kept = attributes.into_iter().take(MAX_ATTRIBUTES);
    kept.map(|attribute| (cut(attribute.key, MAX_NAME), value(attribute.value, depth))).collect()
}

fn value(any: Option<wire::AnyValue>, depth: usize) -> Value {
    match any.and_then(|any| any.value) {
        None => Value::Empty,
        Some(wire::Value::String(text)) => Value::Text(cut(text, MAX_VALUE)),
        Some(wire::Value::Bool(bool)) => Value::Bool(bool),
        Some(wire::Value::Int(number)) => Value::Int(number),
        Some(wire::Value::Double(number)) => Value::Float(number.to_bits()),
        Some(wire::Value::Bytes(mut bytes)) => {
            bytes.truncate(MAX_VALUE);
            Value::Bytes(bytes)
        }
        Some(wire::Value::Array(_) | wire::Value::Kvlist(_)) if depth >= MAX_DEPTH => Value::Empty,
        Some(wire::Value::Array(list)) => {
            let values = list.values.into_iter().take(MAX_ATTRIBUTES);
            Value::List(values.map(|any| value(Some(any), depth + 1)).collect())
        }
        Some(wire::Value::Kvlist(list)) => Value::Map(pairs(list.values, depth + 1)),
    }
}

/// At most so many bytes, and no half of a character.
fn cut(mut text: String, max: usize) -> String {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// Writes spans as the request that exports them, one group for each service in the order of their names.
#[must_use]
pub fn request<'a>(spans: impl IntoIterator<Item = &'a Span>) -> wire::Request {
    let mut by_service = std::collections::BTreeMap::<&str, Vec<wire::Span>>::new();
    for span in spans {
        by_service.entry(&span.service).or_default().push(to_wire(span));
    }
    let groups = by_service.into_iter().map(|(service, spans)| {
        let name = any(&Value::Text(service.to_owned()));
        let attributes = vec![wire::KeyValue { key: SERVICE.into(), value: Some(name) }];
        let resource = wire::Resource { attributes, dropped_attributes_count: 0 };
        let scope_spans = vec![wire::ScopeSpans { scope: None, spans }];
        wire::ResourceSpans { resource: Some(resource), scope_spans }
    });
    wire::Request { resource_spans: groups.collect() }
}

fn to_wire(span: &Span) -> wire::Span {
    let link = |link: &Link| wire::Link {
        trace_id: link.trace.0.to_be_bytes().into(),
        span_id: link.span.0.to_be_bytes().into(),
        ..wire::Link::default()
    };
    let (code, message) = match &span.status {
        Status::Unset => (0, ""),
        Status::Ok => (1, ""),
        Status::Error(why) => (2, why.as_str()),
    };
    let mut wire = wire::Span {
        trace_id: span.trace.0.to_be_bytes().into(),
        span_id: span.id.0.to_be_bytes().into(),
        parent_span_id: span.parent.map_or_else(Vec::new, |id| id.0.to_be_bytes().into()),
        name: span.name.clone(),
        kind: match span.kind {
            Kind::Internal => 1,
            Kind::Server => 2,
            Kind::Client => 3,
            Kind::Producer => 4,
            Kind::Consumer => 5,
        },
        start_time_unix_nano: span.start,
        end_time_unix_nano: span.end,
        links: span.links.iter().map(link).collect(),
        status: (code != 0).then(|| wire::SpanStatus { message: message.into(), code }),
        ..wire::Span::default()
    };
    for (key, value) in &span.attributes {
        match (key.as_str(), value) {
            (TRACE_STATE, Value::Text(state)) => wire.trace_state.clone_from(state),
            (DROPPED_ATTRIBUTES, Value::Int(n)) => wire.dropped_attributes_count = bounded(*n),
            (DROPPED_LINKS, Value::Int(n)) => wire.dropped_links_count = bounded(*n),
            _ => wire.attributes.push(key_value(key, value)),
        }
    }
    wire
}

fn bounded(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}

fn key_value(key: &str, value: &Value) -> wire::KeyValue {
    wire::KeyValue { key: key.to_owned(), value: Some(any(value)) }
}

fn any(value: &Value) -> wire::AnyValue {
    let value = match value {
        Value::Empty => None,
        Value::Text(text) => Some(wire::Value::String(text.clone())),
        Value::Bool(bool) => Some(wire::Value::Bool(*bool)),
        Value::Int(number) => Some(wire::Value::Int(*number)),
        Value::Float(bits) => Some(wire::Value::Double(f64::from_bits(*bits))),
        Value::Bytes(bytes) => Some(wire::Value::Bytes(bytes.clone())),
        Value::List(values) => {
            let values = values.iter().map(any).collect();
            Some(wire::Value::Array(wire::ArrayValue { values }))
        }
        Value::Map(pairs) => {
            let values = pairs.iter().map(|(key, value)| key_value(key, value)).collect();
            Some(wire::Value::Kvlist(wire::KeyValueList { values }))
        }
    };
    wire::AnyValue { value }
}

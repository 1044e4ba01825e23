//! What is known in memory about each span: enough to find its trace, and where on disk it stands.
//!
//! It is made new at each start, from the segments. So no file on disk can disagree with the spans.
//!
//! # Left out
//!
//! Bounds of its own: some 150 bytes per span, so retention bounds it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crc32c::{crc32c, crc32c_append};

use crate::types::{Kind, Span, SpanId, Status, TraceId, Value};

/// As many different names of services and operations are told apart; the rest is [`OTHER`].
const MAX_NAMES: usize = 1 << 17;
/// The name of what came after [`MAX_NAMES`] others.
pub const OTHER: &str = "(other)";

/// Where a span stands on disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) at: u64,
    pub(super) len: u32,
}

/// Names a span inside its trace. In B3 the two sides of a call share one id.
pub(super) type Key = (SpanId, bool);

pub(super) fn key(span: &Span) -> Key {
    (span.id, matches!(span.kind, Kind::Server | Kind::Consumer))
}

/// What is known about one span.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) parent: Option<SpanId>,
    pub(super) service: u32,
    pub(super) name: u32,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) is_error: bool,
    /// One bit for each attribute, by its hash: most spans without an attribute need not be read.
    pub(super) tags: u64,
    pub(super) place: Place,
}

/// The spans of a trace that arrived.
#[derive(Clone, Default, Debug)]
pub(super) struct Trace {
    /// When its first span began.
    first: u64,
    pub(super) spans: BTreeMap<Key, Known>,
}

impl Trace {
    pub(super) fn start(&self) -> u64 {
        self.spans.values().map(|span| span.start).min().unwrap_or(0)
    }

    pub(super) fn end(&self) -> u64 {
        self.spans.values().map(|span| span.end).max().unwrap_or(0)
    }
}

/// Texts that many spans share, each once.
#[derive(Default)]
struct Names {
    texts: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u32>,
}

impl Names {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let text: Arc<str> = if self.texts.len() < MAX_NAMES { text } else { OTHER }.into();
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).expect("at most MAX_NAMES and one");
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }
}

/// All that is known.
#[derive(Default)]
pub(super) struct Index {
    pub(super) traces: BTreeMap<TraceId, Trace>,
    /// By the begin of their first span.
    pub(super) by_start: BTreeSet<(u64, TraceId)>,
    /// How many spans there are of each operation of each service.
    operations: BTreeMap<u32, BTreeMap<u32, u64>>,
    names: Names,
    /// Which traces have spans in a segment.
    in_segment: BTreeMap<u64, BTreeSet<TraceId>>,
    spans: u64,
}

impl Index {
    pub(super) fn has(&self, span: &Span) -> bool {
        self.traces.get(&span.trace).is_some_and(|trace| trace.spans.contains_key(&key(span)))
    }

    pub(super) fn insert(&mut self, span: &Span, place: Place) {
        let service = self.names.number(&span.service);
        let name = self.names.number(&span.name);
        let known = Known {
            parent: span.parent,
            service,
            name,
            start: span.start,
            end: span.end,
            is_error: matches!(span.status, Status::Error(_)),
            tags: span.attributes.iter().map(|(key, value)| tag(key, value)).fold(0, |a, b| a | b),
            place,
        };
        let is_new = !self.traces.contains_key(&span.trace);
        let trace = self.traces.entry(span.trace).or_default();
        let first = trace.first;
        if is_new || span.start < first {
            self.by_start.remove(&(first, span.trace));
            self.by_start.insert((span.start, span.trace));
            trace.first = span.start;
        }
        if trace.spans.insert(key(span), known).is_none() {
            *self.operations.entry(service).or_default().entry(name).or_default() += 1;
            self.spans += 1;
        }
        self.in_segment.entry(place.segment).or_default().insert(span.trace);
    }

    /// Forgets all spans of a segment.
    pub(super) fn remove_segment(&mut self, segment: u64) {
        for id in self.in_segment.remove(&segment).unwrap_or_default() {
            let Some(mut trace) = self.traces.remove(&id) else { continue };
            self.by_start.remove(&(trace.first, id));
            for known in trace.spans.values().filter(|known| known.place.segment == segment) {
                self.spans -= 1;
                let of_service = self.operations.entry(known.service).or_default();
                let count = of_service.entry(known.name).or_default();
                *count = count.saturating_sub(1);
                if *count == 0 {
                    of_service.remove(&known.name);
                }
            }
            trace.spans.retain(|_, known| known.place.segment != segment);
            if !trace.spans.is_empty() {
                trace.first = trace.start();
                self.by_start.insert((trace.first, id));
                self.traces.insert(id, trace);
            }
        }
        self.operations.retain(|_, names| !names.is_empty());
    }

    pub(super) fn spans(&self) -> u64 {
        self.spans
    }

    pub(super) fn text(&self, number: u32) -> &str {
        &self.names.texts[number as usize]
    }

    /// None if no span has this name.
    pub(super) fn number(&self, text: &str) -> Option<u32> {
        self.names.numbers.get(text).copied()
    }

    pub(super) fn services(&self) -> BTreeSet<String> {
        self.operations.keys().map(|service| self.text(*service).to_owned()).collect()
    }

    pub(super) fn operations(&self, service: &str) -> BTreeSet<String> {
        let of_service = self.number(service).and_then(|service| self.operations.get(&service));
        let names = of_service.into_iter().flat_map(BTreeMap::keys);
        names.map(|name| self.text(*name).to_owned()).collect()
    }
}

/// The bit of an attribute.
pub(super) fn tag(key: &str, value: &Value) -> u64 {
    match value {
        // Nearly all are text, and every span that is stored comes by here.
        Value::Text(text) => tag_of(key, text),
        other => tag_of(key, &other.to_string()),
    }
}

pub(super) fn tag_of(key: &str, value: &str) -> u64 {
    1 << (crc32c_append(crc32c(key.as_bytes()), value.as_bytes()) % 64)
}

//! What is known in memory about each span: enough to find its trace, and where on disk it stands.
//!
//! It is made new at each start, from the segments. So no file on disk can disagree with the spans. Most
//! traces have few spans, so no trace has a map of its own: all spans are in one map, ordered by their
//! trace, and a trace is a range of it. One span takes at most [`BYTES_PER_SPAN`] of memory, and
//! `Options::spans` bounds how many there are.
//!
//! # Left out
//!
//! Forgetting names: there is a bound for them, and the names of deleted spans count.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
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
    pub(super) segment: u32,
    pub(super) at: u32,
    pub(super) len: u32,
}

/// Names a span. In B3 the two sides of a call share one id.
pub(super) type Key = (TraceId, SpanId, bool);

pub(super) fn key(span: &Span) -> Key {
    (span.trace, span.id, matches!(span.kind, Kind::Server | Kind::Consumer))
}

/// What is known about one span.
#[derive(Clone, Debug)]
pub(super) struct Known {
    parent: Option<NonZeroU64>,
    pub(super) service: u32,
    pub(super) name: u32,
    pub(super) start: u64,
    pub(super) end: u64,
    /// One bit for each attribute, by its hash: most spans without an attribute need not be read.
    pub(super) tags: u64,
    pub(super) place: Place,
    pub(super) is_error: bool,
}

impl Known {
    pub(super) fn parent(&self) -> Option<SpanId> {
        self.parent.map(|id| SpanId(id.get()))
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
    spans: BTreeMap<Key, Known>,
    /// When the first span of each trace began.
    traces: BTreeMap<TraceId, u64>,
    /// The same the other way round.
    by_start: BTreeSet<(u64, TraceId)>,
    /// How many spans there are of each operation of each service.
    operations: BTreeMap<(u32, u32), u64>,
    names: Names,
    /// Which traces have spans in a segment. A trace may be named several times.
    in_segment: BTreeMap<u32, Vec<TraceId>>,
}

/// What an entry of a `BTreeMap` takes at most. A node of the standard library's has room for 11 entries and
/// holds at least 5 of them; it has 16 bytes of its own, and one node in six has 12 pointers as well.
const fn entry<K, V>() -> usize {
    (11 * (size_of::<K>() + size_of::<V>()) + 16) / 5 + 4
}

/// As much memory a span takes at most, if it is the only one of its trace and of its operation. Names, and
/// the few entries for each segment, are not counted.
pub const BYTES_PER_SPAN: usize = entry::<Key, Known>()
    + entry::<TraceId, u64>()
    + entry::<(u64, TraceId), ()>()
    + entry::<(u32, u32), u64>()
    // A vector grows to twice its length.
    + 2 * size_of::<TraceId>();

impl Index {
    pub(super) fn has(&self, key: &Key) -> bool {
        self.spans.contains_key(key)
    }

    /// Of two spans with one key the first stays.
    pub(super) fn insert(&mut self, span: &Span, place: Place) {
        let service = self.names.number(&span.service);
        let name = self.names.number(&span.name);
        let known = Known {
            parent: span.parent.and_then(|id| NonZeroU64::new(id.0)),
            service,
            name,
            start: span.start,
            end: span.end,
            is_error: matches!(span.status, Status::Error(_)),
            tags: span.attributes.iter().map(|(key, value)| tag(key, value)).fold(0, |a, b| a | b),
            place,
        };
        let Entry::Vacant(place_of_span) = self.spans.entry(key(span)) else { return };
        place_of_span.insert(known);
        *self.operations.entry((service, name)).or_default() += 1;
        let first = self.traces.get(&span.trace).copied();
        if first.is_none_or(|first| span.start < first) {
            self.begins(span.trace, Some(span.start));
        }
        let traces = self.in_segment.entry(place.segment).or_default();
        if traces.last() != Some(&span.trace) {
            traces.push(span.trace);
        }
    }

    /// The first span of this trace begins then; none if it has no span any more.
    fn begins(&mut self, trace: TraceId, at: Option<u64>) {
        let before = match at {
            Some(at) => self.traces.insert(trace, at),
            None => self.traces.remove(&trace),
        };
        if let Some(before) = before {
            self.by_start.remove(&(before, trace));
        }
        self.by_start.extend(at.map(|at| (at, trace)));
    }

    /// Forgets all spans of a segment.
    pub(super) fn remove_segment(&mut self, segment: u32) {
        let mut traces = self.in_segment.remove(&segment).unwrap_or_default();
        traces.sort_unstable();
        traces.dedup();
        for trace in traces {
            let of_segment = self.of_trace(trace).filter(|(_, span)| span.place.segment == segment);
            let keys: Vec<Key> = of_segment.map(|(key, _)| *key).collect();
            for key in keys {
                let Some(known) = self.spans.remove(&key) else { continue };
                let operation = (known.service, known.name);
                let left = self.operations.get_mut(&operation).map(|count| {
                    *count -= 1;
                    *count
                });
                if left == Some(0) {
                    self.operations.remove(&operation);
                }
            }
            let first = self.of_trace(trace).map(|(_, span)| span.start).min();
            self.begins(trace, first);
        }
    }

    /// How many spans there are.
    pub(super) fn spans(&self) -> usize {
        self.spans.len()
    }

    // ANCHOR: of_trace
    /// The spans of a trace, by their ids.
    pub(super) fn of_trace(&self, trace: TraceId) -> impl Iterator<Item = (&Key, &Known)> {
        self.spans.range((trace, SpanId(0), false)..=(trace, SpanId(u64::MAX), true))
    }
    // ANCHOR_END: of_trace

    /// The traces that began in this time, newest first.
    pub(super) fn began(&self, from: u64, to: u64) -> impl Iterator<Item = TraceId> {
        let range = || self.by_start.range((from, TraceId(0))..=(to, TraceId(u128::MAX)));
        // A map panics at a range that ends before it begins.
        let range = (from <= to).then(range);
        range.into_iter().flatten().rev().map(|(_, trace)| *trace)
    }

    pub(super) fn text(&self, number: u32) -> &str {
        &self.names.texts[number as usize]
    }

    /// None if no span has this name.
    pub(super) fn number(&self, text: &str) -> Option<u32> {
        self.names.numbers.get(text).copied()
    }

    pub(super) fn services(&self) -> BTreeSet<String> {
        self.operations.keys().map(|(service, _)| self.text(*service).to_owned()).collect()
    }

    pub(super) fn operations(&self, service: &str) -> BTreeSet<String> {
        let Some(service) = self.number(service) else { return BTreeSet::new() };
        let of_service = self.operations.range((service, 0)..=(service, u32::MAX));
        of_service.map(|((_, name), _)| self.text(*name).to_owned()).collect()
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

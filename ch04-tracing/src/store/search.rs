//! Finding traces: by what is in memory first, by what is on disk only for attributes.
//!
//! A trace is found if *one* of its spans is all that is asked for. Newest traces come first.
//!
//! # Left out
//!
//! An index of attributes: a search for one reads spans, at most [`MAX_READ`] of them, and says if it had to
//! stop there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde::Serialize;

use super::format;
use super::index::{Index, Known, Place, Trace, tag_of};
use super::segments;
use crate::types::{Span, SpanId, TraceId};

/// As many spans are read from disk for one search.
pub const MAX_READ: usize = 20_000;
/// As many traces are found at once.
pub const MAX_FOUND: usize = 1000;

/// What to look for. What is none is not asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query {
    /// The span's service.
    pub service: Option<String>,
    /// The span's name.
    pub operation: Option<String>,
    /// Attributes that the span has, with their values as text.
    pub tags: Vec<(String, String)>,
    /// Whether the span must have failed.
    pub errors: bool,
    /// The span took as many ns or more.
    pub min: Option<u64>,
    /// The span took as many ns or fewer.
    pub max: Option<u64>,
    /// The trace began then or later, in ns since 1970.
    pub from: Option<u64>,
    /// The trace began then or earlier.
    pub to: Option<u64>,
    /// How many traces.
    pub limit: usize,
}

/// A trace in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Its id, in hex.
    pub trace_id: String,
    /// The service of its first span.
    pub service: String,
    /// What its first span did.
    pub name: String,
    /// In ns since 1970. Text, since JSON's readers keep 53 bits.
    pub start: String,
    /// From its first begin to its last end, in ns.
    pub duration: u64,
    /// How many spans arrived.
    pub spans: usize,
    /// How many of them failed.
    pub errors: usize,
    /// How many spans are named as a parent and never arrived.
    pub missing: usize,
    /// How many spans each service has.
    pub services: BTreeMap<String, usize>,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The traces, newest first.
    pub traces: Vec<Summary>,
    /// Whether older spans were not looked at, because so many had to be read.
    pub stopped_early: bool,
}

/// A query in numbers.
struct Wanted<'a> {
    query: &'a Query,
    service: Option<u32>,
    operation: Option<u32>,
    tags: u64,
}

impl<'a> Wanted<'a> {
    /// None if nothing can be found: no span has that name.
    fn new(query: &'a Query, index: &Index) -> Option<Self> {
        let number = |text: &Option<String>| match text {
            None => Some(None),
            Some(text) => index.number(text).map(Some),
        };
        let tags = query.tags.iter().map(|(key, value)| tag_of(key, value));
        Some(Self {
            query,
            service: number(&query.service)?,
            operation: number(&query.operation)?,
            tags: tags.fold(0, |a, b| a | b),
        })
    }

    fn may_be(&self, span: &Known) -> bool {
        let took = span.end.saturating_sub(span.start);
        self.service.is_none_or(|service| service == span.service)
            && self.operation.is_none_or(|operation| operation == span.name)
            && self.query.min.is_none_or(|min| took >= min)
            && self.query.max.is_none_or(|max| took <= max)
            && (span.is_error || !self.query.errors)
            && span.tags & self.tags == self.tags
    }
}

/// A trace that may be what is asked for, and the spans that decide it.
pub(super) type Candidate = (TraceId, Vec<Place>);

/// The traces that may be what is asked for, newest first, and whether there were too many to read.
pub(super) fn candidates(index: &Index, query: &Query) -> (Vec<Candidate>, bool) {
    let Some(wanted) = Wanted::new(query, index) else { return (Vec::new(), false) };
    let from = (query.from.unwrap_or(0), TraceId(0));
    let to = (query.to.unwrap_or(u64::MAX), TraceId(u128::MAX));
    let limit = query.limit.min(MAX_FOUND);
    let (mut found, mut read) = (Vec::new(), 0);
    if from > to {
        return (found, false);
    }
    for (_, id) in index.by_start.range(from..=to).rev() {
        let spans = index.traces[id].spans.values().filter(|span| wanted.may_be(span));
        if query.tags.is_empty() {
            found.extend(spans.take(1).map(|span| (*id, vec![span.place])));
            if found.len() >= limit {
                break;
            }
            continue;
        }
        let places: Vec<_> = spans.map(|span| span.place).collect();
        read += places.len();
        if read > MAX_READ {
            return (found, true);
        }
        if !places.is_empty() {
            found.push((*id, places));
        }
    }
    (found, false)
}

/// Whether a span has all attributes that are asked for.
pub(super) fn has_tags(span: &Span, query: &Query) -> bool {
    query.tags.iter().all(|(key, value)| {
        span.attributes.iter().any(|(k, v)| k == key && v.to_string() == *value)
    })
}

pub(super) fn summary(index: &Index, id: TraceId, trace: &Trace) -> Summary {
    let mut services = BTreeMap::new();
    for span in trace.spans.values() {
        *services.entry(index.text(span.service).to_owned()).or_default() += 1;
    }
    let has = |id: SpanId| [false, true].iter().any(|side| trace.spans.contains_key(&(id, *side)));
    let parents = trace.spans.values().filter_map(|span| span.parent).filter(|id| !has(*id));
    let missing: std::collections::BTreeSet<_> = parents.collect();
    // The one without a parent, else the first of those that arrived.
    let root = trace.spans.values().min_by_key(|span| (span.parent.is_some(), span.start));
    let name =
        |number: fn(&Known) -> u32| root.map_or("", |span| index.text(number(span))).to_owned();
    Summary {
        trace_id: id.to_string(),
        service: name(|span| span.service),
        name: name(|span| span.name),
        start: trace.start().to_string(),
        duration: trace.end().saturating_sub(trace.start()),
        spans: trace.spans.len(),
        errors: trace.spans.values().filter(|span| span.is_error).count(),
        missing: missing.len(),
        services,
    }
}

/// Reads spans, in the order of their places. Those whose segment was deleted meanwhile, or whose bytes
/// are damaged, are left out.
pub(super) fn read(dir: &Path, places: &[Place]) -> Vec<Span> {
    let mut places = places.to_vec();
    places.sort_unstable();
    let mut spans = Vec::with_capacity(places.len());
    for places in places.chunk_by(|a, b| a.segment == b.segment) {
        let Ok(mut file) = File::open(segments::path(dir, places[0].segment)) else { continue };
        for place in places {
            let mut bytes = vec![0; place.len as usize];
            let read =
                file.seek(SeekFrom::Start(place.at)).and_then(|_| file.read_exact(&mut bytes));
            spans.extend(read.ok().and_then(|()| format::read_entry(&bytes)));
        }
    }
    spans
}

//! Finding traces: by what is in memory first, by what is on disk only for attributes.
//!
//! A trace is found if *one* of its spans is all that is asked for. Newest traces come first.
//!
//! # Left out
//!
//! An index of attributes: a search for one reads spans, at most [`MAX_READ`] of them, and says if it had to
//! stop there.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde::Serialize;

use super::format;
use super::index::{Index, Key, Known, Place, tag_of};
use super::segments;
use crate::types::{Span, SpanId, TraceId};

/// As many spans are read from disk for one search, and as many parents of a trace are looked for.
pub const MAX_READ: usize = 20_000;
/// As many bytes of them.
const MAX_READ_BYTES: u64 = 256 << 20;
/// As many spans of one trace are shown.
pub const MAX_SHOWN: usize = 50_000;
/// As many bytes of them, as they are stored.
const MAX_SHOWN_BYTES: u64 = 64 << 20;
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
    /// How many spans are named as a parent and never arrived, as far as [`MAX_READ`] spans tell.
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

    // ANCHOR: may_be
    /// What is in memory decides which spans are read: of the attributes, it has one bit each.
    fn may_be(&self, span: &Known) -> bool {
        let took = span.end.saturating_sub(span.start);
        self.service.is_none_or(|service| service == span.service)
            && self.operation.is_none_or(|operation| operation == span.name)
            && self.query.min.is_none_or(|min| took >= min)
            && self.query.max.is_none_or(|max| took <= max)
            && (span.is_error || !self.query.errors)
            && span.tags & self.tags == self.tags
    }
    // ANCHOR_END: may_be
}

/// A trace that may be what is asked for, and the spans that decide it.
pub(super) type Candidate = (TraceId, Vec<Place>);

/// The traces that may be what is asked for, newest first, and whether there were too many to read.
pub(super) fn candidates(index: &Index, query: &Query) -> (Vec<Candidate>, bool) {
    let Some(wanted) = Wanted::new(query, index) else { return (Vec::new(), false) };
    let limit = query.limit.min(MAX_FOUND);
    let (mut found, mut read, mut bytes) = (Vec::new(), 0, 0);
    for id in index.began(query.from.unwrap_or(0), query.to.unwrap_or(u64::MAX)) {
        let spans = index.of_trace(id).map(|(_, span)| span).filter(|span| wanted.may_be(span));
        let places = spans.map(|span| span.place);
        if query.tags.is_empty() {
            found.extend(places.take(1).map(|place| (id, vec![place])));
            if found.len() >= limit {
                break;
            }
            continue;
        }
        let places: Vec<_> = places.take(MAX_READ + 1).collect();
        read += places.len();
        bytes += places.iter().map(|place| u64::from(place.len)).sum::<u64>();
        if read > MAX_READ || bytes > MAX_READ_BYTES {
            return (found, true);
        }
        if !places.is_empty() {
            found.push((id, places));
        }
    }
    (found, false)
}

/// Which of them are what is asked for. `has_tags` reads spans until one has all tags.
pub(super) fn decided(
    candidates: Vec<Candidate>,
    query: &Query,
    mut has_tags: impl FnMut(Vec<Place>) -> bool,
) -> Vec<TraceId> {
    let found = candidates.into_iter().filter_map(|(id, places)| {
        let is_found = query.tags.is_empty() || has_tags(places);
        is_found.then_some(id)
    });
    found.take(query.limit.min(MAX_FOUND)).collect()
}

/// The first spans of a trace, at most so many and with so many bytes, and how many more there are.
pub(super) fn first_spans(
    index: &Index,
    trace: TraceId,
    max: usize,
    max_bytes: u64,
) -> (Vec<Place>, usize) {
    let (mut first, mut all) = (BinaryHeap::new(), 0);
    for ((_, id, _), span) in index.of_trace(trace) {
        all += 1;
        first.push((span.start, *id, span.place));
        if first.len() > max {
            first.pop();
        }
    }
    let mut bytes = 0;
    let fits = |place: &Place| {
        bytes += u64::from(place.len);
        bytes <= max_bytes
    };
    let sorted = first.into_sorted_vec().into_iter();
    let places: Vec<_> = sorted.map(|(_, _, place)| place).take_while(fits).collect();
    let more = all - places.len();
    (places, more)
}

/// What is shown of a trace.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    /// Its first spans, by their begin: at most [`MAX_SHOWN`], and 64 MiB of them.
    pub spans: Vec<Span>,
    /// How many more there are.
    pub more: usize,
}

impl Shown {
    pub(super) fn read(dir: &Path, (places, more): (Vec<Place>, usize)) -> Self {
        let mut spans: Vec<_> = read(dir, places).collect();
        spans.sort_by_key(|span| (span.start, span.id));
        Self { spans, more }
    }
}

pub(super) fn shown(index: &Index, trace: TraceId) -> (Vec<Place>, usize) {
    first_spans(index, trace, MAX_SHOWN, MAX_SHOWN_BYTES)
}

/// Whether a span has all attributes that are asked for.
pub(super) fn has_tags(span: &Span, query: &Query) -> bool {
    query.tags.iter().all(|(key, value)| {
        span.attributes.iter().any(|(k, v)| k == key && v.to_string() == *value)
    })
}

/// None if there is no such trace any more.
pub(super) fn summary(index: &Index, id: TraceId) -> Option<Summary> {
    let mut services = BTreeMap::new();
    let (mut spans, mut errors, mut start, mut end) = (0, 0, u64::MAX, 0);
    // The one without a parent, else the first of those that arrived.
    let mut root: Option<&Known> = None;
    let order = |span: &Known| (span.parent().is_some(), span.start);
    for (_, span) in index.of_trace(id) {
        *services.entry(span.service).or_insert(0) += 1;
        spans += 1;
        errors += usize::from(span.is_error);
        (start, end) = (start.min(span.start), end.max(span.end));
        if root.is_none_or(|root| order(span) < order(root)) {
            root = Some(span);
        }
    }
    let root = root?;
    let services = services.into_iter();
    Some(Summary {
        trace_id: id.to_string(),
        service: index.text(root.service).to_owned(),
        name: index.text(root.name).to_owned(),
        start: start.to_string(),
        duration: end.saturating_sub(start),
        spans,
        errors,
        missing: missing(index, id),
        services: services.map(|(name, spans)| (index.text(name).to_owned(), spans)).collect(),
    })
}

fn missing(index: &Index, trace: TraceId) -> usize {
    let is_missing = |parent: &SpanId| {
        let sides: [Key; 2] = [(trace, *parent, false), (trace, *parent, true)];
        !sides.iter().any(|side| index.has(side))
    };
    let parents = index.of_trace(trace).take(MAX_READ).filter_map(|(_, span)| span.parent());
    parents.filter(is_missing).collect::<BTreeSet<_>>().len()
}

/// Reads spans, one after the other, in the order of their places. Those whose segment was deleted meanwhile,
/// or whose bytes are damaged, are left out.
pub(super) fn read(dir: &Path, mut places: Vec<Place>) -> impl Iterator<Item = Span> {
    places.sort_unstable();
    let mut open: Option<(u32, File)> = None;
    places.into_iter().filter_map(move |Place { segment, at, len }| {
        if open.as_ref().is_none_or(|(number, _)| *number != segment) {
            open = Some((segment, File::open(dir.join(segments::name(segment))).ok()?));
        }
        let (_, file) = open.as_mut()?;
        let mut bytes = vec![0; len as usize];
        file.seek(SeekFrom::Start(at.into())).and_then(|_| file.read_exact(&mut bytes)).ok()?;
        format::read_entry(&bytes)
    })
}

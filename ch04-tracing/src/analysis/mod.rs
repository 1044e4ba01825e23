//! Step 7: what a trace says once it is there.
//!
//! Spans carry times of many clocks, and say what caused what. From that follow three answers: how far
//! the clocks may be apart, which work the user waited for, and who calls whom. Each can be computed by
//! a rule of thumb that looks right in most pictures, or from what was recorded.
//!
//! | file | is about |
//! |---|---|
//! | [`clocks`] | offsets between clocks, as intervals; what cannot be known |
//! | [`critical_path`] | the work that a request waited for |
//! | [`graph`] | who calls whom, if spans are lost |
//! | [`compare`] | one trace beside what is usual |
//!
//! # Left out
//!
//! Drift: the spans that are looked at together have to be so near in time that a clock keeps its
//! offset. At 50 millionths, a clock is off by 50 µs more after a second.

pub mod clocks;
pub mod compare;
pub mod critical_path;
pub mod graph;

use std::collections::{BTreeMap, BTreeSet};

use crate::step3_context as step3;
use crate::types::{Kind, Link, Span, SpanId, Status, TraceId};
use crate::workload::Run;
use clocks::Clock;

/// Spans, and who caused whom. Whatever the spans say, it can be built: parents may be missing, be
/// their own children, or have the same id as another span.
#[derive(Debug)]
pub struct Tree<'a> {
    /// As they were given.
    pub spans: &'a [Span],
    /// The place of each span's parent; none for a root, and where the parent never arrived.
    pub parents: Vec<Option<usize>>,
    /// The places of what each span caused, as a parent or by a link.
    pub caused: Vec<Vec<usize>>,
    places: BTreeMap<(TraceId, SpanId), usize>,
}

impl<'a> Tree<'a> {
    /// Of spans in any order, from one trace or from several.
    #[must_use]
    pub fn new(spans: &'a [Span]) -> Self {
        let mut places: BTreeMap<_, usize> = BTreeMap::new();
        for (place, span) in spans.iter().enumerate() {
            let first = *places.entry((span.trace, span.id)).or_insert(place);
            // In B3 both sides of a call have one id: the caller is the parent then.
            if span.kind == Kind::Client && spans[first].kind != Kind::Client {
                places.insert((span.trace, span.id), place);
            }
        }
        let parent = |(place, span): (usize, &Span)| {
            let owner = places[&(span.trace, span.id)];
            let shared = owner != place && spans[owner].kind != span.kind;
            let named = || places.get(&(span.trace, span.parent?)).copied();
            if shared { Some(owner) } else { named() }.filter(|parent| *parent != place)
        };
        let parents: Vec<_> = spans.iter().enumerate().map(parent).collect();
        let mut caused = vec![Vec::new(); spans.len()];
        for (place, span) in spans.iter().enumerate() {
            let links = span.links.iter().filter_map(|link| places.get(&(link.trace, link.span)));
            let causes: BTreeSet<usize> =
                parents[place].into_iter().chain(links.copied()).collect();
            for cause in causes {
                caused[cause].push(place);
            }
        }
        Self { spans, parents, caused, places }
    }

    /// The place of a span that is named.
    #[must_use]
    pub fn find(&self, name: Link) -> Option<usize> {
        self.places.get(&(name.trace, name.span)).copied()
    }

    /// Where the request begins: the first span without a parent, else the first whose parent never
    /// arrived, else the first.
    #[must_use]
    pub fn root(&self) -> Option<usize> {
        let order = |place: &usize| {
            let span = &self.spans[*place];
            (self.parents[*place].is_some(), span.parent.is_some(), span.start)
        };
        (0..self.spans.len()).min_by_key(order)
    }

    /// Each span with its parent, if they are in different processes.
    pub fn calls(&self) -> impl Iterator<Item = (usize, usize)> {
        let parents = self.parents.iter().enumerate();
        let calls = parents.filter_map(|(child, parent)| Some(((*parent)?, child)));
        calls.filter(|(a, b)| Clock::of(&self.spans[*a]) != Clock::of(&self.spans[*b]))
    }
}

/// The spans of a run, with what their processes waited for.
#[must_use]
pub fn spans(run: &Run) -> Vec<Span> {
    let mut spans = step3::spans(run);
    let names: Vec<Link> = spans.iter().map(critical_path::name).collect();
    for (span, work) in spans.iter_mut().zip(&run.works) {
        let waits = work.waits;
        for (key, waited) in
            [(critical_path::BEGAN_AFTER, waits.begin), (critical_path::ENDED_AFTER, waits.end)]
        {
            let value = waited.map(|place| critical_path::edge(names[place]));
            span.attributes.extend(value.map(|value| (key.to_owned(), value)));
        }
        if waits.gave_up {
            span.status = Status::Error("no answer in time".into());
        }
    }
    spans
}

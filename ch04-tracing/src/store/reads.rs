//! What a question costs: how many spans are read from disk for it, and how many a store without an index would
//! read, which is all of them, each time.
//!
//! It is counted over the index alone, with spans that are in memory instead of on disk.

use super::format::{ENTRY, encode};
use super::index::{Index, Place};
use super::{Query, search};
use crate::types::{Span, TraceId};

/// Spans that are read, and their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reads {
    /// How many.
    pub spans: usize,
    /// With what stands in front of each.
    pub bytes: u64,
}

/// Spans that were stored, and their index.
pub struct Counted<'a> {
    spans: &'a [Span],
    index: Index,
}

impl<'a> Counted<'a> {
    /// Stores them.
    ///
    /// # Panics
    /// If there are as many spans as no segment holds, or one is too long to be stored.
    #[must_use]
    pub fn new(spans: &'a [Span]) -> Self {
        let mut index = Index::default();
        for (at, span) in (0..).zip(spans) {
            let len = ENTRY + encode(span).expect("it can be stored").len();
            let len = u32::try_from(len).expect("less than MAX_SPAN");
            index.insert(span, Place { segment: 1, at, len });
        }
        Self { spans, index }
    }

    /// Without an index.
    #[must_use]
    pub fn all(&self) -> Reads {
        let traces = self.index.began(0, u64::MAX);
        Reads::of(traces.flat_map(|id| self.index.of_trace(id)).map(|(_, span)| span.place))
    }

    /// To show a trace.
    #[must_use]
    pub fn trace(&self, id: TraceId) -> Reads {
        Reads::of(search::shown(&self.index, id).0)
    }

    /// To find traces. Gives also how many are found.
    #[must_use]
    pub fn search(&self, query: &Query) -> (usize, Reads) {
        let mut read = Vec::new();
        let candidates = search::candidates(&self.index, query).0;
        let found = search::decided(candidates, query, |mut places| {
            // In the order in which they are read.
            places.sort_unstable();
            places.into_iter().any(|place| {
                read.push(place);
                search::has_tags(&self.spans[place.at as usize], query)
            })
        });
        (found.len(), Reads::of(read))
    }
}

impl Reads {
    fn of(places: impl IntoIterator<Item = Place>) -> Self {
        places.into_iter().fold(Self::default(), |sum, place| Self {
            spans: sum.spans + 1,
            bytes: sum.bytes + u64::from(place.len),
        })
    }
}

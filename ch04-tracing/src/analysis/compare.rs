//! One trace beside what is usual: which work took longer, is missing, or is new.
//!
//! What is usual is a median per operation, over traces of the same endpoint. A mean would move with
//! the one slow trace that one looks for.
//!
//! # Left out
//!
//! The order of work, and which parent it has.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::types::{Kind, Span};

/// One sort of work: the same process, name and side of a call.
pub type Operation<'a> = (&'a str, &'a str, Kind);

/// How often it is done per trace, and how long it takes once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usual {
    /// The median of all traces.
    pub count: u64,
    /// The median of all spans, in ns.
    pub took: u64,
}

impl Usual {
    fn whole(self) -> i128 {
        i128::from(self.count) * i128::from(self.took)
    }
}

// ANCHOR: typical
/// What is usual in these traces. An operation that most of them do not have is not usual.
pub fn typical<'a>(traces: impl IntoIterator<Item = &'a [Span]>) -> BTreeMap<Operation<'a>, Usual> {
    let mut all: BTreeMap<Operation<'_>, (BTreeMap<usize, u64>, Vec<u64>)> = BTreeMap::new();
    let mut traces_in_all = 0;
    for (number, spans) in traces.into_iter().enumerate() {
        traces_in_all += 1;
        for span in spans {
            let (counts, took) =
                all.entry((span.service.as_str(), span.name.as_str(), span.kind)).or_default();
            *counts.entry(number).or_default() += 1;
            took.push(span.end.saturating_sub(span.start));
        }
    }
    let usual = all.into_iter().map(|(operation, (counts, took))| {
        let mut counts: Vec<u64> = counts.into_values().collect();
        // Traces without this operation have it 0 times.
        counts.resize(traces_in_all, 0);
        (operation, Usual { count: median(counts), took: median(took) })
    });
    usual.filter(|(_, usual)| usual.count > 0).collect()
}
// ANCHOR_END: typical

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// How an operation differs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Change {
    /// It takes at least twice as long.
    Longer,
    /// It is done more often.
    More,
    /// It is usual and not here.
    Missing,
    /// It is here and not usual.
    New,
    /// It is done less often.
    Fewer,
    /// It takes at most half as long.
    Shorter,
}

/// One operation that differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference<'a> {
    /// Which one.
    pub operation: Operation<'a>,
    /// How.
    pub change: Change,
    /// What is usual.
    pub usual: Option<Usual>,
    /// What is here.
    pub here: Option<Usual>,
}

/// What differs, first what changes the time the most.
#[must_use]
pub fn compare<'a>(
    here: &BTreeMap<Operation<'a>, Usual>,
    usual: &BTreeMap<Operation<'a>, Usual>,
) -> Vec<Difference<'a>> {
    let mut both: BTreeMap<Operation<'a>, [Option<Usual>; 2]> = BTreeMap::new();
    for (i, profile) in [usual, here].into_iter().enumerate() {
        for (operation, of) in profile {
            both.entry(*operation).or_default()[i] = Some(*of);
        }
    }
    let mut found: Vec<_> = both
        .into_iter()
        .filter_map(|(operation, [usual, here])| {
            Some(Difference { operation, change: change(usual, here)?, usual, here })
        })
        .collect();
    let whole = |of: Option<Usual>| of.map_or(0, Usual::whole);
    found.sort_by_key(|found| Reverse((whole(found.here) - whole(found.usual)).abs()));
    found
}

fn change(usual: Option<Usual>, here: Option<Usual>) -> Option<Change> {
    let (usual, here) = match (usual, here) {
        (Some(usual), Some(here)) => (usual, here),
        (usual, _) => return Some(if usual.is_some() { Change::Missing } else { Change::New }),
    };
    if here.took > usual.took.saturating_mul(2) {
        Some(Change::Longer)
    } else if here.count != usual.count {
        Some(if here.count > usual.count { Change::More } else { Change::Fewer })
    } else {
        (usual.took > here.took.saturating_mul(2)).then_some(Change::Shorter)
    }
}

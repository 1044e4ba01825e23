//! Step 6: which traces to keep, and how to count when most are gone.
//!
//! A shop makes more traces than it can store. *Head sampling* decides when a request begins, by its trace
//! id alone, so that all processes decide the same. It is fair and blind: a rare failure is kept as rarely
//! as anything else. *Tail sampling* decides when the whole trace is there, and keeps what is interesting.
//! Then what is kept no longer looks like what happened, unless each kept trace says how many it stands
//! for.
//!
//! # Left out
//!
//! What the wait for the whole trace costs in memory, and traces that arrive in parts.

use crate::types::TraceId;

/// The random part of a trace id: its lowest 56 bits (W3C Trace Context level 2).
const RANDOM_BITS: u32 = 56;

/// What a sampler looks at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Trace {
    /// Which one.
    pub id: TraceId,
    /// How long the request took, in ns. Known at its end.
    pub took: u64,
    /// Whether it failed. Known at its end.
    pub failed: bool,
}

// ANCHOR: head
/// Whether a trace is one of the `1/n` that are kept. Every process comes to the same answer, and
/// whoever keeps fewer keeps some of the same ones.
#[must_use]
pub fn one_in(n: u64, id: TraceId) -> bool {
    let random = id.0 as u64 & ((1 << RANDOM_BITS) - 1);
    u128::from(random) * u128::from(n) < 1 << RANDOM_BITS
}

/// Head sampling: how many traces this one stands for, if it is kept.
#[must_use]
pub fn head(n: u64, trace: &Trace) -> Option<u64> {
    one_in(n, trace.id).then_some(n)
}
// ANCHOR_END: head

// ANCHOR: tail
/// Tail sampling: all that failed and all that took long stand for themselves; of the others, one of
/// `n` is kept and stands for `n`.
#[must_use]
pub fn tail(n: u64, slow: u64, trace: &Trace) -> Option<u64> {
    if trace.failed || trace.took > slow {
        return Some(1);
    }
    head(n, trace)
}
// ANCHOR_END: tail

// ANCHOR: quantile
/// The time that this many of a million requests stay below. Each trace is counted as often as its
/// weight says; `kept` is sorted by time.
#[must_use]
pub fn quantile(kept: &[(u64, u64)], per_million: u64) -> Option<u64> {
    let all: u64 = kept.iter().map(|(_, weight)| weight).sum();
    let mut seen = 0;
    kept.iter().find_map(|(took, weight)| {
        seen += weight;
        (u128::from(seen) * 1_000_000 >= u128::from(all) * u128::from(per_million)).then_some(*took)
    })
}
// ANCHOR_END: quantile

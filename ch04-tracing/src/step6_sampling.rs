//! Step 6: which traces to keep, and how to count when most are gone.
//!
//! A shop makes more traces than it can store. *Head sampling* decides when a request begins, by its trace
//! id alone, so that all processes decide the same. It is fair and blind: a rare failure is kept as rarely
//! as anything else. *Tail sampling* decides when the whole trace is there, and keeps what is interesting.
//! Then what is kept no longer looks like what happened, unless each kept trace says how many it stands
//! for: its *weight*, one divided by the probability that it was kept.
//!
//! # Left out
//!
//! Weights that are no whole number, spans that arrive after the decision, and traces that are longer than
//! the wait. The explicit random value `rv`, for trace ids that are not random.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::types::TraceId;

/// How many values the random part of a trace id has: its lowest 56 bits (W3C Trace Context level 2).
const VALUES: u64 = 1 << 56;
/// The same part has so many digits in hex.
const DIGITS: usize = 14;
/// Parts of a whole.
const MILLION: u128 = 1_000_000;

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

/// Random values below this one are rejected. Written as a fraction in hex, without trailing zeros: `c` is
/// three quarters, so one of four is kept (OpenTelemetry, *TraceState: Probability Sampling*, key `th`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Threshold(u64);

impl Threshold {
    /// Keeps one of `n`. Zero is taken as one.
    #[must_use]
    pub fn one_in(n: u64) -> Self {
        Self(VALUES - VALUES / n.clamp(1, VALUES))
    }

    /// The nearest one with so many digits after the leading `f`s. A threshold near the end of the range
    /// begins with many of them, and they say little about the few values that are kept.
    #[must_use]
    pub fn rounded(self, precision: usize) -> Self {
        let leading = (self.0 << (64 - 4 * DIGITS)).leading_ones() as usize / 4;
        let dropped = DIGITS.saturating_sub(leading.saturating_add(precision.max(1)));
        let unit = 1 << (4 * dropped);
        let nearest = (self.0 + unit / 2) / unit * unit;
        if nearest < VALUES { Self(nearest) } else { self }
    }

    /// How many traces a kept one stands for, in millionths.
    #[must_use]
    pub fn adjusted_count(self) -> u128 {
        let kept = u128::from(VALUES - self.0);
        (u128::from(VALUES) * MILLION + kept / 2) / kept
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:0DIGITS$x}", self.0);
        let digits = digits.trim_end_matches('0');
        f.write_str(if digits.is_empty() { "0" } else { digits })
    }
}

/// Why a text is no threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum BadThreshold {
    /// Too short or too long.
    #[error("a threshold has {0} bytes; write 1 to {DIGITS} hex digits")]
    Length(usize),
    /// Something else than a digit.
    #[error("byte {0:#04x} in a threshold; write digits from 0 to 9 and from a to f")]
    Digit(u8),
}

impl FromStr for Threshold {
    type Err = BadThreshold;

    fn from_str(text: &str) -> Result<Self, BadThreshold> {
        if !(1..=DIGITS).contains(&text.len()) {
            return Err(BadThreshold::Length(text.len()));
        }
        let digit = |value: u64, byte: u8| match byte {
            b'0'..=b'9' => Ok(value << 4 | u64::from(byte - b'0')),
            b'a'..=b'f' => Ok(value << 4 | u64::from(byte - b'a' + 10)),
            other => Err(BadThreshold::Digit(other)),
        };
        let value = text.bytes().try_fold(0, digit)?;
        Ok(Self(value << (4 * (DIGITS - text.len()))))
    }
}

// ANCHOR: head
/// The random part of a trace id. It travels with the request, so all processes have the same.
#[must_use]
pub fn random(id: TraceId) -> u64 {
    id.0 as u64 & (VALUES - 1)
}

/// Whether a trace is kept. A process that keeps fewer has a higher threshold: it keeps some of the same.
#[must_use]
pub fn keep(threshold: Threshold, random: u64) -> bool {
    random >= threshold.0
}

/// Head sampling: how many traces this one stands for, if it is kept.
#[must_use]
pub fn head(n: u64, trace: &Trace) -> Option<u64> {
    keep(Threshold::one_in(n), random(trace.id)).then_some(n)
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

/// How many there were, as far as those that are kept can say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Estimate {
    /// Right on average.
    pub count: u64,
    /// With enough kept traces, 95 times in a hundred the truth is no further away than this.
    pub within: u64,
}

// ANCHOR: estimate
/// Counts requests by the weights of their kept traces. A weight of 1 is no guess and adds no variance.
pub fn estimate(weights: impl IntoIterator<Item = u64>) -> Estimate {
    let (mut count, mut variance) = (0, 0);
    for weight in weights {
        count += weight;
        variance += u128::from(weight) * u128::from(weight.saturating_sub(1));
    }
    Estimate { count, within: confident(variance) as u64 }
}

/// 1.96 standard deviations: 95 % of a normal distribution.
fn confident(variance: u128) -> u128 {
    variance.isqrt() * 196 / 100
}
// ANCHOR_END: estimate

/// The time of the trace at this rank, in millionths of a request.
fn at_rank(kept: &[(u64, u64)], rank: u128) -> Option<u64> {
    let mut seen = 0;
    kept.iter().find_map(|(took, weight)| {
        seen += u128::from(*weight) * MILLION;
        (seen >= rank).then_some(*took)
    })
}

/// The time that this many of a million requests stay below. Each trace is counted as often as its
/// weight says; `kept` is sorted by time.
#[must_use]
pub fn quantile(kept: &[(u64, u64)], per_million: u64) -> Option<u64> {
    let all: u64 = kept.iter().map(|(_, weight)| weight).sum();
    at_rank(kept, u128::from(all) * u128::from(per_million))
}

/// With enough kept traces, 95 times in a hundred the true quantile is between these two times. The
/// uncertainty is in the rank, and the times at both ends of it are the answer.
#[must_use]
pub fn interval(kept: &[(u64, u64)], per_million: u64) -> Option<(u64, u64)> {
    let middle = quantile(kept, per_million)?;
    let below = u128::from(per_million).min(MILLION);
    let mut all = 0;
    let mut variance = 0;
    for (took, weight) in kept {
        let weight = u128::from(*weight);
        let off = if *took <= middle { MILLION - below } else { below };
        all += weight;
        variance += weight * weight.saturating_sub(1) * off * off;
    }
    let (rank, off) = (all * below, confident(variance));
    let high = (rank + off).min(all * MILLION);
    Some((at_rank(kept, rank.saturating_sub(off))?, at_rank(kept, high)?))
}

/// Traces that wait for their decision, the oldest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Each is decided after this time, in ns.
    pub wait: u64,
    /// There is room for so many.
    pub room: usize,
    /// When each one came.
    pub traces: VecDeque<(u64, Trace)>,
}

/// How a trace stopped waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// It is there as a whole, and the sampler looks at it.
    Decided(Trace),
    /// It made room for a newer one, and the sampler never saw it.
    Evicted(Trace),
}

impl Waiting {
    /// A trace comes. Times never fall.
    pub fn arrive(&mut self, now: u64, trace: Trace) -> Vec<Left> {
        let mut left = Vec::new();
        while let Some((since, oldest)) = self.traces.front().copied() {
            if now.saturating_sub(since) >= self.wait {
                left.push(Left::Decided(oldest));
            } else if self.traces.len() >= self.room {
                left.push(Left::Evicted(oldest));
            } else {
                break;
            }
            self.traces.pop_front();
        }
        self.traces.push_back((now, trace));
        left
    }
}

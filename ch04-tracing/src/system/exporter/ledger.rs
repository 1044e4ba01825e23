//! What became of each span.

use std::collections::BTreeMap;

/// Why a span is not known to be stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dropped {
    /// As many spans as may wait did so.
    QueueFull,
    /// The collector said that sending it again changes nothing.
    Refused,
    /// Nobody said that it is stored: all attempts failed, or what answered was no collector. If an answer was
    /// lost, the collector has the span all the same.
    Unconfirmed,
    /// The time for the shutdown was over. The collector may have it.
    AtShutdown,
    /// It was recorded after the shutdown.
    AfterShutdown,
}

/// The account of an exporter: `created = stored + dropped + in_flight`, at every moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    /// Spans that were recorded.
    pub created: u64,
    /// Spans that the collector called stored.
    pub stored: u64,
    /// Spans that were given up, and why.
    pub dropped: BTreeMap<Dropped, u64>,
    /// Spans that wait, or are on their way.
    pub in_flight: u64,
}

impl Ledger {
    pub(super) fn drop(&mut self, why: Dropped, count: u64) {
        if count > 0 {
            *self.dropped.entry(why).or_default() += count;
        }
    }

    /// How many spans were dropped for this reason.
    #[must_use]
    pub fn dropped(&self, why: Dropped) -> u64 {
        self.dropped.get(&why).copied().unwrap_or(0)
    }

    /// Whether nothing is unaccounted for.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.created == self.stored + self.dropped.values().sum::<u64>() + self.in_flight
    }
}

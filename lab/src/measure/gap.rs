//! How long nobody was answered: what a failure of one machine costs all clients of a group.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// The longest time between two answers, whoever got them.
#[derive(Debug)]
pub struct Gap {
    began: Instant,
    /// Of the last answer, in nanoseconds since then.
    last: AtomicU64,
    longest: AtomicU64,
}

impl Gap {
    /// From now on.
    #[must_use]
    pub fn begin() -> Self {
        Self { began: Instant::now(), last: AtomicU64::new(0), longest: AtomicU64::new(0) }
    }

    /// A client got its answer.
    pub fn answered(&self) {
        self.answered_at(self.began.elapsed());
    }

    fn answered_at(&self, at: Duration) {
        let at = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        let last = self.last.fetch_max(at, Relaxed);
        self.longest.fetch_max(at.saturating_sub(last), Relaxed);
    }

    /// Between two answers so far, or before the first.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest.load(Relaxed))
    }

    /// Since the last answer.
    #[must_use]
    pub fn open(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_nanos(self.last.load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_gap_is_between_answers_of_any_clients() {
        let gap = Gap::begin();
        for millis in [3, 5, 4, 25, 24, 30] {
            gap.answered_at(Duration::from_millis(millis));
        }
        assert_eq!(gap.longest(), Duration::from_millis(20), "an answer that is told late is none");
    }
}

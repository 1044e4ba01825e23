//! The clock and the armed timers of one node. A timer is its own name: setting it again replaces it.
//!
//! # Left out
//!
//! Persistence: timers die with the process, and the node sets them again when it boots.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};

use crate::rng::Rng;

/// A clock that never goes back while the process runs, and goes on about where it was after a
/// restart.
pub(super) struct Clock {
    pub(super) began: Instant,
    pub(super) base: Duration,
}

impl Clock {
    pub(super) fn now(&self) -> Duration {
        self.base + self.began.elapsed()
    }
}

/// A moment within a timer's range.
pub(super) fn draw(rng: &mut Rng, range: &std::ops::Range<Duration>) -> Duration {
    let micros = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
    let (from, to) = (micros(range.start), micros(range.end));
    Duration::from_micros(if from < to { rng.pick(from..to) } else { from })
}

/// Wakes the loop when something is due. Each time an alarm is set the runtime wakes itself, with two
/// system calls; so one that has become too early stays as it is, and wakes the loop once for nothing.
pub(super) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    pub(super) fn new(now: Instant) -> Self {
        Self(Box::pin(sleep_until(now.into())))
    }

    pub(super) async fn wait(&mut self, due: Option<Instant>) {
        let Some(due) = due else { return std::future::pending().await };
        if self.0.is_elapsed() || self.0.deadline() > due.into() {
            self.0.as_mut().reset(due.into());
        }
        self.0.as_mut().await;
    }
}

pub(super) struct Timers<T> {
    armed: BTreeMap<T, Instant>,
    by_time: BTreeSet<(Instant, T)>,
}

impl<T: Ord + Clone> Timers<T> {
    pub(super) fn new() -> Self {
        Self { armed: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    pub(super) fn set(&mut self, timer: T, at: Instant) {
        self.cancel(&timer);
        self.by_time.insert((at, timer.clone()));
        self.armed.insert(timer, at);
    }

    pub(super) fn cancel(&mut self, timer: &T) {
        if let Some(at) = self.armed.remove(timer) {
            self.by_time.remove(&(at, timer.clone()));
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The longest overdue timer, disarmed.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.by_time.pop_first()?;
        self.armed.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an Instant comes from nowhere else")]
    fn setting_replaces_cancelling_disarms_and_the_oldest_fires_first() {
        let t = |s| Instant::now() + Duration::from_secs(s);
        let (one, two, three) = (t(10), t(20), t(30));
        let mut timers = Timers::new();
        timers.set("a", one);
        timers.set("b", two);
        timers.set("c", one);
        timers.set("a", three);
        timers.cancel(&"c");
        assert_eq!(timers.next(), Some(two));
        assert_eq!(timers.pop_due(one), None);
        assert_eq!(timers.pop_due(three), Some("b"));
        assert_eq!(timers.pop_due(three), Some("a"));
        assert_eq!((timers.pop_due(three), timers.next()), (None, None));
    }
}

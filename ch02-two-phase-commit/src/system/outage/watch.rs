//! What `stock` and `pay` report all the time, and what `pay` could have done meanwhile.
//!
//! # Left out
//!
//! What happens between two reads.

use std::collections::BTreeSet;
use std::time::Duration;

use lab::rng::Rng;
use lab::system::{Status, Watcher};
use serde_json::Value;

use super::{ACCOUNTS, OWN};
use crate::system::catalog::number;

/// Both at one moment.
pub(super) struct Snapshot {
    pub(super) at: Duration,
    /// Which orders, each with its participant.
    pub(super) in_doubt: BTreeSet<String>,
    pub(super) locked: usize,
}

/// An operation of `pay`'s own: when it came, on which account, whether an order had that locked.
struct Own {
    at: Duration,
    account: String,
    blocked: bool,
}

/// What was seen in one turn.
pub(super) struct Seen {
    reads: Vec<Snapshot>,
    waiting: Vec<Own>,
    /// With the milliseconds that each waited.
    done: Vec<(Own, f64)>,
    came: u32,
    rng: Rng,
}

fn list<'a>(status: &'a Status, field: &str) -> Vec<&'a str> {
    let items = status.own.get(field).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).collect()
}

impl Watcher for Seen {
    fn read(&mut self, now: Duration, statuses: &[Status], over: bool) -> bool {
        let due = |came: u32| Duration::from_secs(1) * came / OWN;
        while !over && due(self.came) <= now {
            let account = number("pay", self.rng.pick(0..ACCOUNTS));
            self.waiting.push(Own { at: due(self.came), account, blocked: false });
            self.came += 1;
        }
        let locked = statuses.iter().map(|status| list(status, "locked").len()).sum();
        let named = |(i, status)| {
            let orders = list(status, "in_doubt").into_iter();
            orders.map(move |order| format!("{i} {order}"))
        };
        let in_doubt = statuses.iter().enumerate().flat_map(named).collect();
        self.reads.push(Snapshot { at: now, in_doubt, locked });
        let locked = statuses.last().map_or_else(Vec::new, |pay| list(pay, "locked"));
        for mut own in std::mem::take(&mut self.waiting) {
            if locked.contains(&own.account.as_str()) {
                own.blocked = true;
                self.waiting.push(own);
            } else {
                let waited = now.saturating_sub(own.at).as_secs_f64() * 1_000.0;
                self.done.push((own, waited));
            }
        }
        !self.waiting.is_empty()
    }
}

impl Seen {
    pub(super) fn new() -> Self {
        let (reads, waiting, done) = (Vec::new(), Vec::new(), Vec::new());
        Self { reads, waiting, done, came: 0, rng: Rng::new(1) }
    }

    pub(super) fn between(&self, from: Duration, to: Duration) -> impl Iterator<Item = &Snapshot> {
        self.reads.iter().filter(move |read| read.at >= from && read.at < to)
    }

    /// From then until no order is in doubt any more that was so when it was first read after that; `None` if
    /// that was never read.
    pub(super) fn free_after(&self, from: Duration) -> Option<Duration> {
        let mut reads = self.between(from, Duration::MAX).peekable();
        let mut left = reads.peek()?.in_doubt.clone();
        let is_free = |read: &&Snapshot| {
            left.retain(|order| read.in_doubt.contains(order));
            left.is_empty()
        };
        reads.find(is_free).map(|read| read.at.saturating_sub(from))
    }

    /// How many of `pay`'s own came then, and what 99 % of them stayed within.
    pub(super) fn own(&self, from: Duration, to: Duration, blocked: bool) -> (usize, Option<f64>) {
        let came = |own: &Own| own.blocked == blocked && own.at >= from && own.at < to;
        let times = self.done.iter().filter(|(own, _)| came(own)).map(|(_, millis)| *millis);
        let mut times: Vec<f64> = times.collect();
        times.sort_by(f64::total_cmp);
        let most = (times.len() * 99).div_ceil(100).saturating_sub(1);
        (times.len(), times.get(most).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(reads: &[(u64, &[&str])]) -> Seen {
        let read = |(at, orders): &(u64, &[&str])| Snapshot {
            at: Duration::from_secs(*at),
            in_doubt: orders.iter().map(ToString::to_string).collect(),
            locked: 0,
        };
        Seen { reads: reads.iter().map(read).collect(), ..Seen::new() }
    }

    #[test]
    fn new_orders_do_not_count_and_one_that_is_never_free_is_told_apart() {
        let from = Duration::from_secs(2);
        let freed = seen(&[(1, &["a"]), (2, &["a", "b"]), (3, &["b", "c"]), (5, &["c"]), (9, &[])]);
        assert_eq!(freed.free_after(from), Some(Duration::from_secs(3)));
        let never = seen(&[(2, &["a", "b"]), (9, &["a"])]);
        assert_eq!(never.free_after(from), None);
        assert_eq!(seen(&[(1, &["a"])]).free_after(from), None, "it was not read after that");
    }
}

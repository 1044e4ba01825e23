//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! What retries may cost. Each request earns a part of a retry, each second some more, and each retry
//! spends one. So an outage adds a fifth to the traffic, where three tries each would triple it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::config::Retries;

/// What was not spent is kept for this long.
const KEPT: Duration = Duration::from_secs(10);
/// A retry costs this much; a request earns the percentage.
const PRICE: u64 = 100;

/// What is left for retries.
pub(super) struct Budget {
    retries: Retries,
    account: Mutex<Account>,
}

struct Account {
    left: u64,
    paid: Instant,
}

impl Budget {
    pub(super) fn new(retries: Retries) -> Self {
        let left = PRICE * retries.per_second;
        Self { retries, account: Mutex::new(Account { left, paid: Instant::now() }) }
    }

    /// A request has come.
    pub(super) fn earn(&self) {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.left = (account.left + self.retries.percent).min(self.most());
    }

    /// Whether a retry is paid.
    pub(super) fn spend(&self) -> bool {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        let since = account.paid.elapsed();
        let earned = PRICE * self.retries.per_second * since.as_millis().min(60_000) as u64 / 1000;
        if earned > 0 {
            account.left = (account.left + earned).min(self.most());
            account.paid += since;
        }
        let is_paid = account.left >= PRICE;
        account.left -= if is_paid { PRICE } else { 0 };
        is_paid
    }

    /// Requests earn as much as the seconds do in [`KEPT`], and no more is kept.
    fn most(&self) -> u64 {
        PRICE * (self.retries.per_second * KEPT.as_secs()).max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::{Budget, Retries};

    #[tokio::test(start_paused = true)]
    async fn retries_are_a_fifth_of_the_requests_and_ten_a_second() {
        let budget = Budget::new(Retries { percent: 20, per_second: 10, most: 3 });
        let spend = || std::iter::repeat_with(|| budget.spend()).take_while(|&paid| paid).count();
        assert_eq!(spend(), 10);
        (0..50).for_each(|_| budget.earn());
        assert_eq!(spend(), 10);
        advance(Duration::from_secs(2)).await;
        assert_eq!(spend(), 20);
        (0..10_000).for_each(|_| budget.earn());
        assert_eq!(spend(), 100);
    }
}

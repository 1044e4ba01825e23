//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! Who looks at the participants all the time, and what `pay` could have done meanwhile.
//!
//! # Left out
//!
//! What happens between two looks.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ch02_two_phase_commit::system::RoleStatus;
use lab::http::Caller;
use lab::rng::Rng;

use super::{ACCOUNTS, OWN};

const LOOK: Duration = Duration::from_millis(5);

/// One look at `stock` and `pay`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) at: Duration,
    pub(super) in_doubt: usize,
    pub(super) locked: usize,
}

/// An operation of `pay`'s own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    /// When it came.
    pub(super) at: Duration,
    /// Whether somebody held its account when it was first looked at.
    pub(super) stopped: bool,
    /// How long it waited.
    pub(super) took: Duration,
}

/// What was seen in one turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) looks: Vec<Look>,
    pub(super) own: Vec<Own>,
}

struct Waiting {
    at: Duration,
    account: String,
    stopped: bool,
}

/// The `n`th account of `stock` (`s`) or `pay` (`p`).
pub(super) fn account(ledger: char, rng: &mut Rng) -> String {
    format!("{ledger}{:04}", rng.pick(0..ACCOUNTS))
}

/// Looks until `over`, and until nothing waits any more.
pub(super) async fn watch(
    [stock, pay]: [SocketAddr; 2],
    began: Instant,
    over: &AtomicBool,
    mut rng: Rng,
) -> Seen {
    let (mut stock, mut pay) = (Caller::new(stock), Caller::new(pay));
    let (mut seen, mut waiting, mut came) = (Seen::default(), Vec::new(), 0_u32);
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        let ending = over.load(Ordering::Relaxed);
        while !ending && Duration::from_secs(1) * came / OWN <= began.elapsed() {
            let at = Duration::from_secs(1) * came / OWN;
            waiting.push(Waiting { at, account: account('p', &mut rng), stopped: false });
            came += 1;
        }
        let (stock, pay) = tokio::join!(status(&mut stock), status(&mut pay));
        let (Some(stock), Some(pay)) = (stock, pay) else { continue };
        let now = began.elapsed();
        waiting.retain_mut(|one| {
            if pay.locked.contains(&one.account) {
                one.stopped = true;
                return true;
            }
            seen.own.push(Own { at: one.at, stopped: one.stopped, took: now - one.at });
            false
        });
        let in_doubt = stock.in_doubt.len() + pay.in_doubt.len();
        let locked = stock.locked.len() + pay.locked.len();
        seen.looks.push(Look { at: now, in_doubt, locked });
        if ending && waiting.is_empty() {
            return seen;
        }
    }
}

async fn status(caller: &mut Caller) -> Option<RoleStatus> {
    let answer = caller.get("/status").await.ok().filter(|answer| answer.status == 200)?;
    serde_json::from_value(answer.body).ok()
}

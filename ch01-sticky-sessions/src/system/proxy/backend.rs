//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! One backend: what it may be given, what an operator and the checks say about it, and what it has.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::upstream::Idle;

/// A backend that has just come up has at least this share, so that it warms up at all.
const LEAST_PERCENT: u64 = 10;

/// What a backend may be given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// Everything.
    Active,
    /// Requests of the sessions that it has, and no new sessions.
    Draining,
    /// Nothing new: its last requests end, and its sessions go elsewhere.
    HandingOff,
    /// Nothing. It may be stopped.
    Gone,
    /// Nothing, until it is healthy again.
    Down,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draining => "draining",
            Self::HandingOff => "handing-off",
            Self::Gone => "gone",
            Self::Down => "down",
        }
    }
}

/// What an operator asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wanted {
    Active,
    /// No new sessions, until then.
    Draining(Instant),
    HandingOff,
    Gone,
}

/// What changes slowly.
#[derive(Debug)]
struct Status {
    wanted: Wanted,
    is_up: bool,
    /// Whether a check has ever succeeded.
    was_well: bool,
    /// Checks in a row that say otherwise.
    contrary: u32,
    /// When it last came up; unknown before its first failure.
    up_since: Option<Instant>,
    /// As its owner reported.
    sessions: Option<u64>,
}

/// A web process.
#[derive(Debug)]
pub struct Backend {
    name: String,
    address: SocketAddr,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    failures: AtomicU64,
    /// Requests in a row that it did not answer.
    unanswered: AtomicU32,
    status: Mutex<Status>,
    pub(super) idle: Mutex<Vec<Idle>>,
}

impl Backend {
    /// It counts as up until checks say otherwise.
    pub(super) fn new(name: String, address: SocketAddr, up_since: Option<Instant>) -> Self {
        let status = Status {
            wanted: Wanted::Active,
            is_up: true,
            was_well: false,
            contrary: 0,
            up_since,
            sessions: None,
        };
        Self {
            name,
            address,
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            unanswered: AtomicU32::new(0),
            status: Mutex::new(status),
            idle: Mutex::default(),
        }
    }

    /// As in `web-2`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it may be given now.
    #[must_use]
    pub fn state(&self) -> State {
        let status = self.status();
        match status.wanted {
            Wanted::Gone => State::Gone,
            _ if !status.is_up => State::Down,
            Wanted::Active => State::Active,
            Wanted::Draining(_) => State::Draining,
            Wanted::HandingOff => State::HandingOff,
        }
    }

    /// Whether a check has found it well since it was listed: before that, nobody knows.
    #[must_use]
    pub fn was_well(&self) -> bool {
        self.status().was_well
    }

    /// Requests that it has now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// Requests that were sent to it.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Requests that it did not answer, whatever the reason.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// Sessions left, as their owner last reported.
    #[must_use]
    pub fn sessions(&self) -> Option<u64> {
        self.status().sessions
    }

    /// Its owner reports how many sessions it has left.
    pub fn report_sessions(&self, left: u64) {
        self.status().sessions = Some(left);
        self.advance();
    }

    /// Percent of the share that it would have: less for a while after it came up.
    #[must_use]
    pub fn weight(&self, slow_start: Duration) -> u64 {
        let Some(since) = self.status().up_since else { return 100 };
        let up = since.elapsed().as_micros();
        let percent = 100 * up / slow_start.as_micros().max(1);
        u64::try_from(percent).unwrap_or(100).clamp(LEAST_PERCENT, 100)
    }

    /// It gets no new sessions; at the latest after `within` it gets nothing new at all.
    pub fn drain(&self, within: Duration) {
        let mut status = self.status();
        let until = Instant::now() + within;
        match status.wanted {
            Wanted::Active => {
                status.wanted = Wanted::Draining(until);
                status.sessions = None; // A session may have begun since.
            }
            // It is another time that is asked for.
            Wanted::Draining(_) => status.wanted = Wanted::Draining(until),
            Wanted::HandingOff | Wanted::Gone => {}
        }
        drop(status);
        self.advance();
    }

    /// Nobody can reach its sessions while it drains, so there is nothing to wait for but its requests.
    pub fn hand_off(&self) {
        let mut status = self.status();
        if let Wanted::Draining(_) = status.wanted {
            status.wanted = Wanted::HandingOff;
        }
        drop(status);
        self.advance();
    }

    /// It is used again.
    pub fn activate(&self) {
        let mut status = self.status();
        if status.wanted != Wanted::Active {
            status.wanted = Wanted::Active;
            status.sessions = None;
            status.up_since = Some(Instant::now());
        }
    }

    // ANCHOR: advance
    /// Goes on with a drain: Draining until no session is left or the time is over, then HandingOff until
    /// no request is left, then Gone.
    pub fn advance(&self) {
        let mut status = self.status();
        if let Wanted::Draining(until) = status.wanted
            && (status.sessions == Some(0) || until <= Instant::now())
        {
            status.wanted = Wanted::HandingOff;
        }
        if status.wanted == Wanted::HandingOff && self.in_flight() == 0 {
            status.wanted = Wanted::Gone;
        }
    }
    // ANCHOR_END: advance

    /// A check succeeded.
    pub(super) fn is_well(&self, rise: u32) {
        let mut status = self.status();
        status.was_well = true;
        if status.is_up {
            status.contrary = 0;
            return;
        }
        status.contrary += 1;
        if status.contrary >= rise {
            (status.is_up, status.contrary) = (true, 0);
            status.up_since = Some(Instant::now());
            // Those of before have no part in what is seen from now on.
            self.unanswered.store(0, Relaxed);
            tracing::info!(backend = %self.name, "is up");
        }
    }

    /// A check failed, or a connection did.
    pub(super) fn is_unwell(&self, fall: u32) {
        let mut status = self.status();
        if !status.is_up {
            status.contrary = 0;
            return;
        }
        status.contrary += 1;
        if status.contrary >= fall {
            self.goes_down(status);
        }
    }

    fn goes_down(&self, mut status: MutexGuard<'_, Status>) {
        (status.is_up, status.contrary) = (false, 0);
        drop(status);
        tracing::warn!(backend = %self.name, "is down");
        self.forget_idle();
    }

    /// A request was not answered.
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// A request was sent, and its connection broke or nothing came in time. Checks do not reset the count:
    /// they may be answered although nothing else is.
    pub(super) fn did_not_answer(&self, most: u32) {
        if self.unanswered.fetch_add(1, Relaxed) + 1 < most {
            return;
        }
        self.unanswered.store(0, Relaxed);
        let status = self.status();
        if status.is_up {
            self.goes_down(status);
        }
    }

    /// The head of an answer came.
    pub(super) fn answered(&self) {
        // Most of the time there is nothing to write, which other threads would have to be told.
        if self.unanswered.load(Relaxed) != 0 {
            self.unanswered.store(0, Relaxed);
        }
    }

    /// It has one more request; `None` if it is gone. The request is counted before the state is read: so
    /// either it is seen here that the backend is gone, or the thread that would say so sees the request and does not.
    pub(in crate::system) fn begin(self: &Arc<Self>) -> Option<InFlight> {
        self.in_flight.fetch_add(1, Relaxed);
        let counted = InFlight(Arc::clone(self));
        if self.status().wanted == Wanted::Gone {
            return None;
        }
        self.requests.fetch_add(1, Relaxed);
        Some(counted)
    }
}

/// A request that a backend has.
#[derive(Debug)]
pub(in crate::system) struct InFlight(pub(super) Arc<Backend>);

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.0.advance();
        }
    }
}

#[cfg(test)]
mod tests;

//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! The backends. A [`Pool`] is one list of them and never changes; a change of the list makes a new one,
//! and requests under way keep theirs. A backend that stays in the list stays the same object, with its
//! connections and counters.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::config::Health;
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
    status: Mutex<Status>,
    pub(super) idle: Mutex<Vec<Idle>>,
}

impl Backend {
    fn new(name: String, address: SocketAddr) -> Self {
        let status = Status {
            wanted: Wanted::Active,
            is_up: true,
            contrary: 0,
            up_since: None,
            sessions: None,
        };
        Self {
            name,
            address,
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
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
        if status.wanted == Wanted::Active {
            status.wanted = Wanted::Draining(Instant::now() + within);
            status.sessions = None; // A session may have begun since.
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

    /// A check succeeded.
    pub(super) fn is_well(&self, rise: u32) {
        let mut status = self.status();
        if status.is_up {
            status.contrary = 0;
            return;
        }
        status.contrary += 1;
        if status.contrary >= rise {
            (status.is_up, status.contrary) = (true, 0);
            status.up_since = Some(Instant::now());
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
            (status.is_up, status.contrary) = (false, 0);
            tracing::warn!(backend = %self.name, "is down");
            drop(status);
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// A request was not answered.
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        InFlight(Arc::clone(self))
    }
}

/// A request that a backend has.
#[derive(Debug)]
pub(super) struct InFlight(pub(super) Arc<Backend>);

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.0.advance();
        }
    }
}

/// One list of backends. It does not change.
#[derive(Debug)]
pub struct Pool {
    backends: Vec<Arc<Backend>>,
    slow_start: Duration,
}

impl Pool {
    /// All of them, in the order of the list.
    #[must_use]
    pub fn backends(&self) -> &[Arc<Backend>] {
        &self.backends
    }

    /// Percent of its share that a backend gets now.
    #[must_use]
    pub fn weight(&self, backend: usize) -> u64 {
        self.backends[backend].weight(self.slow_start)
    }

    /// The one with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<Backend>> {
        self.backends.iter().find(|backend| backend.name == name)
    }
}

/// The list of backends that is in force.
#[derive(Debug)]
pub struct Backends(RwLock<Arc<Pool>>);

impl Backends {
    /// A first list: names and addresses.
    ///
    /// # Errors
    /// Two have the same name.
    pub fn new(list: Vec<(String, SocketAddr)>, health: &Health) -> Result<Self, SameName> {
        let empty = Pool { backends: Vec::new(), slow_start: health.slow_start };
        let backends = Self(RwLock::new(Arc::new(empty)));
        backends.replace(list)?;
        for backend in &backends.now().backends {
            backend.status().up_since = None;
        }
        Ok(backends)
    }

    /// The list that is in force now.
    #[must_use]
    pub fn now(&self) -> Arc<Pool> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another list in force. A name that is new, or has moved, is a new backend.
    ///
    /// # Errors
    /// Two have the same name. Nothing has changed then.
    pub fn replace(&self, list: Vec<(String, SocketAddr)>) -> Result<(), SameName> {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut backends: Vec<Arc<Backend>> = Vec::with_capacity(list.len());
        for (name, address) in list {
            if backends.iter().any(|other| other.name == name) {
                return Err(SameName { name });
            }
            let old = now.named(&name).filter(|old| old.address == address);
            backends.push(old.cloned().unwrap_or_else(|| {
                let new = Backend::new(name, address);
                new.status().up_since = Some(Instant::now());
                Arc::new(new)
            }));
        }
        *now = Arc::new(Pool { backends, slow_start: now.slow_start });
        Ok(())
    }
}

/// Two backends of a list have the same name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SameName {
    /// This one.
    pub name: String,
}

impl std::error::Error for SameName {}

impl std::fmt::Display for SameName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "two backends are called {}; give each a name of its own", self.name)
    }
}

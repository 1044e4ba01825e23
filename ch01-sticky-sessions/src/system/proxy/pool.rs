//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! The backends. A [`Pool`] is one list of them and never changes; a change of the list makes a new one,
//! and requests under way keep theirs. A backend that stays in the list stays the same object, with its
//! connections and counters.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::backend::Backend;
use super::config::Health;

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
        self.backends.iter().find(|backend| backend.name() == name)
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
        backends.put(list, None)?;
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
        self.put(list, Some(Instant::now()))
    }

    fn put(
        &self,
        list: Vec<(String, SocketAddr)>,
        up_since: Option<Instant>,
    ) -> Result<(), SameName> {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut backends: Vec<Arc<Backend>> = Vec::with_capacity(list.len());
        for (name, address) in list {
            if backends.iter().any(|other| other.name() == name) {
                return Err(SameName { name });
            }
            let old = now.named(&name).filter(|old| old.address() == address).cloned();
            backends.push(old.unwrap_or_else(|| Arc::new(Backend::new(name, address, up_since))));
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

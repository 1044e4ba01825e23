//! The effects of a role that is no node, so that it can be killed after each of them as well.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what was done to the world, and aborts the process right after the effect that was asked for.
#[derive(Debug)]
pub struct EffectCount {
    done: AtomicU64,
    last: Option<u64>,
}

impl EffectCount {
    /// Nothing is done yet. `last` ends the process, counted from 1.
    #[must_use]
    pub fn new(last: Option<u64>) -> Self {
        Self { done: AtomicU64::new(0), last }
    }

    /// One more thing is done: a change in a store, or a message.
    pub fn done(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.last.is_some_and(|last| done >= last) {
            std::process::abort();
        }
    }

    /// How many are done.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

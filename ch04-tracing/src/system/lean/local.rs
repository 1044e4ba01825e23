//! What one thread has for itself: its ids, and the spans that it has not handed over yet.
//!
//! # Left out
//!
//! A buffer without a lock. Only its own thread takes this one, but for a flush, so the lock is free nearly
//! always and takes two atomic instructions. In return a flush finds the spans of threads that do nothing,
//! and of those that have ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lab::rng::Rng;

use super::record::Record;
use crate::types::{SpanId, TraceId};

/// So many spans are handed over together: one lock that all threads share, for all of them.
pub(super) const HANDFUL: usize = 64;
/// An odd number: no two draws of a thread have the same state before all 2⁶⁴ were had.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A record moves on from here to the queue, and from there to a batch: as a pointer.
pub(super) type Buffer = Vec<Box<Record>>;

// ANCHOR: local
pub(super) struct Local {
    seed: u64,
    /// How many ids were drawn. Only the thread itself writes this.
    drawn: AtomicU64,
    buffer: Mutex<Buffer>,
}

impl Local {
    pub(super) fn new(seed: u64) -> Self {
        let buffer = Mutex::new(Vec::with_capacity(HANDFUL));
        Self { seed, drawn: AtomicU64::new(0), buffer }
    }

    /// The next number of this thread's stream. There is no other writer, so a load and a store are
    /// enough.
    fn draw(&self) -> u64 {
        let count = self.drawn.load(Ordering::Relaxed);
        self.drawn.store(count.wrapping_add(1), Ordering::Relaxed);
        Rng::new(self.seed.wrapping_add(count.wrapping_mul(STEP))).next_u64()
    }
    // ANCHOR_END: local

    /// A new id; never 0.
    pub(super) fn span_id(&self) -> SpanId {
        SpanId(self.draw().max(1))
    }

    /// A new id; never 0.
    pub(super) fn trace_id(&self) -> TraceId {
        TraceId((u128::from(self.draw()) << 64 | u128::from(self.draw())).max(1))
    }

    pub(super) fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

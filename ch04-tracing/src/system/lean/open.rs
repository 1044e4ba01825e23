//! Spans of `tracing` that have begun and not ended, and what each thread knows of them by itself.
//!
//! An id of `tracing` is a number that may be used longer than its span: a forgotten guard never leaves. So
//! an [`OpenId`] counts who had its place, and one that is out of date finds nothing instead of a stranger.
//!
//! All spans below one that is not sampled are references to that one. The thread that has entered it counts those of its own
//! in [`Here`], without a lock, and holds the span meanwhile with a *pin*. When it leaves the span, it adds
//! to the common count what it has counted. A count may be below 0 until then: a reference that was made on one thread
//! may be given back on another one. So a span has ended if the count is 0 and there is no pin.
//!
//! # Left out
//!
//! Forgotten guards of threads that have ended: what they had entered is entered for the next thread in their
//! place, until it ends. And a forgotten guard of a span that is not sampled, if its last reference is given
//! back on another thread: nothing that its own thread begins at the top is sampled from then on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::span::Id;

use super::Record;
use crate::context::TraceContext;

/// So many parts have the open spans, each with a lock.
pub(super) const SHARDS: u64 = 1 << SHARD_BITS;
const SHARD_BITS: u32 = 6;
const PLACE_BITS: u32 = 32;
/// After so many spans of a shard, a place has an id again that it had before.
const ROUND: u64 = (1 << (63 - SHARD_BITS - PLACE_BITS)) - 1;

/// From the lowest bit: 6 of the shard, 1 that is set if the span is sampled, 32 of the place in the shard, and 25 that
/// count, from 1, who had the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OpenId(u64);

impl OpenId {
    pub(super) fn of(id: &Id) -> Self {
        Self(id.into_u64())
    }

    fn new(shard: u64, is_sampled: bool, place: usize, count: u64) -> Self {
        let (sampled, place) =
            (u64::from(is_sampled) << SHARD_BITS, (place as u64) << (SHARD_BITS + 1));
        Self(shard | sampled | place | (count % ROUND + 1) << (SHARD_BITS + 1 + PLACE_BITS))
    }

    pub(super) fn is_sampled(self) -> bool {
        self.0 >> SHARD_BITS & 1 == 1
    }

    fn shard(self) -> usize {
        (self.0 % SHARDS) as usize
    }

    fn place(self) -> usize {
        (self.0 >> (SHARD_BITS + 1) & ((1 << PLACE_BITS) - 1)) as usize
    }
}

impl From<OpenId> for Id {
    fn from(id: OpenId) -> Self {
        Self::from_u64(id.0)
    }
}

/// A span that has begun.
pub(super) struct Open {
    pub(super) context: TraceContext,
    /// None if it is not sampled.
    pub(super) record: Option<Box<Record>>,
    /// Without those that threads count by themselves.
    references: i64,
    /// As many threads count by themselves.
    pins: usize,
}

/// Open spans, by place.
#[derive(Default)]
pub(super) struct Shard {
    places: Vec<Option<(OpenId, Open)>>,
    free: Vec<usize>,
    begun: u64,
}

impl Shard {
    pub(super) fn get(&mut self, id: OpenId) -> Option<&mut Open> {
        let (own, open) = self.places.get_mut(id.place())?.as_mut()?;
        (*own == id).then_some(open)
    }

    pub(super) fn refer(&mut self, id: OpenId) {
        if let Some(open) = self.get(id) {
            open.references += 1;
        }
    }

    /// Gives one reference back. Returns the span if that was the last one; `has_pin` says that the only pin
    /// that may be left is the caller's own, which has counted nothing.
    pub(super) fn close(&mut self, id: OpenId, has_pin: bool) -> Option<Open> {
        let open = self.get(id)?;
        open.references -= 1;
        let has_ended = open.references == 0 && open.pins == usize::from(has_pin);
        has_ended.then(|| self.remove(id)).flatten()
    }

    fn pin(&mut self, id: OpenId) {
        if let Some(open) = self.get(id) {
            open.pins += 1;
        }
    }

    fn unpin(&mut self, pin: &Pin) -> Option<Open> {
        let open = self.get(pin.id)?;
        open.references += pin.references;
        open.pins -= 1;
        let has_ended = open.references == 0 && open.pins == 0;
        has_ended.then(|| self.remove(pin.id)).flatten()
    }

    fn remove(&mut self, id: OpenId) -> Option<Open> {
        self.free.push(id.place());
        self.places[id.place()].take().map(|(_, open)| open)
    }
}

/// All open spans.
pub(super) struct Shards([Mutex<Shard>; SHARDS as usize]);

impl Shards {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    pub(super) fn lock(&self, id: OpenId) -> MutexGuard<'_, Shard> {
        self.0[id.shard()].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new span, with one reference.
    pub(super) fn insert(
        &self,
        shard: u64,
        context: TraceContext,
        record: Option<Box<Record>>,
    ) -> OpenId {
        let all = &self.0[(shard % SHARDS) as usize];
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        let place = all.free.pop().unwrap_or(all.places.len());
        if place == all.places.len() {
            all.places.push(None);
        }
        let id = OpenId::new(shard % SHARDS, record.is_some(), place, all.begun);
        all.begun += 1;
        all.places[place] = Some((id, Open { context, record, references: 1, pins: 0 }));
        id
    }

    pub(super) fn count(&self) -> usize {
        let of = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.places.len() - shard.free.len()
        };
        self.0.iter().map(of).sum()
    }
}

/// A span that is not sampled, entered on this thread.
struct Pin {
    id: OpenId,
    /// How often it is.
    entered: usize,
    /// References that this thread has made since, without those that it has given back.
    references: i64,
}

/// What is entered on one thread. Nobody else knows it, so it takes no lock.
#[derive(Default)]
pub(super) struct Here {
    /// The innermost one last.
    entered: Vec<OpenId>,
    pins: Vec<Pin>,
}

impl Here {
    fn pin(&mut self, id: OpenId) -> Option<&mut Pin> {
        self.pins.iter_mut().rfind(|pin| pin.id == id)
    }

    pub(super) fn innermost(&self) -> Option<OpenId> {
        self.entered.last().copied()
    }

    /// The guard of the innermost one was forgotten.
    pub(super) fn leave_innermost(&mut self) {
        self.entered.pop();
    }

    pub(super) fn enter(&mut self, id: OpenId, all: &Shards) {
        self.entered.push(id);
        if id.is_sampled() {
            return;
        }
        if let Some(pin) = self.pin(id) {
            pin.entered += 1;
        } else {
            all.lock(id).pin(id);
            self.pins.push(Pin { id, entered: 1, references: 0 });
        }
    }

    pub(super) fn exit(&mut self, id: OpenId, all: &Shards) {
        let Some(place) = self.entered.iter().rposition(|entered| *entered == id) else { return };
        self.entered.remove(place);
        let Some(at) = self.pins.iter().rposition(|pin| pin.id == id) else { return };
        self.pins[at].entered -= 1;
        if self.pins[at].entered == 0 {
            let pin = self.pins.remove(at);
            // It is not sampled, so nothing is to be done with it.
            drop(all.lock(id).unpin(&pin));
        }
    }

    // ANCHOR: refer
    /// One more reference to a span.
    pub(super) fn refer(&mut self, id: OpenId, all: &Shards) {
        match self.pin(id) {
            Some(pin) => pin.references += 1,
            None => all.lock(id).refer(id),
        }
    }

    /// One reference less; the last one takes the span out.
    pub(super) fn close(&mut self, id: OpenId, all: &Shards) -> Option<Open> {
        let pin = self.pin(id);
        let has_pin = pin.is_some();
        if let Some(pin) = pin.filter(|pin| pin.references > 0) {
            pin.references -= 1;
            return None;
        }
        let closed = all.lock(id).close(id, has_pin)?;
        if has_pin {
            // It has ended and is entered still: its guard was forgotten.
            self.entered.retain(|entered| *entered != id);
            self.pins.retain(|pin| pin.id != id);
        }
        Some(closed)
    }
    // ANCHOR_END: refer
}

//! The thread that writes: many batches, one block, one fsync.
//!
//! Retention needs a time, and no wall clock can be trusted with it: one that jumps ahead by a week would delete
//! all spans. So a store has an *age*: for how long it has been open, over all its starts, by a clock that
//! only goes on. Spans are kept for so long by that; while a collector is not running they do not get older.

use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::oneshot;

use super::format::{self, BLOCK, ENTRY, MAX_BODY};
use super::index::{self, Index, Place};
use super::segments::Segments;
use super::{Refused, StoreError, Stored};
use crate::types::Span;

/// What the thread is asked for. `open` is for how long the store has been open this time.
pub(super) struct Asked {
    /// None to delete what is too old.
    pub(super) batch: Option<Batch>,
    pub(super) open: Duration,
}

/// A batch that waits.
pub(super) struct Batch {
    pub(super) spans: Vec<Span>,
    pub(super) reply: oneshot::Sender<Result<Stored, Refused>>,
}

/// As many spans are written at once, unless one batch has more.
const MAX_AT_ONCE: usize = 8192;

pub(super) struct Writer {
    index: Arc<RwLock<Index>>,
    segments: Segments,
    /// The age of the store when it was opened, and now.
    opened: u64,
    age: u64,
    /// Once a write failed, nobody knows what is on disk, so no further one may be called stored.
    failed: Option<String>,
}

impl Writer {
    pub(super) fn new(index: Arc<RwLock<Index>>, segments: Segments) -> Self {
        let age = segments.age();
        Self { index, segments, opened: age, age, failed: None }
    }

    /// Until the other end is closed and nothing waits any more.
    pub(super) fn run(mut self, asked: &Receiver<Asked>) {
        while let Ok(first) = asked.recv() {
            let mut waiting = vec![];
            let (mut next, mut count) = (Some(first), 0);
            while let Some(Asked { batch, open }) = next {
                self.is_open_for(open);
                count += batch.as_ref().map_or(0, |batch| batch.spans.len());
                waiting.extend(batch);
                next = (count < MAX_AT_ONCE).then(|| asked.try_recv().ok()).flatten();
            }
            self.commit(waiting);
        }
        self.close();
    }

    pub(super) fn is_open_for(&mut self, open: Duration) {
        let open = u64::try_from(open.as_nanos()).unwrap_or(u64::MAX);
        self.age = self.age.max(self.opened.saturating_add(open));
    }

    pub(super) fn close(&mut self) {
        if self.failed.is_none()
            && let Err(error) = self.segments.close(self.age)
        {
            tracing::error!(%error, "the store's end is not marked");
        }
    }

    pub(super) fn commit(&mut self, batches: Vec<Batch>) {
        let (mut spans, mut replies) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for Batch { spans: batch, reply } in batches {
            let mut stored = Stored::default();
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            // ANCHOR: once
            for span in batch {
                let key = index::key(&span);
                if index.has(&key) || !seen.insert(key) {
                    stored.duplicates += 1;
                } else if let Some(bytes) = format::encode(&span) {
                    stored.stored += 1;
                    spans.push((span, bytes));
                } else {
                    stored.too_long += 1;
                }
            }
            // ANCHOR_END: once
            replies.push((reply, stored));
        }
        if self.failed.is_none() {
            self.failed = self.write(&spans).err().map(|error| error.to_string());
        }
        for (reply, stored) in replies {
            let answer = match &self.failed {
                None => Ok(stored),
                Some(why) => Err(Refused::Stopped(why.clone())),
            };
            // The client may have gone; it is stored all the same.
            let _ = reply.send(answer);
        }
    }

    /// Stores new spans, and deletes what is too much or too old.
    fn write(&mut self, mut spans: &[(Span, Vec<u8>)]) -> Result<(), StoreError> {
        while !spans.is_empty() {
            let (mut body, mut places) = (Vec::new(), Vec::new());
            for (_, bytes) in spans {
                if body.len() + ENTRY + bytes.len() > MAX_BODY {
                    break;
                }
                let at = format::push(&mut body, bytes);
                places.push((at, body.len() - at));
            }
            let number = |n: usize| u32::try_from(n).expect("at most MAX_BODY and a head");
            let (segment, block) = self.segments.append(&body, number(places.len()), self.age)?;
            let (written, rest) = spans.split_at(places.len());
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            for ((span, _), (at, len)) in written.iter().zip(places) {
                let at = block + number(BLOCK + at);
                index.insert(span, Place { segment, at, len: number(len) });
            }
            spans = rest;
        }
        for segment in self.segments.retain(self.age)? {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            index.remove_segment(segment);
        }
        Ok(())
    }
}

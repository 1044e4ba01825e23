//! The thread that writes: many batches, one block, one fsync.

use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::oneshot;

use super::format::{self, BLOCK, ENTRY, MAX_BODY};
use super::index::{self, Index, Place};
use super::segments::Segments;
use super::{Options, Refused, StoreError, Stored};
use crate::types::Span;

/// A batch that waits.
pub(super) struct Batch {
    pub(super) spans: Vec<Span>,
    pub(super) received: u64,
    pub(super) reply: oneshot::Sender<Result<Stored, Refused>>,
}

/// As many spans are written at once, unless one batch has more.
const MAX_AT_ONCE: usize = 8192;

pub(super) struct Writer {
    index: Arc<RwLock<Index>>,
    segments: Segments,
    options: Options,
    /// Once a write failed, nobody knows what is on disk, so no further one may be called stored.
    failed: Option<String>,
}

impl Writer {
    pub(super) fn new(index: Arc<RwLock<Index>>, segments: Segments, options: Options) -> Self {
        Self { index, segments, options, failed: None }
    }

    /// Until the other end is closed and nothing waits any more.
    pub(super) fn run(mut self, batches: &Receiver<Batch>) {
        while let Ok(first) = batches.recv() {
            let mut count = first.spans.len();
            let mut waiting = vec![first];
            while count < MAX_AT_ONCE
                && let Ok(batch) = batches.try_recv()
            {
                count += batch.spans.len();
                waiting.push(batch);
            }
            self.commit(waiting);
        }
    }

    fn commit(&mut self, batches: Vec<Batch>) {
        let received = batches.iter().map(|batch| batch.received).max().unwrap_or(0);
        let (mut spans, mut replies) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for Batch { spans: batch, reply, .. } in batches {
            let mut stored = Stored::default();
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            for span in batch {
                if index.has(&span) || !seen.insert((span.trace, index::key(&span))) {
                    stored.duplicates += 1;
                } else if let Some(bytes) = format::encode(&span) {
                    stored.stored += 1;
                    spans.push((span, bytes));
                } else {
                    stored.too_long += 1;
                }
            }
            replies.push((reply, stored));
        }
        if self.failed.is_none() {
            self.failed = self.write(&spans, received).err().map(|error| error.to_string());
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

    fn write(&mut self, mut spans: &[(Span, Vec<u8>)], received: u64) -> Result<(), StoreError> {
        while !spans.is_empty() {
            let (mut body, mut places) = (Vec::new(), Vec::new());
            for (_, bytes) in spans {
                if body.len() + ENTRY + bytes.len() > MAX_BODY {
                    break;
                }
                let at = format::push(&mut body, bytes);
                places.push((at, body.len() - at));
            }
            let count = u32::try_from(places.len()).expect("as many as fit into MAX_BODY");
            let (segment, block) =
                self.segments.append(&body, count, received, self.options.segment)?;
            let (written, rest) = spans.split_at(places.len());
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            for ((span, _), (at, len)) in written.iter().zip(places) {
                let at = block + (BLOCK + at) as u64;
                let len = u32::try_from(len).expect("at most MAX_SPAN and its head");
                index.insert(span, Place { segment, at, len });
            }
            spans = rest;
        }
        let age = u64::try_from(self.options.age.as_nanos()).unwrap_or(u64::MAX);
        for segment in self.segments.retain(self.options.bytes, received.saturating_sub(age))? {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            index.remove_segment(segment);
        }
        Ok(())
    }
}

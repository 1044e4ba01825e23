//! What clients saw, in the order of time, and whether a linearizable store can have answered so.
//!
//! # Left out
//!
//! Keeping it. What `load --target` finds, its customers find again.

#![expect(clippy::disallowed_methods, reason = "a history has times")]

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use lab::check::linear::{Budget, Model, check};
use lab::check::{BadHistory, Entry, History, Judged, Type};
use serde_json::Value;

/// So many questions and answers are kept.
const MOST: usize = 400_000;
/// Enough for as many.
const STATES: usize = 50_000_000;

/// A history while it is written.
pub(super) struct Seen {
    began: Instant,
    entries: Mutex<Vec<Entry>>,
    processes: AtomicU64,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) process: u64,
    pub(super) f: &'static str,
    pub(super) key: String,
    /// What is put; null in a read.
    pub(super) value: Value,
}

impl Seen {
    pub(super) fn begin() -> Self {
        let (entries, processes) = (Mutex::default(), AtomicU64::new(0));
        Self { began: Instant::now(), entries, processes }
    }

    /// One who asks one thing at a time. Whose question stays open never asks again.
    pub(super) fn process(&self) -> u64 {
        self.processes.fetch_add(1, Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.lock().expect("no thread panics with this lock held").len() >= MOST
    }

    pub(super) fn note(&self, kind: Type, question: &Question, value: Value) {
        let (process, f, key) = (question.process, question.f.to_owned(), question.key.clone());
        let mut entries = self.entries.lock().expect("no thread panics with this lock held");
        // With the lock held: no two entries have the order of their times reversed.
        let time = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        entries.push(Entry { process, kind, f, key: key.into(), value, time });
    }

    /// Judges what was noted so far.
    pub(super) fn judge(&self) -> Result<Judged, BadHistory> {
        let entries = self.entries.lock().expect("no thread panics with this lock held").clone();
        check(&History::of(entries), &Model::Register.into(), &mut Budget::states(STATES))
    }
}

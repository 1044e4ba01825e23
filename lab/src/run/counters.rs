//! What a driver counts while it runs. Records per fsync is group commit as a number.
//!
//! # Left out
//!
//! Times: those are measured from outside, where the client stands.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) steps: AtomicU64,
    pub(super) effects: AtomicU64,
    pub(super) records: AtomicU64,
    pub(super) syncs: AtomicU64,
    pub(super) log_bytes: AtomicU64,
    pub(super) frames_out: AtomicU64,
    pub(super) frames_in: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) replies: AtomicU64,
}

/// What one start of a driver has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Inputs the node took, replayed records apart.
    pub steps: u64,
    /// Effects carried out or waiting for the disk.
    pub effects: u64,
    /// Records appended to the log.
    pub records: u64,
    /// Fsyncs of records.
    pub syncs: u64,
    /// Bytes written to the log.
    pub log_bytes: u64,
    /// Frames handed to the network.
    pub frames_out: u64,
    /// Frames that came in.
    pub frames_in: u64,
    /// System calls that handed frames over.
    pub writes: u64,
    /// Messages dropped: peer down or not reading, client gone.
    pub dropped: u64,
    /// Answers handed to clients.
    pub replies: u64,
}

impl Counters {
    pub(super) fn read(&self) -> Counts {
        Counts {
            steps: self.steps.load(Relaxed),
            effects: self.effects.load(Relaxed),
            records: self.records.load(Relaxed),
            syncs: self.syncs.load(Relaxed),
            log_bytes: self.log_bytes.load(Relaxed),
            frames_out: self.frames_out.load(Relaxed),
            frames_in: self.frames_in.load(Relaxed),
            writes: self.writes.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            replies: self.replies.load(Relaxed),
        }
    }
}

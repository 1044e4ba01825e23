//! The log of a node, for the one thread that steps it: forced by that thread, which then does
//! nothing else, or lent to another one, and stepping goes on. What is appended meanwhile is kept
//! here, and goes into the log when it is back.
//!
//! # Left out
//!
//! Two writes at once: the log writes a frame only after the one before it was durable.

use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::config::Fatal;
use super::wal::{LogError, Mark, Wal};

/// The log comes back from the other thread, with what became of the fsync.
type Lent = JoinHandle<(Box<Wal>, Result<(), LogError>)>;

pub(super) struct Log {
    /// `None` while it is lent.
    wal: Option<Box<Wal>>,
    lent: Option<Lent>,
    /// The place behind everything that was appended.
    end: Mark,
    /// How many changes there were (records, and places before which they are dropped), how many of
    /// them the fsync under way makes durable, and how many are.
    changes: u64,
    syncing: u64,
    durable: u64,
    /// What came while the log was lent: records one behind the other, their lengths, and a place.
    records: Vec<u8>,
    lengths: Vec<usize>,
    keep: Option<Mark>,
    syncs: u64,
    bytes: u64,
}

impl Log {
    pub(super) fn new(wal: Wal) -> Self {
        Self {
            end: wal.mark(),
            wal: Some(Box::new(wal)),
            lent: None,
            changes: 0,
            syncing: 0,
            durable: 0,
            records: Vec::new(),
            lengths: Vec::new(),
            keep: None,
            syncs: 0,
            bytes: 0,
        }
    }

    pub(super) fn append(&mut self, record: &[u8]) -> Result<(), Fatal> {
        self.changes += 1;
        self.end = self.end.next();
        if let Some(wal) = &mut self.wal {
            return wal.append(record).map_err(Fatal::Log);
        }
        self.records.extend_from_slice(record);
        self.lengths.push(record.len());
        Ok(())
    }

    /// Names the place behind everything that was appended.
    pub(super) fn mark(&self) -> Mark {
        self.end
    }

    /// Drops all records before a mark that is later than the one before.
    pub(super) fn discard_before(&mut self, mark: Mark) {
        self.changes += 1;
        match &mut self.wal {
            Some(wal) => wal.discard_before(mark),
            None => self.keep = Some(mark),
        }
    }

    /// How many changes there were.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// How many of them are durable.
    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    pub(super) fn is_lent(&self) -> bool {
        self.wal.is_none()
    }

    /// Whether the other thread is done with it.
    pub(super) fn is_due(&self) -> bool {
        self.lent.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Makes everything durable, on this thread. Only while it is here.
    pub(super) fn sync(&mut self) -> Result<(), Fatal> {
        let wal = self.wal.as_mut().expect("it is here");
        wal.sync().map_err(Fatal::Log)?;
        (self.syncs, self.bytes) = (wal.syncs(), wal.bytes());
        self.durable = self.changes;
        Ok(())
    }

    /// Lets another thread make everything durable. Only while it is here.
    pub(super) fn lend(&mut self) {
        let mut wal = self.wal.take().expect("it is here");
        self.syncing = self.changes;
        self.lent = Some(spawn_blocking(move || {
            let synced = wal.sync();
            (wal, synced)
        }));
    }

    /// Waits until the log is here.
    pub(super) async fn take_back(&mut self) -> Result<(), Fatal> {
        let Some(lent) = &mut self.lent else { return Ok(()) };
        let returned = lent.await;
        self.lent = None;
        let (mut wal, synced) = returned.map_err(|_: JoinError| Fatal::Panicked)?;
        synced.map_err(Fatal::Log)?;
        (self.syncs, self.bytes) = (wal.syncs(), wal.bytes());
        self.durable = self.syncing;
        let mut rest = self.records.as_slice();
        for len in self.lengths.drain(..) {
            let (record, behind) = rest.split_at(len);
            wal.append(record).map_err(Fatal::Log)?;
            rest = behind;
        }
        self.records.clear();
        if let Some(mark) = self.keep.take() {
            wal.discard_before(mark);
        }
        self.wal = Some(wal);
        Ok(())
    }

    pub(super) fn syncs(&self) -> u64 {
        self.syncs
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the log in order. Only while it is here.
    pub(super) fn close(self) -> Result<(), Fatal> {
        self.wal.expect("it is here").close().map_err(Fatal::Log)
    }
}

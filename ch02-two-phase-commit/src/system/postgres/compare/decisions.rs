//! The plain coordinator's log: one record per decision, and one fsync for all that wait. A
//! transaction that comes while the disk works waits, and the first of them syncs for all: no
//! timer, no thread of its own.
//!
//! # Left out
//!
//! Reading it again. A coordinator that comes back has to; one that is only measured does not.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use lab::measure::Error;
use lab::run::disk::FileDisk;
use lab::run::wal::{Identity, Options, Wal};
use tokio::sync::Mutex as Turn;

/// A log that many write to.
pub(super) struct Decisions {
    waiting: Mutex<Waiting>,
    wal: Turn<Wal>,
    /// So many records are durable.
    durable: AtomicU64,
    syncs: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    records: Vec<Vec<u8>>,
    /// So many were ever put here.
    count: u64,
}

impl Decisions {
    pub(super) fn open(dir: &Path) -> Result<Self, Error> {
        let broken = |e: &dyn std::fmt::Display| Error::contender("the coordinator's log", e);
        let disk = FileDisk::open(dir).map_err(|e| broken(&e))?;
        let identity = Identity { cluster: 1, node: 1 };
        let recovered = Wal::recover(Box::new(disk), identity, Options::default());
        let wal = Turn::new(recovered.map_err(|e| broken(&e))?.wal);
        let (durable, syncs) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { waiting: Mutex::default(), wal, durable, syncs })
    }

    /// Returns once the record is durable.
    ///
    /// # Panics
    /// If the disk fails: what is durable is unknown then.
    pub(super) async fn keep(&self, record: &[u8]) {
        let own = {
            let mut waiting = self.waiting.lock().expect("no thread panics with this lock held");
            waiting.records.push(record.to_vec());
            waiting.count += 1;
            waiting.count
        };
        let mut wal = self.wal.lock().await;
        if self.durable.load(Ordering::Acquire) >= own {
            return;
        }
        let (records, count) = {
            let mut waiting = self.waiting.lock().expect("no thread panics with this lock held");
            (std::mem::take(&mut waiting.records), waiting.count)
        };
        tokio::task::block_in_place(|| {
            for record in &records {
                wal.append(record).expect("the disk takes a record");
            }
            wal.sync().expect("the disk syncs what it took");
        });
        self.syncs.store(wal.syncs(), Ordering::Relaxed);
        self.durable.store(count, Ordering::Release);
    }

    /// Fsyncs so far.
    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }
}

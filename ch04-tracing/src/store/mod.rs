//! Edge: makes it survive the real world. The lesson is in [`crate::types`].
//!
//! Where spans stay: segments of checked blocks on disk, an index in memory.
//!
//! One thread writes. It takes all batches that wait, writes their new spans as one block, forces it to
//! disk, and only then says that they are stored: one fsync for all who wait, which is *group commit*. A
//! batch whose answer was lost is sent again, so a span that is stored already is not stored twice: it is
//! known by its trace, its own id and its side of the call.
//!
//! Old spans go by whole segments, when there are too many bytes or they are too old: deleting a file is the
//! only way to delete.
//!
//! | file | is about |
//! |---|---|
//! | `format.rs` | what the bytes mean |
//! | `segments.rs` | the files |
//! | `recover.rs` | reading them back |
//! | `index.rs`, `search.rs` | finding traces |
//! | `writer.rs` | the thread that writes |
//!
//! # Why not the log of `lab`
//!
//! A log is read once, from its beginning, into memory; a store of spans is read at any place, at any time,
//! and is larger than memory.
//!
//! # Left out
//!
//! Changing a stored span: of two with one key the first stays. Compression, several directories.

mod format;
mod index;
mod recover;
mod search;
mod segments;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use lab::run::disk::make_durable_directory;
use tokio::sync::oneshot;

use crate::types::{Span, TraceId};
use index::Index;
use segments::Segments;
use writer::{Batch, Writer};

pub use format::MAX_SPAN;
pub use index::OTHER;
pub use recover::Damage;
pub use search::{Found, MAX_FOUND, MAX_READ, Query, Summary};

/// How long spans are kept, and how they lie on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How long a segment gets.
    pub segment: u64,
    /// As many bytes are kept.
    pub bytes: u64,
    /// Spans are kept as long, counted from their arrival.
    pub age: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment: 64 << 20, bytes: 4 << 30, age: Duration::from_secs(7 * 24 * 3600) }
    }
}

/// As many batches wait for the disk; further ones are refused.
const MAX_WAITING: usize = 64;

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stored {
    /// Spans that are durable now and were not before.
    pub stored: usize,
    /// Spans that were stored already.
    pub duplicates: usize,
    /// Spans longer than [`MAX_SPAN`], which are refused.
    pub too_long: usize,
}

/// Why a store does not work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error(
        "cannot {doing} {}: {source}; check the disk and who may write there, then start the collector \
         again (what it called stored is still stored)", file.display()
    )]
    Io {
        /// What the store was doing.
        doing: &'static str,
        /// With which file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "{} is in use by another collector; stop it, or choose another directory with --dir",
        dir.display()
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// Written by another version of this program.
    #[error(
        "{} has format {found}, this program reads format {}; start it with the program that wrote it, or \
         choose another directory with --dir", file.display(), format::VERSION
    )]
    Version {
        /// The segment that says so.
        file: PathBuf,
        /// Its version.
        found: u32,
    },
}

impl StoreError {
    fn io(doing: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { doing, file, source }
    }
}

/// Why a batch is not stored.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The disk is slower than the senders.
    #[error("{MAX_WAITING} batches wait for the disk already; send this one again in a moment")]
    Busy,
    /// An earlier write failed, or the store is closed.
    #[error("the store takes nothing more: {0}")]
    Stopped(String),
}

/// The spans of a directory.
pub struct Store {
    dir: PathBuf,
    index: Arc<RwLock<Index>>,
    /// None once it is closed.
    sender: Mutex<Option<SyncSender<Batch>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    damage: Vec<Damage>,
    /// Keeps others out.
    _lock: File,
}

impl Store {
    /// Reads what a directory holds, and makes it if it is not there.
    ///
    /// # Errors
    /// The disk fails, another process has the directory, or another version wrote it.
    pub fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        make_durable_directory(dir).map_err(StoreError::io("make", dir))?;
        let lock = lock(dir)?;
        let recovered = recover::recover(dir)?;
        let index = Arc::new(RwLock::new(recovered.index));
        let segments = Segments::new(dir.to_owned(), recovered.older);
        let writer = Writer::new(Arc::clone(&index), segments, options);
        let (sender, batches) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new().name("store".into());
        let writer = thread.spawn(move || writer.run(&batches));
        let writer = writer.map_err(StoreError::io("start a thread for", dir))?;
        Ok(Self {
            dir: dir.to_owned(),
            index,
            sender: Mutex::new(Some(sender)),
            writer: Mutex::new(Some(writer)),
            damage: recovered.damage,
            _lock: lock,
        })
    }

    /// What was not whole at the start.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Stores a batch. `received` is the time of its arrival, in ns since 1970.
    ///
    /// # Errors
    /// It is not stored.
    pub async fn store(&self, spans: Vec<Span>, received: u64) -> Result<Stored, Refused> {
        let answer = self.submit(spans, received)?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    fn submit(
        &self,
        spans: Vec<Span>,
        received: u64,
    ) -> Result<oneshot::Receiver<Result<Stored, Refused>>, Refused> {
        let (reply, answer) = oneshot::channel();
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = sender.as_ref().ok_or_else(stopped)?;
        match sender.try_send(Batch { spans, received, reply }) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err(Refused::Busy),
            Err(TrySendError::Disconnected(_)) => Err(stopped()),
        }
    }

    /// Stores what waits, and takes nothing more.
    pub fn close(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the thread that stores spans ended in a panic");
        }
    }

    /// The names of all services.
    #[must_use]
    pub fn services(&self) -> BTreeSet<String> {
        self.known().services()
    }

    /// What a service does.
    #[must_use]
    pub fn operations(&self, service: &str) -> BTreeSet<String> {
        self.known().operations(service)
    }

    /// How many spans there are.
    #[must_use]
    pub fn spans(&self) -> u64 {
        self.known().spans()
    }

    /// Finds traces.
    #[must_use]
    pub fn search(&self, query: &Query) -> Found {
        let (candidates, stopped_early) = search::candidates(&self.known(), query);
        let mut found = Vec::new();
        for (id, places) in candidates {
            if found.len() >= query.limit.min(MAX_FOUND) {
                break;
            }
            let is_found = query.tags.is_empty()
                || search::read(&self.dir, &places)
                    .iter()
                    .any(|span| search::has_tags(span, query));
            if is_found {
                found.push(id);
            }
        }
        let index = self.known();
        let traces = found.into_iter().filter_map(|id| Some((id, index.traces.get(&id)?)));
        let traces = traces.map(|(id, trace)| search::summary(&index, id, trace)).collect();
        Found { traces, stopped_early }
    }

    /// All spans of a trace, by their begin; none if it is unknown.
    #[must_use]
    pub fn trace(&self, id: TraceId) -> Vec<Span> {
        let places: Vec<_> = {
            let index = self.known();
            let trace = index.traces.get(&id);
            trace
                .into_iter()
                .flat_map(|trace| trace.spans.values())
                .map(|span| span.place)
                .collect()
        };
        let mut spans = search::read(&self.dir, &places);
        spans.sort_by_key(|span| (span.start, span.id));
        spans
    }

    fn known(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

fn stopped() -> Refused {
    Refused::Stopped("it is closed; start the collector again".into())
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(StoreError::io("make", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StoreError::io("lock", &path)(source)),
    }
}

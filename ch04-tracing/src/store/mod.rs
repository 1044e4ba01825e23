//! Edge: makes it survive the real world. The lesson is in [`crate::types`].
//!
//! Where spans stay: segments of checked blocks on disk, an index in memory.
//!
//! One thread writes. It takes all batches that wait, writes their new spans as one block, forces it to
//! disk, and only then says that they are stored: one fsync for all who wait, which is *group commit*. A
//! batch whose answer was lost is sent again, so a span that is stored already is not stored twice: it is
//! known by its trace, its own id and its side of the call.
//!
//! Old spans go by whole segments, when they are too many, take too many bytes or are too old: deleting a file
//! is the only way to delete.
//!
//! | file | is about |
//! |---|---|
//! | `format.rs` | what the bytes mean |
//! | `segments.rs` | the files |
//! | `recover.rs` | reading them back |
//! | `index.rs`, `search.rs` | finding traces |
//! | `reads.rs` | what a question costs, beside a store without an index |
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
pub mod reads;
mod recover;
mod search;
mod segments;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use lab::run::disk::FileDisk;
use tokio::sync::oneshot;

use crate::types::{Span, TraceId};
use index::Index;
use segments::Segments;
use writer::{Asked, Batch, Writer};

pub use format::MAX_SPAN;
pub use index::{BYTES_PER_SPAN, OTHER};
pub use recover::Damage;
pub use search::{Found, MAX_FOUND, MAX_READ, MAX_SHOWN, Query, Shown, Summary};

/// How long spans are kept, and how they lie on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How long a segment gets.
    pub segment: u64,
    /// As many bytes are kept, and the segment that is being written.
    pub bytes: u64,
    /// As many spans are kept, and those of one block: each takes up to [`BYTES_PER_SPAN`] of memory.
    pub spans: usize,
    /// Spans are kept as long, counted from their arrival. Time in which the store is not open does not count.
    pub age: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let age = Duration::from_secs(7 * 24 * 3600);
        Self { segment: 64 << 20, bytes: 4 << 30, spans: 4_000_000, age }
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
    sender: Mutex<Option<SyncSender<Asked>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    damage: Vec<Damage>,
}

impl Store {
    /// Reads what a directory holds, and makes it if it is not there.
    ///
    /// # Errors
    /// The disk fails, another process has the directory, or another version wrote it.
    pub fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let disk = FileDisk::open(dir).map_err(|source| match source.kind() {
            io::ErrorKind::ResourceBusy => StoreError::InUse { dir: dir.to_owned() },
            _ => StoreError::io("open", dir)(source),
        })?;
        let mut disk = Box::new(disk);
        let recovered = recover::recover(dir, disk.as_mut(), &options)?;
        let (all, last_is_unused) = (recovered.segments, recovered.last_is_unused);
        let segments = Segments::new(dir.to_owned(), disk, options, all, last_is_unused)?;
        let index = Arc::new(RwLock::new(recovered.index));
        let writer = Writer::new(Arc::clone(&index), segments);
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
        })
    }

    /// What was not whole at the start.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Stores a batch. `open` is for how long the store has been open, by a clock that only goes on.
    ///
    /// # Errors
    /// It is not stored.
    pub async fn store(&self, spans: Vec<Span>, open: Duration) -> Result<Stored, Refused> {
        let answer = self.submit(spans, open)?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    fn submit(
        &self,
        spans: Vec<Span>,
        open: Duration,
    ) -> Result<oneshot::Receiver<Result<Stored, Refused>>, Refused> {
        let (reply, answer) = oneshot::channel();
        self.ask(Asked { batch: Some(Batch { spans, reply }), open })?;
        Ok(answer)
    }

    /// Deletes what has become too old, also if no batch arrives.
    ///
    /// # Errors
    /// Batches wait, and then it is done after them; or the store takes nothing more.
    pub fn tidy(&self, open: Duration) -> Result<(), Refused> {
        self.ask(Asked { batch: None, open })
    }

    fn ask(&self, asked: Asked) -> Result<(), Refused> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = sender.as_ref().ok_or_else(stopped)?;
        sender.try_send(asked).map_err(|error| match error {
            TrySendError::Full(_) => Refused::Busy,
            TrySendError::Disconnected(_) => stopped(),
        })
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
        self.known().spans() as u64
    }

    /// Finds traces.
    #[must_use]
    pub fn search(&self, query: &Query) -> Found {
        let (candidates, stopped_early) = search::candidates(&self.known(), query);
        let found = search::decided(candidates, query, |places| {
            search::read(&self.dir, places).any(|span| search::has_tags(&span, query))
        });
        let index = self.known();
        let traces = found.into_iter().filter_map(|id| search::summary(&index, id)).collect();
        Found { traces, stopped_early }
    }

    /// The spans of a trace, by their begin; none if it is unknown.
    #[must_use]
    pub fn trace(&self, id: TraceId) -> Shown {
        let places = search::shown(&self.known(), id);
        Shown::read(&self.dir, places)
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

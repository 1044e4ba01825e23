//! Edge: makes it survive the real world. The lesson is in [`crate::step4_exporter`].
//!
//! A flight recorder: what a process did last outlives it.
//!
//! An exporter has finished spans in its queue, and has never heard of those that have only begun. A process
//! that is killed takes both along, and they are the ones that say why. So each span is written into a file when
//! it begins and when it ends, before anything else learns of it. The file is a ring of fixed size. After a
//! kill, the next start reads it and sends all that is in there; the collector stores each span once.
//!
//! ```text
//! file    header in a slot of its own · slots
//! header  magic 8 · version 4 · slots 4 · crc 4
//! slot    crc 4 · length 4 · number 8 · kind 1 · span, and zeros
//! ```
//! All numbers are little-endian; a crc covers all that follows it. Record `n` stands in slot `n % slots`, so a
//! slot that was cut short costs itself and no other.
//!
//! What a system call has written survives `kill -9`, since the kernel has it. It does not survive a power cut:
//! nothing is forced to disk. A ring in shared memory would cost no system call, and needs `unsafe`.
//!
//! # Left out
//!
//! Spans that have been open for longer than the ring reaches back. Telling what was stored already: all of it
//! is sent again, and the collector knows it.

mod format;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use format::Kind;

use crate::experiments::kill::RINGS;
use crate::step4_exporter::QUEUE;
use crate::types::{Span, SpanId, TraceId};

pub use format::{Found, SLOT};

/// As many records are kept, if nothing else is said: some 16,000 spans in 32 MiB.
pub const SLOTS: u32 = 1 << 15;
// A queue that has just become full has two records of each span.
const _: () = assert!(SLOTS as usize > 2 * QUEUE);
// The book counts what this ring loses.
const _: () = assert!(SLOTS as usize == RINGS[RINGS.len() - 1]);

/// Why there is no flight recorder.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}; check the disk and who may write there", file.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process has it.
    #[error("{} is in use by another process; stop that one first", file.display())]
    InUse {
        /// The file.
        file: PathBuf,
    },
    /// Something else stands there.
    #[error(
        "{} is no flight recorder of version {}; remove it, and a new one is made at the next start",
        file.display(), format::VERSION
    )]
    Unknown {
        /// The file.
        file: PathBuf,
    },
}

impl RecorderError {
    fn io(doing: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { doing, file, source }
    }
}

/// Writes down spans when they begin and when they end.
pub struct Recorder {
    /// None once a write failed.
    ring: Mutex<Option<Ring>>,
}

struct Ring {
    file: File,
    slots: u32,
    /// The number of the next record; the file stands at its slot.
    next: u64,
    /// How many spans it had at its start, and how many have ended since.
    known: u64,
    /// Spans of this process that began and have not ended.
    open: BTreeSet<(TraceId, SpanId)>,
}

impl Recorder {
    /// Goes on with the ring in a file, or makes one with so many slots. Gives what is in it.
    ///
    /// # Errors
    /// The disk fails, another process has the file, or it is something else.
    pub fn open(path: &Path, slots: u32) -> Result<(Self, Found), RecorderError> {
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.map_err(RecorderError::io("make the folder of", path))?;
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(RecorderError::io("open", path))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => RecorderError::InUse { file: path.to_owned() },
            TryLockError::Error(source) => RecorderError::io("lock", path)(source),
        })?;
        let mut bytes = Vec::new();
        let read = (&mut file).take(format::MAX_FILE + 1).read_to_end(&mut bytes);
        read.map_err(RecorderError::io("read", path))?;
        // A kill in the middle of its making leaves zeros, and no record.
        let is_new = bytes.iter().all(|byte| *byte == 0);
        let (slots, found) = if is_new {
            let slots = slots.clamp(1, format::MAX_SLOTS);
            make(&mut file, slots).map_err(RecorderError::io("write", path))?;
            (slots, Found::default())
        } else {
            let read = format::read(&bytes);
            read.ok_or_else(|| RecorderError::Unknown { file: path.to_owned() })?
        };
        let known = (found.ended.len() + found.unfinished.len()) as u64;
        let mut ring = Ring { file, slots, next: found.written, known, open: BTreeSet::new() };
        ring.seek().map_err(RecorderError::io("read", path))?;
        Ok((Self { ring: Mutex::new(Some(ring)) }, found))
    }

    /// A span begins.
    pub fn began(&self, span: &Span) {
        self.write(Kind::Began, span);
    }

    /// A span has ended.
    pub fn ended(&self, span: &Span) {
        self.write(Kind::Ended, span);
    }

    /// So many spans are stored elsewhere: of those that the ring had at its start, and those that ended since.
    /// If these are all, the next start finds none of them. While a span is open, or one has ended that is not
    /// stored, all stays: this ring alone knows of that span.
    pub fn clear(&self, stored: u64) {
        let is_all = |ring: &Ring| ring.open.is_empty() && ring.known == stored;
        self.change(|ring| if is_all(ring) { ring.clear() } else { Ok(()) });
    }

    fn write(&self, kind: Kind, span: &Span) {
        self.change(|ring| ring.write(kind, span));
    }

    fn change(&self, change: impl FnOnce(&mut Ring) -> io::Result<()>) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = ring.as_mut()
            && let Err(error) = change(open)
        {
            tracing::error!(%error, "the flight recorder stops");
            *ring = None;
        }
    }
}

impl Ring {
    fn seek(&mut self) -> io::Result<()> {
        let slot = self.next % u64::from(self.slots);
        self.file.seek(SeekFrom::Start((slot + 1) * SLOT as u64)).map(drop)
    }

    // ANCHOR: write
    /// One record is one system call; what it has written is the kernel's, whatever becomes of this process.
    fn write(&mut self, kind: Kind, span: &Span) -> io::Result<()> {
        if self.next.is_multiple_of(u64::from(self.slots)) {
            self.seek()?;
        }
        self.file.write_all(&format::record(self.next, kind, span))?;
        self.next += 1;
        match kind {
            Kind::Began => _ = self.open.insert((span.trace, span.id)),
            Kind::Ended => {
                self.known += 1;
                self.open.remove(&(span.trace, span.id));
            }
        }
        Ok(())
    }
    // ANCHOR_END: write

    /// It goes on: other threads may still make spans.
    fn clear(&mut self) -> io::Result<()> {
        self.next = 0;
        make(&mut self.file, self.slots)
    }
}

/// The header comes last: without it there is nothing but zeros.
fn make(file: &mut File, slots: u32) -> io::Result<()> {
    file.set_len(0)?;
    file.set_len((u64::from(slots) + 1) * SLOT as u64)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&format::header(slots))
}

//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! A write-ahead log that makes a disk look like a prefix of the records, or refuses to start.
//!
//! [`Wal::append`] collects, [`Wal::sync`] writes everything collected as *one* frame and forces
//! it: one forced write for all who wait, which is group commit. [`Wal::checkpoint`] replaces the
//! log by one record, and the old one stays valid until the new one is durable under its name.
//!
//! # What damage is, and what cannot be told apart
//!
//! A frame is only written after the one before it was durable. So a frame that is not whole is a
//! *torn tail* if nothing of a later frame lies behind it: nobody was told about it, it is dropped.
//! With anything behind it, or a later segment, it is *bit rot*: it is refused, with file and byte.
//! Each start opens a new segment whose header vouches for the end of the one before, and a clean
//! end writes an empty frame, so both make all that is older refusable.
//!
//! One case stays: rot in exactly the last frame, after a crash and before the next start, looks
//! like a torn write, and its records are dropped though they were acknowledged. A log on one disk
//! cannot do better without forcing every write twice. Nor can it see that a disk forgot its whole
//! newest end, or that somebody removed the newest segments. Replication is the remedy for both.
//!
//! # Left out
//!
//! Retrying: a write or sync that failed once is never tried again, because kernels mark the pages
//! clean and say yes the second time. Compression, encryption, concurrent readers.

mod error;
mod format;
mod recover;
#[cfg(test)]
mod tests;

pub use error::LogError;
pub use format::{Identity, MAX_BODY, MAX_ENTRY, VERSION};
pub use recover::{Recovered, Torn};

use format::{FRAME, HEADER, Header, Place};
use recover::io_error;

use crate::run::disk::Disk;

/// What can be chosen about a log.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many bytes a segment is made with. They are written as zeros up front: forcing bytes
    /// that overwrite others costs no second trip for the file's length (measured: 25–40 % less).
    pub segment: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment: 1 << 20 }
    }
}

/// The log of one node, owned by its driver.
pub struct Wal {
    disk: Box<dyn Disk>,
    identity: Identity,
    options: Options,
    start: u64,
    /// The segment being written, where its next frame goes, and how long the file is.
    number: u64,
    at: u64,
    size: u64,
    /// The next frame: room for its head and count, then what was appended.
    frame: Vec<u8>,
    count: u32,
    stopped: bool,
    syncs: u64,
    bytes: u64,
}

const EMPTY: usize = FRAME + 4;

impl Wal {
    fn at_end(disk: Box<dyn Disk>, identity: Identity, options: Options, start: u64) -> Self {
        Self {
            disk,
            identity,
            options,
            start,
            number: 0,
            at: 0,
            size: 0,
            frame: vec![0; EMPTY],
            count: 0,
            stopped: false,
            syncs: 0,
            bytes: 0,
        }
    }

    /// Adds a record to those the next [`Wal::sync`] makes durable.
    ///
    /// # Errors
    /// The record is longer than any frame may be; or, since a full frame is forced early, as for
    /// [`Wal::sync`].
    pub fn append(&mut self, record: &[u8]) -> Result<(), LogError> {
        if record.len() > MAX_ENTRY {
            return Err(LogError::TooLong { len: record.len() });
        }
        if self.frame.len() - FRAME + 4 + record.len() > MAX_BODY {
            self.sync()?;
        }
        push(&mut self.frame, record);
        self.count += 1;
        Ok(())
    }

    /// Whether something was appended that is not durable yet.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.count > 0
    }

    /// Makes everything appended so far durable, with one write and one forced write.
    ///
    /// # Errors
    /// The disk failed, now or earlier. The process must end.
    pub fn sync(&mut self) -> Result<(), LogError> {
        if self.count == 0 { Ok(()) } else { self.write_frame() }
    }

    /// Replaces the log by one record that says the same. What was appended and not synced is
    /// replaced as well.
    ///
    /// # Errors
    /// As for [`Wal::sync`].
    pub fn checkpoint(&mut self, record: &[u8]) -> Result<(), LogError> {
        if record.len() > MAX_ENTRY {
            return Err(LogError::TooLong { len: record.len() });
        }
        self.frame.truncate(EMPTY);
        push(&mut self.frame, record);
        self.count = 1;
        let oldest = self.number;
        self.guard(|wal| wal.open_segment(true, 0))?;
        // From here on the checkpoint is what recovery begins with; the rest is tidying up.
        self.guard(|wal| {
            let names = wal.disk.list().map_err(|e| io_error("list", "the data directory", e))?;
            for name in names {
                if segment_number(&name).is_some_and(|n| n <= oldest) {
                    wal.disk.remove(&name).map_err(|e| io_error("remove", &name, e))?;
                }
            }
            Ok(())
        })
    }

    /// Ends the log in order: syncs, then writes an empty frame that vouches for the last full one.
    ///
    /// # Errors
    /// As for [`Wal::sync`].
    pub fn close(mut self) -> Result<(), LogError> {
        self.sync()?;
        self.write_frame()
    }

    /// How many forced writes of records there were, checkpoints included.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.syncs
    }

    /// How many bytes of frames were written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn write_frame(&mut self) -> Result<(), LogError> {
        self.guard(|wal| {
            if wal.at + wal.frame.len() as u64 > wal.size {
                wal.open_segment(false, wal.frame.len() as u64)?;
            }
            let name = segment_name(wal.number);
            wal.finish_frame();
            wal.disk.write(&name, wal.at, &wal.frame).map_err(|e| io_error("write", &name, e))?;
            wal.disk.sync(&name).map_err(|e| io_error("sync", &name, e))?;
            wal.frame_is_durable();
            Ok(())
        })
    }

    fn finish_frame(&mut self) {
        self.frame[FRAME..EMPTY].copy_from_slice(&self.count.to_le_bytes());
        let place = Place { identity: self.identity, number: self.number, at: self.at };
        format::seal(&mut self.frame, place);
    }

    fn frame_is_durable(&mut self) {
        self.at += self.frame.len() as u64;
        self.bytes += self.frame.len() as u64;
        self.syncs += 1;
        self.frame.truncate(EMPTY);
        self.count = 0;
    }

    /// Opens the next segment: whole and durable under another name first, then renamed, so that a
    /// crash leaves either no segment of that number or a complete one.
    fn open_segment(&mut self, checkpoint: bool, room: u64) -> Result<(), LogError> {
        let previous = self.at;
        self.number += 1;
        self.at = HEADER as u64;
        if checkpoint {
            self.finish_frame();
        }
        let first = if checkpoint { self.frame.as_slice() } else { &[] };
        let needed = HEADER as u64 + room.max(first.len() as u64);
        self.size = self.options.segment.max(needed);
        let header = Header {
            identity: self.identity,
            number: self.number,
            checkpoint,
            start: self.start,
            previous,
            size: self.size,
        };
        let mut bytes = header.encode();
        bytes.extend_from_slice(first);
        bytes.resize(usize::try_from(self.size).expect("segments are small"), 0);
        let name = segment_name(self.number);
        let unnamed = format!("{name}.tmp");
        let disk = &mut self.disk;
        disk.create(&unnamed).map_err(|e| io_error("make", &unnamed, e))?;
        disk.write(&unnamed, 0, &bytes).map_err(|e| io_error("write", &unnamed, e))?;
        disk.sync(&unnamed).map_err(|e| io_error("sync", &unnamed, e))?;
        disk.rename(&unnamed, &name).map_err(|e| io_error("rename", &unnamed, e))?;
        disk.sync_dir().map_err(|e| io_error("sync", "the data directory", e))?;
        if checkpoint {
            self.frame_is_durable();
        }
        Ok(())
    }

    /// Whatever fails, nothing works after it.
    fn guard(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        if self.stopped {
            return Err(LogError::Stopped);
        }
        // Set first: a panic in the middle stops the log as well.
        self.stopped = true;
        work(self)?;
        self.stopped = false;
        Ok(())
    }
}

fn push(frame: &mut Vec<u8>, record: &[u8]) {
    let len = u32::try_from(record.len()).expect("checked against MAX_BODY");
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(record);
}

fn segment_name(number: u64) -> String {
    format!("{number:012}.log")
}

fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".log")?.parse().ok()?;
    (segment_name(number) == name).then_some(number)
}

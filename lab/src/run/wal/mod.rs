//! Edge: makes it survive the real world. The lesson is in `node/`.
//!
//! A write-ahead log that makes a disk look like a prefix of the records, or refuses to start.
//!
//! [`Wal::append`] collects, [`Wal::sync`] writes everything collected as *one* frame and forces
//! it: one fsync for all who wait, which is group commit.
//!
//! # What is dropped, and when
//!
//! [`Wal::mark`] names the place behind everything appended so far. [`Wal::discard_before`] drops
//! what lies in front of a mark: it stands in the same frame as the records appended around it, so
//! one fsync makes it durable together with all that came before it. Recovery then gives
//! exactly the records from the mark on, and before that all of them. Files follow later: after a
//! fsync, the disk removes the segments that hold nothing but dropped records on a thread of its own.
//! That need not be durable, because a segment that comes back after a crash is recognised by its
//! numbers.
//!
//! # What an append costs
//!
//! One write and one fsync, whatever the log has behind it. Forcing bytes that overwrite others
//! costs no second trip for the file's length (25–40 % less), so a segment is made of zeros. When
//! half of a segment is used, the disk makes the next one on a thread of its own; its name is
//! durable before the log needs it, and going over to it is an ordinary frame. The price: each byte
//! of the log is written twice, once as a zero; some thirty fsyncs beside that thread take up to
//! 0.6 ms in place of 0.1 ms (for each 4 MiB; made inline, a segment of 1 MiB stopped the log for
//! 3.5 ms each time); up to one and a half segments of room are not used yet; and dropped records
//! keep their room until the rest of their segment is dropped.
//!
//! # What damage is, and what cannot be told apart
//!
//! A frame is only written after the one before it was durable. So a frame that is not whole is a
//! *torn tail* if nothing of a later frame lies behind it: no process was told about it, it is
//! dropped. With anything behind it, or a later segment, it is *bit rot*: it is refused, with file
//! and byte. Each start writes two frames without records into a segment of its own, which vouch
//! for the end of the one before and for each other, and an orderly end writes one; so both make
//! all that is older refusable, and no start number is given twice.
//!
//! One case stays: rot in exactly the last frame, after a crash and before the next start, looks
//! like a torn write, and its records are dropped though they were acknowledged. A log on one disk
//! cannot do better without forcing every write twice. Nor can it see that a disk forgot its whole
//! newest end, or that an operator removed the newest segments. Replication is the remedy for both.
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
pub use recover::{Recovered, TornTail};

use std::collections::VecDeque;

use format::{FRAME, HEADER, Header, NUMBERS, Numbers, Place};
use recover::io_error;

use crate::run::disk::Disk;

/// What can be chosen about a log.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many bytes a segment is made with; a frame that is longer gets one of its size.
    pub segment: u64,
    /// The least number that this start may have. An older copy of a log counts fewer starts than
    /// there were; a parent that keeps the true count names it here, and no id is given twice.
    pub least_start: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment: 4 << 20, least_start: 1 }
    }
}

/// A place between two records of one log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mark(u64);

impl Mark {
    /// The place behind one more record.
    #[must_use]
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
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
    name: String,
    at: u64,
    size: u64,
    /// Where the frames of the segment before it end.
    previous: u64,
    /// The size of the next segment, once the disk was asked for it.
    next: Option<u64>,
    /// Segments that are full, and the number of the first record behind each.
    older: VecDeque<(u64, u64)>,
    /// The next frame: room for its head and numbers, then what was appended.
    frame: Vec<u8>,
    count: u32,
    /// How many records were ever appended.
    appended: u64,
    /// The number of the first record that counts: as asked for, and as the disk knows it.
    keep: u64,
    durable_keep: u64,
    /// Whether the next frame is the last one.
    closing: bool,
    stopped: bool,
    syncs: u64,
    bytes: u64,
}

const EMPTY: usize = FRAME + NUMBERS;

impl Wal {
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
        self.appended += 1;
        Ok(())
    }

    /// Names the place behind everything appended so far, durable or not.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.appended)
    }

    /// Drops all records in front of a mark. The next [`Wal::sync`] makes that durable; until then a
    /// crash brings them back. An older mark than before changes nothing.
    ///
    /// # Panics
    /// If the mark is not one of this log.
    pub fn discard_before(&mut self, mark: Mark) {
        assert!(mark.0 <= self.appended, "a mark names a place in its own log");
        self.keep = self.keep.max(mark.0);
    }

    /// Whether something was appended or dropped that is not durable yet.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.count > 0 || self.keep > self.durable_keep
    }

    /// Makes everything so far durable, with one write and one fsync.
    ///
    /// # Errors
    /// The disk failed, now or earlier. The process must end.
    pub fn sync(&mut self) -> Result<(), LogError> {
        if self.is_dirty() { self.write_frame() } else { Ok(()) }
    }

    /// Ends the log in order: syncs, then writes an empty frame that says so, and gives the room behind
    /// it back. From then on whatever is not whole is damage, at the very end too.
    ///
    /// # Errors
    /// As for [`Wal::sync`].
    pub fn close(mut self) -> Result<(), LogError> {
        self.sync()?;
        self.closing = true;
        self.write_frame()?;
        self.guard(|wal| {
            let Self { disk, name, at, .. } = wal;
            disk.finish().map_err(|e| io_error("prepare", name, e))?;
            disk.truncate(name, *at).map_err(|e| io_error("truncate", name, e))?;
            disk.sync(name).map_err(|e| io_error("sync", name, e))
        })
    }

    /// How many fsyncs of records there were.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.syncs
    }

    /// How many bytes of frames were written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Begins a segment of its own for this start. The second frame proves that the first one was
    /// durable: otherwise rot in it would look like a torn write, and its number be given again.
    fn begin(&mut self) -> Result<(), LogError> {
        self.guard(|wal| wal.next_segment(wal.frame.len() as u64))?;
        self.write_frame()?;
        self.write_frame()
    }

    fn write_frame(&mut self) -> Result<(), LogError> {
        self.guard(|wal| {
            let len = wal.frame.len() as u64;
            if wal.at + len > wal.size {
                wal.next_segment(len)?;
            }
            wal.finish_frame();
            let Self { disk, name, at, frame, .. } = wal;
            disk.append(name, *at, frame).map_err(|e| io_error("write", name, e))?;
            disk.sync(name).map_err(|e| io_error("sync", name, e))?;
            wal.syncs += u64::from(wal.is_dirty());
            wal.bytes += len;
            wal.at += len;
            wal.durable_keep = wal.keep;
            wal.frame.truncate(EMPTY);
            wal.count = 0;
            wal.tidy()
        })
    }

    fn finish_frame(&mut self) {
        let numbers = Numbers {
            start: self.start,
            previous: self.previous,
            first: self.appended - u64::from(self.count),
            keep: self.keep,
            count: self.count,
            closed: self.closing,
        };
        numbers.encode(&mut self.frame[FRAME..]);
        let place = Place { identity: self.identity, number: self.number, at: self.at };
        format::seal(&mut self.frame, place);
    }

    /// Goes over to the next segment, which has at least this much room.
    fn next_segment(&mut self, room: u64) -> Result<(), LogError> {
        let needed = HEADER as u64 + room;
        if self.next.is_none_or(|size| size < needed) {
            self.prepare(needed)?;
        }
        let name = segment_name(self.number + 1);
        self.disk.finish().map_err(|e| io_error("prepare", &name, e))?;
        if self.number > 0 {
            self.older.push_back((self.number, self.appended - u64::from(self.count)));
        }
        self.previous = self.at;
        self.number += 1;
        self.name = name;
        self.at = HEADER as u64;
        self.size = self.next.take().expect("it was prepared");
        Ok(())
    }

    fn prepare(&mut self, needed: u64) -> Result<(), LogError> {
        let size = self.options.segment.max(needed);
        let header = Header { identity: self.identity, number: self.number + 1, size }.encode();
        let name = segment_name(self.number + 1);
        self.next = Some(size);
        self.disk.prepare(&name, &header, size).map_err(|e| io_error("prepare", &name, e))
    }

    /// What a durable frame makes due: the next segment in time, and old ones to be removed. The
    /// frame is in a later segment than those, and says itself that their records are dropped.
    fn tidy(&mut self) -> Result<(), LogError> {
        if self.next.is_none() && self.at > self.size / 2 {
            self.prepare(0)?;
        }
        let dropped = self.older.iter().take_while(|(_, end)| *end <= self.durable_keep).count();
        if dropped > 0 {
            let names: Vec<_> = self.older.drain(..dropped).map(|(n, _)| segment_name(n)).collect();
            let first = names[0].clone();
            self.disk.remove_later(names).map_err(|e| io_error("remove", &first, e))?;
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
    let len = u32::try_from(record.len()).expect("checked against MAX_ENTRY");
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(record);
}

fn segment_name(number: u64) -> String {
    format!("{number:012}.log")
}

fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".log")?.parse().ok()?;
    (number > 0 && segment_name(number) == name).then_some(number)
}

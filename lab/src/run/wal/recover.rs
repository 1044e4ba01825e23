//! Reading a log back. Whatever lies before proof of a later write is complete or refused; only
//! what no other process can have been told about is dropped. Each start then goes on in a segment
//! of its own: an old segment is never written again, and each start leaves proof for the next one
//! of everything that it has read.
//!
//! # Which segments count
//!
//! The last one that is *used*, which means that its first frame is whole, says in its last frame
//! from which record on the log counts. The segment with that record and all behind it have to be
//! there; what is in front may be gone, wholly or in part. Behind the last used segment there may be
//! one that was prepared, or whose first frame was torn. A second one is made only after that frame
//! was durable.

use std::collections::VecDeque;

use super::error::LogError;
use super::format::{self, BadHeader, HEADER, Header, Identity, Numbers, Place};
use super::{EMPTY, Options, Wal, segment_name, segment_number};
use crate::run::disk::{Disk, UNFINISHED};

/// What a log held, and the log, ready to go on.
pub struct Recovered {
    /// The log.
    pub wal: Wal,
    /// What survived, oldest first.
    pub records: Vec<Vec<u8>>,
    /// Counts the starts on this directory; durable.
    pub start: u64,
    /// The end of the last segment that was not whole and was dropped, if there was one.
    pub torn: Option<TornTail>,
}

/// A write that a crash cut short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornTail {
    /// The segment.
    pub file: String,
    /// Where it begins.
    pub at: u64,
}

struct Segment {
    name: String,
    header: Header,
    bytes: Vec<u8>,
}

/// A whole frame: what it says, and its records.
type Frame = (Numbers, Vec<Vec<u8>>);

/// What the segments say together.
struct Log<'a> {
    stale: &'a [Segment],
    /// The segments that count.
    used: &'a [Segment],
    /// Of each of them, the number of the first record behind it.
    ends: Vec<u64>,
    /// The last frame, and where it ends.
    last: Numbers,
    end: u64,
    records: Vec<Vec<u8>>,
    torn: Option<TornTail>,
}

impl Wal {
    /// Reads what a disk holds, makes durable what it read, and opens a segment for this start.
    ///
    /// # Errors
    /// The log is damaged, foreign, or incomplete; or the disk fails.
    pub fn recover(
        mut disk: Box<dyn Disk>,
        identity: Identity,
        options: Options,
    ) -> Result<Recovered, LogError> {
        let (segments, unfinished) = read_segments(disk.as_mut(), identity)?;
        let log = read_log(&segments)?;
        if let Some(last) = log.used.last() {
            // A process that was killed may have left a frame that is only in the kernel's memory.
            // It looks durable to us, so it has to be before any other process learns of it.
            disk.sync(&last.name).map_err(|e| io_error("sync", &last.name, e))?;
        }
        for name in unfinished.iter().chain(log.stale.iter().map(|s| &s.name)) {
            disk.remove(name).map_err(|e| io_error("remove", name, e))?;
        }
        let mut older: VecDeque<_> =
            log.used.iter().map(|s| s.header.number).zip(log.ends).collect();
        let mut wal = Self {
            disk,
            identity,
            options,
            start: log.last.start.saturating_add(1).max(options.least_start),
            // Going over to the next segment makes it an older one.
            number: older.pop_back().map_or(0, |(number, _)| number),
            name: String::new(),
            at: log.end,
            size: 0,
            previous: 0,
            next: None,
            older,
            frame: vec![0; EMPTY],
            count: 0,
            appended: log.last.end(),
            keep: log.last.keep,
            durable_keep: log.last.keep,
            closing: false,
            stopped: false,
            syncs: 0,
            bytes: 0,
        };
        wal.begin()?;
        // Gives the unused room back; the new segment already says where that one ends. If nothing
        // in it counts, it is gone by now.
        if let Some(Segment { name, header, .. }) = log.used.last()
            && wal.older.iter().any(|(number, _)| *number == header.number)
        {
            wal.disk.truncate(name, log.end).map_err(|e| io_error("truncate", name, e))?;
        }
        Ok(Recovered { start: wal.start, wal, records: log.records, torn: log.torn })
    }
}

/// All segments in order, and what was never finished.
fn read_segments(
    disk: &mut dyn Disk,
    identity: Identity,
) -> Result<(Vec<Segment>, Vec<String>), LogError> {
    let mut segments = Vec::new();
    let mut unfinished = Vec::new();
    for name in disk.list().map_err(|e| io_error("list", "the data directory", e))? {
        // A segment gets its name once it is durable: under another one it never counted.
        if name.strip_suffix(UNFINISHED).is_some_and(|n| segment_number(n).is_some()) {
            unfinished.push(name);
            continue;
        }
        let Some(number) = segment_number(&name) else {
            return Err(LogError::UnexpectedFile { file: name });
        };
        let bytes = disk.read(&name).map_err(|e| io_error("read", &name, e))?;
        let header = Header::decode(&bytes, identity).map_err(|bad| match bad {
            BadHeader::Damaged => damaged(&name, 0, "its header is not whole"),
            BadHeader::Version(found) => LogError::Version { file: name.clone(), found },
            BadHeader::Identity(found) => {
                LogError::Foreign { file: name.clone(), found, ours: identity }
            }
        })?;
        if header.number != number {
            return Err(damaged(&name, 0, "its header has another number than its name"));
        }
        segments.push(Segment { name, header, bytes });
    }
    Ok((segments, unfinished))
}

fn read_log(segments: &[Segment]) -> Result<Log<'_>, LogError> {
    let used = segments.iter().rposition(|s| s.first().is_some()).map_or(0, |i| i + 1);
    let (used, unused) = segments.split_at(used);
    let torn = check_unused(used.last(), unused)?;
    let Some(tail) = used.last() else {
        let last = Numbers { start: 0, previous: 0, first: 0, keep: 0, count: 0, closed: false };
        let (ends, records) = (Vec::new(), Vec::new());
        return Ok(Log { stale: &[], used, ends, last, end: 0, records, torn });
    };
    let (frames, end, torn_tail) = tail.frames(None)?;
    let (last, _) = *frames.last().expect("a used segment has a frame");
    let (stale, used) = used.split_at(oldest_that_counts(used, last.keep)?);
    let mut records = Vec::new();
    let mut ends = Vec::new();
    let mut next = None;
    for (i, segment) in used.iter().enumerate() {
        let sealed_at = used.get(i + 1).and_then(Segment::first).map(|numbers| numbers.previous);
        for (numbers, found) in segment.frames(sealed_at)?.0 {
            if next.is_some_and(|next| next != numbers.first) {
                let why = format!("record {} does not follow the one before it", numbers.first);
                return Err(damaged(&segment.name, HEADER, &why));
            }
            next = Some(numbers.end());
            let numbered = (numbers.first..).zip(found);
            records.extend(numbered.filter(|(n, _)| *n >= last.keep).map(|(_, record)| record));
        }
        ends.extend(next);
    }
    Ok(Log { stale, used, ends, last, end, records, torn: torn.or(torn_tail) })
}

/// Where among the used segments the record stands that the log begins with.
fn oldest_that_counts(used: &[Segment], keep: u64) -> Result<usize, LogError> {
    let mut oldest = used.len() - 1;
    loop {
        let Segment { name, header, .. } = &used[oldest];
        let why = "a later segment is in use, so this frame was durable";
        let first = used[oldest].first().ok_or_else(|| damaged(name, HEADER, why))?;
        if first.first <= keep {
            return Ok(oldest);
        }
        let before = header.number - 1;
        if oldest == 0 || used[oldest - 1].header.number != before {
            return Err(LogError::Missing { file: segment_name(before) });
        }
        oldest -= 1;
    }
}

/// Looks at what lies behind the last used segment. Gives the torn write, if there is one.
fn check_unused(last: Option<&Segment>, unused: &[Segment]) -> Result<Option<TornTail>, LogError> {
    let Some(next) = unused.first() else { return Ok(None) };
    let number = last.map_or(0, |s| s.header.number) + 1;
    if next.header.number != number {
        return Err(LogError::Missing { file: segment_name(number) });
    }
    if unused.len() > 1 {
        let why = "a later segment was made, so this frame was durable";
        return Err(damaged(&next.name, HEADER, why));
    }
    next.whole(next.header.size)?;
    next.torn(HEADER)
}

impl Segment {
    fn place(&self, at: usize) -> Place {
        Place { identity: self.header.identity, number: self.header.number, at: at as u64 }
    }

    /// What the first frame says, if it is whole.
    fn first(&self) -> Option<Numbers> {
        let body = format::body(self.bytes.get(HEADER..)?, self.place(HEADER))?;
        format::contents(body).map(|(numbers, _)| numbers)
    }

    /// The frames: up to `sealed_at` if a later segment says where they end, else as far as they go.
    /// With them their end, and the torn write behind it.
    fn frames(
        &self,
        sealed_at: Option<u64>,
    ) -> Result<(Vec<Frame>, u64, Option<TornTail>), LogError> {
        let Self { name, header, bytes } = self;
        // Closed in order, a log gives the room behind its last frame back.
        let is_shorter = sealed_at.is_none() && (bytes.len() as u64) < header.size;
        let limit =
            if is_shorter { bytes.len() } else { self.whole(sealed_at.unwrap_or(header.size))? };
        let mut frames = Vec::new();
        let mut at = HEADER;
        while at < limit {
            let Some(body) = format::body(&bytes[at..limit], self.place(at)) else { break };
            let contents = format::contents(body);
            let why = "its checksum is right and its counts are not";
            frames.push(contents.ok_or_else(|| damaged(name, at, why))?);
            at += format::FRAME + body.len();
        }
        match sealed_at {
            Some(end) if end == at as u64 => Ok((frames, end, None)),
            Some(end) => {
                let why = format!("the next segment vouches for it up to {end}");
                Err(damaged(name, at, &why))
            }
            None if is_shorter => {
                let closed = frames.last().is_some_and(|(numbers, _): &Frame| numbers.closed);
                if at < bytes.len() || !closed {
                    let why = "the file ends behind it, and no log that was closed in order";
                    return Err(damaged(name, at, why));
                }
                Ok((frames, at as u64, None))
            }
            None => Ok((frames, at as u64, self.torn(at)?)),
        }
    }

    /// Refuses a file that is shorter than it has to be.
    fn whole(&self, len: u64) -> Result<usize, LogError> {
        let whole = usize::try_from(len).ok().filter(|len| *len <= self.bytes.len());
        whole.ok_or_else(|| {
            let why = format!("the file ends here, and it had {len} bytes");
            damaged(&self.name, self.bytes.len(), &why)
        })
    }

    /// What lies behind the last whole frame: zeros, a torn write, or proof of damage.
    fn torn(&self, at: usize) -> Result<Option<TornTail>, LogError> {
        let Self { name, bytes, .. } = self;
        if let Some(later) = format::later_write(bytes, at, self.place(at)) {
            let why = format!("a later write begins at byte {later}, so this one was durable");
            return Err(damaged(name, at, &why));
        }
        let torn = bytes[at..].iter().any(|&b| b != 0);
        Ok(torn.then(|| TornTail { file: name.clone(), at: at as u64 }))
    }
}

fn damaged(file: &str, at: usize, why: &str) -> LogError {
    LogError::Damaged { file: file.to_owned(), at: at as u64, why: why.to_owned() }
}

pub(super) fn io_error(doing: &'static str, file: &str, source: std::io::Error) -> LogError {
    LogError::Io { doing, file: file.to_owned(), source }
}

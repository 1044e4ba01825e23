//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! Reading a log back. Whatever lies before proof of a later write is complete or refused; only
//! what nobody can have been told about is dropped. Each start then opens a segment of its own,
//! whose header says where the one before it ends: an old segment is never written again, and
//! everything one start has read is vouched for at the next.

use super::error::LogError;
use super::format::{self, BadHeader, Header, Identity, Place};
use super::{Options, Wal, segment_name, segment_number};
use crate::run::disk::Disk;

/// What a log held, and the log, ready to go on.
pub struct Recovered {
    /// The log.
    pub wal: Wal,
    /// What survived, oldest first.
    pub records: Vec<Vec<u8>>,
    /// Counts the starts on this directory; durable.
    pub start: u64,
    /// The end of the last segment that was not whole and was dropped, if there was one.
    pub torn: Option<Torn>,
}

/// A write that a crash cut short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Torn {
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
        let (segments, stale) = read_segments(disk.as_mut(), identity)?;
        let mut records = Vec::new();
        let mut end = 0;
        let mut torn = None;
        for (i, segment) in segments.iter().enumerate() {
            let vouched = segments.get(i + 1).map(|next| next.header.previous);
            (end, torn) = read_frames(segment, vouched, &mut records)?;
        }
        let last = segments.last();
        let start = last.map_or(1, |s| s.header.start + 1);
        if let Some(last) = last {
            // A process that was killed may have left a frame that is only in the kernel's memory.
            // It looks durable to us, so it has to be before anybody hears of it.
            disk.sync(&last.name).map_err(|e| io_error("sync", &last.name, e))?;
        }
        // Before the next segment is made, which may use the name of an unfinished one.
        for name in stale {
            disk.remove(&name).map_err(|e| io_error("remove", &name, e))?;
        }
        let mut wal = Self::at_end(disk, identity, options, start);
        wal.number = last.map_or(0, |s| s.header.number);
        wal.at = end;
        wal.open_segment(false, 0)?;
        if let Some(last) = last {
            // Gives the unused room back; the new header already says where that segment ends.
            wal.disk.truncate(&last.name, end).map_err(|e| io_error("truncate", &last.name, e))?;
        }
        Ok(Recovered { wal, records, start, torn })
    }
}

/// The segments that count, in order, and the files that no longer do.
fn read_segments(
    disk: &mut dyn Disk,
    identity: Identity,
) -> Result<(Vec<Segment>, Vec<String>), LogError> {
    let mut segments = Vec::new();
    let mut stale = Vec::new();
    for name in disk.list().map_err(|e| io_error("list", "the data directory", e))? {
        // A segment gets its name once it is durable: under another one it never counted.
        if name.strip_suffix(".tmp").is_some_and(|n| segment_number(n).is_some()) {
            stale.push(name);
            continue;
        }
        let Some(number) = segment_number(&name) else {
            return Err(LogError::Stranger { file: name });
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
    // The newest checkpoint makes everything before it history.
    if let Some(base) = segments.iter().rposition(|s| s.header.checkpoint) {
        stale.extend(segments.drain(..base).map(|s| s.name));
    }
    if let Some(first) = segments.first()
        && !first.header.checkpoint
        && first.header.number != 1
    {
        return Err(LogError::Missing { file: segment_name(first.header.number - 1) });
    }
    for pair in segments.windows(2) {
        if pair[1].header.number != pair[0].header.number + 1 {
            return Err(LogError::Missing { file: segment_name(pair[0].header.number + 1) });
        }
    }
    Ok((segments, stale))
}

/// Reads the frames of one segment: up to `vouched` if a later segment says where they end, else
/// as far as they go. Gives the end, and the torn write behind it.
fn read_frames(
    segment: &Segment,
    vouched: Option<u64>,
    records: &mut Vec<Vec<u8>>,
) -> Result<(u64, Option<Torn>), LogError> {
    let Segment { name, header, bytes } = segment;
    let limit = vouched.unwrap_or(header.size);
    if (bytes.len() as u64) < limit {
        let why = format!("the file ends here, and it had {limit} bytes");
        return Err(damaged(name, bytes.len(), &why));
    }
    let place =
        |at: usize| Place { identity: header.identity, number: header.number, at: at as u64 };
    let mut at = format::HEADER;
    while (at as u64) < limit {
        let Some(body) = format::body(&bytes[at..limit as usize], place(at)) else { break };
        let mut found = format::records(body)
            .ok_or_else(|| damaged(name, at, "its checksum is right and its counts are not"))?;
        records.append(&mut found);
        at += format::FRAME + body.len();
    }
    if vouched == Some(at as u64) {
        return Ok((at as u64, None));
    }
    if let Some(end) = vouched {
        return Err(damaged(name, at, &format!("the next segment vouches for it up to {end}")));
    }
    if header.checkpoint && at == format::HEADER {
        return Err(damaged(name, at, "its checkpoint was durable before it got its name"));
    }
    if at == bytes.len() {
        return Ok((at as u64, None));
    }
    if let Some(later) = format::later_frame(bytes, at, place(at)) {
        let why = format!("a later write begins at byte {later}, so this one was durable");
        return Err(damaged(name, at, &why));
    }
    let torn = bytes[at..].iter().any(|&b| b != 0);
    Ok((at as u64, torn.then(|| Torn { file: name.clone(), at: at as u64 })))
}

fn damaged(file: &str, at: usize, why: &str) -> LogError {
    LogError::Damaged { file: file.to_owned(), at: at as u64, why: why.to_owned() }
}

pub(super) fn io_error(doing: &'static str, file: &str, source: std::io::Error) -> LogError {
    LogError::Io { doing, file: file.to_owned(), source }
}

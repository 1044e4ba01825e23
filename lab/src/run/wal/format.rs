//! What the bytes of a log segment mean. A segment is a header, then frames, then zeros up to the
//! size it was made with. *One frame is what one fsync made durable*, however many records
//! wait in it. From that follows the one rule that tells a torn tail from bit rot: the next frame
//! is only written after the sync of this one returned, so anything behind a damaged frame, where there
//! were zeros before, proves that the damaged one was durable once. A log that ends in order says so in
//! its last frame, and its last segment ends there: then no tail is torn.
//!
//! ```text
//! header   magic 8 · version 4 · zero 4 · cluster 8 · node 8 · number 8 · size 8 · zero 16 · crc 4
//! frame    length 4 · crc of place and length 4 · crc of the body 4 · body
//! body     start 8 · previous 8 · first 8 · keep 8 · count 4 · (length 4 · record) × count
//! ```
//! The highest bit of a count says that the log was closed in order with this frame.
//! All numbers are little-endian. The first crc of a frame covers cluster, node, segment and offset
//! as well: old bytes, or bytes of another log, or a record that holds a copy of a log, never look
//! like a frame in another place. The header says only what is known before the segment is used; it
//! has one length and one place for its crc in all versions, so that each can tell the others.

use crc32c::{crc32c, crc32c_append};

use crate::MAX_RECORD;

/// Which log this is: two clusters, or two nodes, must never read each other's records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The cluster.
    pub cluster: u64,
    /// The node in it.
    pub node: u64,
}

/// The version this program writes, and the only one it reads.
pub const VERSION: u32 = 3;
/// The longest frame body that is ever written or believed. Whatever the node may persist fits, and
/// what more is appended than fits is forced in several frames.
pub const MAX_BODY: usize = 2 * MAX_RECORD;
/// The longest record the log takes: room for a node's longest and for what is kept beside it.
pub const MAX_ENTRY: usize = MAX_BODY - NUMBERS - 4;

const MAGIC: &[u8; 8] = b"lab wal\n";
pub(super) const HEADER: usize = 68;
pub(super) const FRAME: usize = 12;
/// What a body has in front of its records.
pub(super) const NUMBERS: usize = 36;

/// What stands at the beginning of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) identity: Identity,
    /// Segments are numbered without gaps.
    pub(super) number: u64,
    /// The length the file was made with: shorter means that another program cut it.
    pub(super) size: u64,
}

/// What every frame says besides its records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Numbers {
    /// The start count of the process that wrote it.
    pub(super) start: u64,
    /// Where the frames of the segment before this one end.
    pub(super) previous: u64,
    /// The number of its first record, or of the next one to come if it has none. Records are
    /// numbered from 0, through all segments.
    pub(super) first: u64,
    /// Records below this number no longer count.
    pub(super) keep: u64,
    /// How many records follow.
    pub(super) count: u32,
    /// Whether the log ended in order with this frame.
    pub(super) closed: bool,
}

/// In a count: the log ended in order.
const CLOSED: u32 = 1 << 31;

/// Why a header is not one of ours.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum BadHeader {
    Damaged,
    Version(u32),
    Identity(Identity),
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let Identity { cluster, node } = self.identity;
        for field in [cluster, node, self.number, self.size, 0, 0] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&crc32c(&out).to_le_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8], ours: Identity) -> Result<Self, BadHeader> {
        let bytes = bytes.get(..HEADER).ok_or(BadHeader::Damaged)?;
        if &bytes[..8] != MAGIC || crc32c(&bytes[..HEADER - 4]) != u32_at(bytes, HEADER - 4) {
            return Err(BadHeader::Damaged);
        }
        if u32_at(bytes, 8) != VERSION {
            return Err(BadHeader::Version(u32_at(bytes, 8)));
        }
        let identity = Identity { cluster: u64_at(bytes, 16), node: u64_at(bytes, 24) };
        if identity != ours {
            return Err(BadHeader::Identity(identity));
        }
        Ok(Self { identity, number: u64_at(bytes, 32), size: u64_at(bytes, 40) })
    }
}

/// Where a frame stands; part of its checksum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) identity: Identity,
    pub(super) number: u64,
    pub(super) at: u64,
}

impl Place {
    fn crc(&self, len: u32) -> u32 {
        let mut bytes = [0; 36];
        let Identity { cluster, node } = self.identity;
        for (slot, field) in bytes.chunks_mut(8).zip([cluster, node, self.number, self.at]) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
        bytes[32..].copy_from_slice(&len.to_le_bytes());
        crc32c(&bytes)
    }
}

/// Fills in the head of a frame whose body is in place behind `FRAME` bytes of room.
pub(super) fn seal(frame: &mut [u8], place: Place) {
    let len = u32::try_from(frame.len() - FRAME).expect("the writer keeps frames below MAX_BODY");
    let head = place.crc(len);
    let body = crc32c_append(head, &frame[FRAME..]);
    frame[..4].copy_from_slice(&len.to_le_bytes());
    frame[4..8].copy_from_slice(&head.to_le_bytes());
    frame[8..12].copy_from_slice(&body.to_le_bytes());
}

/// Whether a frame has begun here, and how long its body is. An empty body is never written, so
/// zeros are never a frame.
fn begun(bytes: &[u8], place: Place) -> Option<usize> {
    let head = bytes.get(..FRAME)?;
    let len = u32_at(head, 0);
    let plausible = (NUMBERS..=MAX_BODY).contains(&(len as usize));
    (plausible && place.crc(len) == u32_at(head, 4)).then_some(len as usize)
}

/// The body of the frame that starts with these bytes, if it is whole.
pub(super) fn body(bytes: &[u8], place: Place) -> Option<&[u8]> {
    let len = begun(bytes, place)?;
    let body = bytes.get(FRAME..FRAME + len)?;
    (crc32c_append(u32_at(bytes, 4), body) == u32_at(bytes, 8)).then_some(body)
}

/// Where behind a damaged frame a later write begins: the proof that the damaged one was durable. If
/// the head of that one is whole, anything but zeros behind its end is one. Else it takes the head of
/// another frame, whose body does not matter; every offset is looked at, because the damage may be in a
/// length.
pub(super) fn later_write(segment: &[u8], damaged: usize, place: Place) -> Option<usize> {
    let tail = segment.get(damaged + 1..)?;
    let end = tail.iter().rposition(|&b| b != 0)? + damaged + 2;
    if let Some(len) = begun(&segment[damaged..], Place { at: damaged as u64, ..place }) {
        let behind = damaged + FRAME + len;
        return (behind < end).then_some(behind);
    }
    (damaged + 1..end).find(|&at| begun(&segment[at..], Place { at: at as u64, ..place }).is_some())
}

impl Numbers {
    /// The number of the first record behind this frame.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    /// Fills in the room in front of the records.
    pub(super) fn encode(&self, body: &mut [u8]) {
        let fields = [self.start, self.previous, self.first, self.keep];
        for (room, field) in body.chunks_mut(8).zip(fields) {
            room.copy_from_slice(&field.to_le_bytes());
        }
        let count = if self.closed { self.count | CLOSED } else { self.count };
        body[32..NUMBERS].copy_from_slice(&count.to_le_bytes());
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let body = body.get(..NUMBERS)?;
        let [start, previous, first, keep] = [0, 8, 16, 24].map(|at| u64_at(body, at));
        let (count, closed) = (u32_at(body, 32) & !CLOSED, u32_at(body, 32) & CLOSED != 0);
        Some(Self { start, previous, first, keep, count, closed })
    }
}

/// What a body says; `None` if the counts inside do not add up.
pub(super) fn contents(body: &[u8]) -> Option<(Numbers, Vec<Vec<u8>>)> {
    let numbers = Numbers::decode(body)?;
    let mut rest = &body[NUMBERS..];
    let mut records = Vec::new();
    for _ in 0..numbers.count {
        let len = u32_at(rest.get(..4)?, 0) as usize;
        let record = rest.get(4..4usize.checked_add(len)?)?;
        records.push(record.to_vec());
        rest = &rest[4 + len..];
    }
    rest.is_empty().then_some((numbers, records))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

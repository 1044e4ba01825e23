//! What the bytes of a segment mean.
//!
//! ```text
//! segment  magic 8 · version 4 · number 8 · crc 4 · blocks
//! block    body's length 4 · count 4 · age 8 · crc of place and these 4 · crc of the body 4 · body
//! body     (length 4 · crc 4 · span) × count
//! ```
//! All numbers are little-endian. The first crc of a block covers the number of its segment and its
//! offset, so bytes of another file, or of a span that holds a copy of a block, never look like a block
//! here. A span has a crc of its own, so one span can be read and checked without its block. The age is that
//! of the store when the block was written, in ns (`writer.rs`). A block without spans is written at an
//! orderly end.

use crc32c::{crc32c, crc32c_append};

use crate::types::Span;

/// The version this program writes, and the only one it reads. Any change of [`Span`] changes it.
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER: usize = 24;
pub(super) const BLOCK: usize = 24;
/// What a span has in front of its bytes.
pub(super) const ENTRY: usize = 8;
/// The longest span that is stored.
pub const MAX_SPAN: usize = 1 << 20;
/// The longest body that is ever written or believed.
pub(super) const MAX_BODY: usize = 8 << 20;
const MAGIC: &[u8; 8] = b"spans 4\n";

pub(super) fn header(number: u32) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(u64::from(number).to_le_bytes());
    bytes.extend(crc32c(&bytes).to_le_bytes());
    bytes
}

/// What is wrong with the beginning of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BadHeader {
    Damaged,
    Version(u32),
}

pub(super) fn check_header(bytes: &[u8], number: u32) -> Result<(), BadHeader> {
    let bytes = bytes.get(..HEADER).ok_or(BadHeader::Damaged)?;
    let version = u32_at(bytes, 8);
    let is_whole = bytes[..8] == *MAGIC && crc32c(&bytes[..20]) == u32_at(bytes, 20);
    if is_whole && version != VERSION {
        return Err(BadHeader::Version(version));
    }
    if bytes == header(number) { Ok(()) } else { Err(BadHeader::Damaged) }
}

/// A span as bytes; none if it is longer than any may be.
pub(super) fn encode(span: &Span) -> Option<Vec<u8>> {
    let bytes = postcard::to_allocvec(span).expect("a span is plain data");
    (bytes.len() <= MAX_SPAN).then_some(bytes)
}

/// Adds a span to a body, and says where in it it stands.
pub(super) fn push(body: &mut Vec<u8>, span: &[u8]) -> usize {
    let at = body.len();
    body.extend(length(span).to_le_bytes());
    body.extend(crc32c(span).to_le_bytes());
    body.extend(span);
    at
}

/// A whole block for this place.
pub(super) fn block(number: u32, at: u64, age: u64, count: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BLOCK + body.len());
    bytes.extend(length(body).to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(age.to_le_bytes());
    bytes.extend(place_crc(number, at, &bytes).to_le_bytes());
    bytes.extend(crc32c(body).to_le_bytes());
    bytes.extend(body);
    bytes
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("checked against MAX_SPAN and MAX_BODY")
}

fn place_crc(number: u32, at: u64, head: &[u8]) -> u32 {
    let crc = crc32c(&u64::from(number).to_le_bytes());
    crc32c_append(crc32c_append(crc, &at.to_le_bytes()), head)
}

/// A block that was read.
pub(super) struct Block {
    pub(super) age: u64,
    /// Each span, and where its bytes begin in the segment and how many there are.
    pub(super) spans: Vec<(Span, u32, u32)>,
    /// Where the block ends.
    pub(super) end: usize,
}

/// Whether a block's head stands here, and where the block ends. Its body may still be damaged.
pub(super) fn block_end(segment: &[u8], number: u32, at: usize) -> Option<usize> {
    let head = segment.get(at..at.checked_add(BLOCK)?)?;
    let len = usize::try_from(u32_at(head, 0)).ok().filter(|len| *len <= MAX_BODY)?;
    let is_here = place_crc(number, at as u64, &head[..16]) == u32_at(head, 16);
    is_here.then_some(at + BLOCK + len)
}

/// The block that begins here; none if it is not whole.
pub(super) fn read_block(segment: &[u8], number: u32, at: usize) -> Option<Block> {
    let end = block_end(segment, number, at)?;
    let head = &segment[at..at + BLOCK];
    let body = segment.get(at + BLOCK..end)?;
    if crc32c(body) != u32_at(head, 20) {
        return None;
    }
    let mut spans = Vec::new();
    let mut next = at + BLOCK;
    for _ in 0..u32_at(head, 4) {
        let len = usize::try_from(u32_at(segment.get(next..end)?.get(..4)?, 0)).ok()?;
        let bytes = segment.get(next..next.checked_add(ENTRY + len)?)?;
        let (at, len) = (u32::try_from(next).ok()?, u32::try_from(bytes.len()).ok()?);
        spans.push((read_entry(bytes)?, at, len));
        next += bytes.len();
    }
    let age = u64::from_le_bytes(head[8..16].try_into().ok()?);
    (next == end).then_some(Block { age, spans, end })
}

/// The span of one entry; none if it is damaged.
pub(super) fn read_entry(bytes: &[u8]) -> Option<Span> {
    let span = bytes.get(ENTRY..)?;
    let is_whole = crc32c(span) == u32_at(bytes, 4);
    if is_whole { postcard::from_bytes(span).ok() } else { None }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

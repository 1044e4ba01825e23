//! What the bytes of a ring mean.

use std::collections::BTreeMap;

use crc32c::crc32c;

use crate::types::{Span, Status, Value};

/// The version this program writes, and the only one it reads. Any change of [`Span`] changes it.
pub(super) const VERSION: u32 = 1;
/// One record, and the header.
pub const SLOT: usize = 1024;
pub(super) const MAX_SLOTS: u32 = 1 << 16;
pub(super) const MAX_FILE: u64 = (MAX_SLOTS as u64 + 1) * SLOT as u64;
const MAGIC: &[u8; 8] = b"flight4\n";
const HEADER: usize = 20;
/// What a record has in front of its span.
const HEAD: usize = 17;
/// So many letters of a name stay if a span is too long for its slot.
const LETTERS: usize = 60;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Began,
    Ended,
}

/// What a ring holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Spans that ended, in that order.
    pub ended: Vec<Span>,
    /// Spans that only began. They say so, and their end is their begin.
    pub unfinished: Vec<Span>,
    /// Records that were ever written: `records + torn + overwritten`.
    pub written: u64,
    /// Records that are there.
    pub records: u64,
    /// Records that are damaged: cut short by a kill, or lost by a power cut.
    pub torn: u64,
    /// Records that made room for newer ones.
    pub overwritten: u64,
}

pub(super) fn header(slots: u32) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(slots.to_le_bytes());
    bytes.extend(crc32c(&bytes).to_le_bytes());
    bytes
}

/// A whole slot. A span that is too long loses its attributes and links, and the ends of its names.
pub(super) fn record(number: u64, kind: Kind, span: &Span) -> [u8; SLOT] {
    let encode = |span: &Span| postcard::to_allocvec(span).expect("a span is plain data");
    let mut span_bytes = encode(span);
    if span_bytes.len() > SLOT - HEAD {
        span_bytes = encode(&shortened(span));
    }
    let length = u32::try_from(span_bytes.len()).expect("it was shortened");
    let mut body = length.to_le_bytes().to_vec();
    body.extend(number.to_le_bytes());
    body.push(kind as u8);
    body.extend(span_bytes);
    let mut slot = [0; SLOT];
    slot[..4].copy_from_slice(&crc32c(&body).to_le_bytes());
    slot[4..4 + body.len()].copy_from_slice(&body);
    slot
}

fn shortened(span: &Span) -> Span {
    let short = |text: &str| text.chars().take(LETTERS).collect::<String>();
    Span {
        links: Vec::new(),
        attributes: Vec::new(),
        service: short(&span.service),
        name: short(&span.name),
        status: match &span.status {
            Status::Error(why) => Status::Error(short(why)),
            other => other.clone(),
        },
        ..span.clone()
    }
}

fn read_record(slot: &[u8]) -> Option<(u64, Kind, Span)> {
    let length = usize::try_from(u32_at(slot, 4)?).ok().filter(|length| *length <= SLOT - HEAD)?;
    let body = slot.get(4..HEAD + length)?;
    if crc32c(body) != u32_at(slot, 0)? {
        return None;
    }
    let number = u64::from_le_bytes(body.get(4..12)?.try_into().ok()?);
    let kind = match body.get(12)? {
        0 => Kind::Began,
        1 => Kind::Ended,
        _ => return None,
    };
    Some((number, kind, postcard::from_bytes(&body[HEAD - 4..]).ok()?))
}

/// How many slots a ring has, and what is in it; none if this is no ring.
pub(super) fn read(bytes: &[u8]) -> Option<(u32, Found)> {
    let slots = u32_at(bytes, 12).filter(|slots| (1..=MAX_SLOTS).contains(slots))?;
    if bytes.get(..HEADER)? != header(slots) {
        return None;
    }
    let all: Vec<&[u8]> = bytes.get(SLOT..)?.chunks_exact(SLOT).take(slots as usize).collect();
    let round = u64::from(slots);
    let in_place = |(slot, bytes): (usize, &&[u8])| {
        let (number, kind, span) = read_record(bytes)?;
        let is_here = number % round == slot as u64 && number < u64::MAX / 2;
        is_here.then_some((number, (kind, span)))
    };
    let mut records: BTreeMap<_, _> = all.iter().enumerate().filter_map(in_place).collect();
    let mut written = records.last_key_value().map_or(0, |(number, _)| number + 1);
    // The newest one may be torn. What a torn record leaves in its slot is neither zeros nor a record.
    let next = all.get(usize::try_from(written % round).ok()?);
    if next.is_some_and(|slot| read_record(slot).is_none() && slot.iter().any(|byte| *byte != 0)) {
        written += 1;
    }
    let overwritten = written.saturating_sub(round);
    records.retain(|number, _| *number >= overwritten);
    let records_found = records.len() as u64;
    let torn = written - overwritten - records_found;
    let (mut ended, mut open) = (Vec::new(), BTreeMap::new());
    for (kind, span) in records.into_values() {
        let key = (span.trace, span.id);
        if kind == Kind::Began {
            open.insert(key, span);
        } else {
            open.remove(&key);
            ended.push(span);
        }
    }
    let unfinished = open.into_values().map(unfinished).collect();
    Some((slots, Found { ended, unfinished, written, records: records_found, torn, overwritten }))
}

fn unfinished(mut span: Span) -> Span {
    span.status = Status::Error("its process ended before it did".into());
    span.attributes.push(("unfinished".into(), Value::Bool(true)));
    span
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

//! How many messages a body may hold, counted before anything is decoded.
//!
//! An empty span is two bytes of protobuf and some 300 bytes of memory, so a body of 64 MiB could become
//! 10 GB. Counting walks over the lengths alone and allocates nothing.

/// As many spans may come in one body.
pub const MAX_SPANS: usize = 1 << 16;
/// As many messages may come in one body: spans, and the attributes, values, events and links in them.
pub const MAX_MESSAGES: usize = 1 << 20;

/// A body holds more than will be decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "one request may hold {MAX_SPANS} spans and {MAX_MESSAGES} messages in all, and no groups; send smaller \
     batches"
)]
pub struct TooMany;

/// Which message one is in, and so which of its fields are messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    Request,
    ResourceSpans,
    /// Whatever has attributes in this field and no other messages: resource, scope, event, link.
    Attributes(u64),
    ScopeSpans,
    Span,
    KeyValue,
    AnyValue,
    Array,
}

impl In {
    fn field(self, field: u64) -> Option<Self> {
        match (self, field) {
            (Self::Request, 1) => Some(Self::ResourceSpans),
            (Self::ResourceSpans, 1) => Some(Self::Attributes(1)),
            (Self::ResourceSpans, 2) => Some(Self::ScopeSpans),
            (Self::ScopeSpans, 1) => Some(Self::Attributes(3)),
            (Self::ScopeSpans, 2) => Some(Self::Span),
            (Self::Span, 11) => Some(Self::Attributes(3)),
            (Self::Span, 13) => Some(Self::Attributes(4)),
            (Self::Attributes(own), field) if own == field => Some(Self::KeyValue),
            (Self::Span, 9) | (Self::AnyValue, 6) => Some(Self::KeyValue),
            (Self::KeyValue, 2) | (Self::Array, 1) => Some(Self::AnyValue),
            (Self::AnyValue, 5) => Some(Self::Array),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Counted {
    spans: usize,
    messages: usize,
}

/// A body that is no protobuf is cut off here: decoding it says what is wrong.
pub(super) fn check_protobuf(body: &[u8]) -> Result<(), TooMany> {
    count(body, In::Request, 0, &mut Counted::default())
}

/// Deeper than the decoder goes.
const MAX_DEPTH: usize = 128;

fn count(mut bytes: &[u8], within: In, depth: usize, counted: &mut Counted) -> Result<(), TooMany> {
    while let Some((field, message)) = next(&mut bytes)? {
        let (Some(inner), Some(message)) = (within.field(field), message) else { continue };
        counted.messages += 1;
        counted.spans += usize::from(inner == In::Span);
        if counted.spans > MAX_SPANS || counted.messages > MAX_MESSAGES {
            return Err(TooMany);
        }
        if depth < MAX_DEPTH {
            count(message, inner, depth + 1, counted)?;
        }
    }
    Ok(())
}

type Field<'a> = (u64, Option<&'a [u8]>);

/// The number of the next field, and its bytes if it may be a message. A group has no length, and what is in
/// it would not be counted; OTLP has none, but a decoder skips it and goes on.
fn next<'a>(bytes: &mut &'a [u8]) -> Result<Option<Field<'a>>, TooMany> {
    let Some(key) = varint(bytes) else { return Ok(None) };
    let content = match key & 7 {
        0 => varint(bytes).map(|_| None),
        1 => bytes.split_off(..8).map(|_| None),
        2 => {
            let len = varint(bytes).and_then(|len| usize::try_from(len).ok());
            len.and_then(|len| bytes.split_off(..len)).map(Some)
        }
        5 => bytes.split_off(..4).map(|_| None),
        3 | 4 => return Err(TooMany),
        // There are no such fields: the decoder stops here too.
        _ => None,
    };
    Ok(content.map(|content| (key >> 3, content)))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let byte = bytes.split_off_first()?;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Every message begins with a brace, or with a bracket: a list of its fields is read as well. Those inside of
/// texts count too, which is strict and safe.
pub(super) fn check_json(body: &[u8]) -> Result<(), TooMany> {
    let begins = body.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    // A message in JSON may be a span, so there may be as few as spans and what is usual in them.
    if begins > MAX_MESSAGES / 2 { Err(TooMany) } else { Ok(()) }
}

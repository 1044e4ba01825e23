//! Bytes that came and are not parsed yet, and lines in them.
//!
//! # Left out
//!
//! A limit of its own: each parser has one, and checks it whenever it finds too few bytes.

use bytes::buf::Limit;
use bytes::{BufMut, Bytes, BytesMut};

/// So much room there is at least for the next read.
const READ: usize = 16 << 10;
/// The longest line that has a number only, with its end.
const MAX_NUMBER_LINE: usize = 32;

/// What came, in order. Bytes are only added at the end and taken from the front.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: BytesMut,
    /// Before this place there is no end of the line that is searched for.
    searched: usize,
}

/// Where a line ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// At this line feed.
    Ends(usize),
    /// It has not come yet.
    Incomplete,
    /// Not within the limit.
    TooLong,
}

/// A number in a line of its own, behind the byte that says what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Number {
    /// The number, and where the next line begins.
    Is(i64, usize),
    /// The line is not whole yet.
    Incomplete,
    /// It is none.
    Invalid,
}

impl Buffer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Room for a read. The buffer has at most `most` bytes afterwards, or what one small read adds.
    pub(super) fn room(&mut self, most: usize) -> Limit<&mut BytesMut> {
        if self.bytes.is_empty() {
            // A request that is kept may have the old block, and an idle connection needs no large one.
            self.bytes = BytesMut::with_capacity(READ);
        } else if self.bytes.capacity() - self.bytes.len() < READ {
            self.bytes.reserve(READ);
        }
        let spare = self.bytes.capacity() - self.bytes.len();
        let room = most.saturating_sub(self.bytes.len()).clamp(READ, spare.max(READ));
        (&mut self.bytes).limit(room)
    }

    /// Takes the first `len` bytes away.
    pub(super) fn take(&mut self, len: usize) -> Bytes {
        self.searched = 0;
        self.bytes.split_to(len).freeze()
    }

    /// The end of the line that begins at `begin`, which is the same until it is found. No byte is looked
    /// at twice.
    pub(super) fn line(&mut self, begin: usize, limit: usize) -> Line {
        let from = self.searched.max(begin);
        let rest = self.bytes.get(from..).unwrap_or_default();
        let found = rest.iter().position(|byte| *byte == b'\n');
        self.searched = found.map_or(self.bytes.len(), |at| from + at + 1);
        match found {
            _ if self.searched.saturating_sub(begin) > limit => Line::TooLong,
            Some(at) => Line::Ends(from + at),
            None if self.bytes.len().saturating_sub(begin) >= limit => Line::TooLong,
            None => Line::Incomplete,
        }
    }

    /// The number in the line that begins at `begin`, behind its first byte.
    pub(super) fn number(&mut self, begin: usize) -> Number {
        let end = match self.line(begin, MAX_NUMBER_LINE) {
            Line::Ends(end) => end,
            Line::Incomplete => return Number::Incomplete,
            Line::TooLong => return Number::Invalid,
        };
        let text = self.bytes.get(begin + 1..end).and_then(|text| text.strip_suffix(b"\r"));
        text.and_then(number).map_or(Number::Invalid, |number| Number::Is(number, end + 1))
    }
}

/// A number as it is always written: no plus sign, no zeros in front.
fn number(text: &[u8]) -> Option<i64> {
    match text {
        b"0" | [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] => {
            std::str::from_utf8(text).ok()?.parse().ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_way_to_be_written() {
        for (text, is) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("+1", None),
            ("01", None),
            (" 1", None),
            ("1_0", None),
        ] {
            assert_eq!(number(text.as_bytes()), is, "{text:?}");
        }
    }

    #[test]
    fn a_line_is_as_long_as_the_limit_and_not_longer() {
        let mut buffer = Buffer::default();
        buffer.feed(b"123");
        assert_eq!(buffer.line(0, 4), Line::Incomplete);
        buffer.feed(b"\n5678\n");
        assert_eq!(buffer.line(0, 4), Line::Ends(3));
        assert_eq!(buffer.line(4, 4), Line::TooLong);
    }

    #[test]
    fn no_byte_is_searched_twice_for_the_end_of_a_line() {
        let mut buffer = Buffer::default();
        for _ in 0..10 {
            buffer.feed(b"x");
            assert_eq!(buffer.line(0, 100), Line::Incomplete);
            // A second look would find this.
            buffer.bytes.fill(b'\n');
        }
    }

    #[test]
    fn the_room_for_a_read_is_bounded_and_never_empty() {
        let mut buffer = Buffer::default();
        for len in [0, 100, READ, 4 * READ] {
            buffer.feed(&vec![b'x'; len - buffer.len()]);
            for most in [0, 10, 2 * READ, 1 << 20] {
                let room = buffer.room(most).remaining_mut();
                assert!(
                    room >= READ && (room == READ || len + room <= most),
                    "{len} {most}: {room}"
                );
            }
        }
    }
}

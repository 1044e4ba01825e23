//! Replies out of a stream of bytes, however the bytes arrive.
//!
//! # Left out
//!
//! Bulk strings without a copy. Each one would keep the block of memory it was read into, and a server
//! that sends slowly could make that a block for each byte.

use bytes::{BufMut, Bytes};

use super::buffer::{Buffer, Line, Number};
use super::{MAX_DEPTH, Reply};

/// The longest text, with its end.
const MAX_TEXT: usize = 64 << 10;

/// How large a reply may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplyLimits {
    /// Elements of all its arrays together.
    pub max_elements: usize,
    /// Bytes of a whole reply, as it is sent.
    pub max_reply: usize,
}

impl Default for ReplyLimits {
    /// 65,536 elements, 16 MiB.
    fn default() -> Self {
        Self { max_elements: 65_536, max_reply: 16 << 20 }
    }
}

/// Why bytes are not a reply that is accepted here. The connection cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReplyError {
    /// No kind of reply begins with this byte.
    #[error("a reply begins with '{}'; connect to a server of RESP2", .0.escape_ascii())]
    Kind(u8),
    /// A number, a length, or the end of a line or of a bulk string is not as it should be.
    #[error("a reply is malformed; look for what else answers at this address")]
    Malformed,
    /// Arrays in arrays.
    #[error("a reply is nested deeper than {MAX_DEPTH} arrays; ask for something flatter")]
    TooDeep,
    /// Too many values.
    #[error("a reply has more than {limit} elements, the limit; ask for fewer at a time")]
    TooManyElements {
        /// [`ReplyLimits::max_elements`].
        limit: usize,
    },
    /// Too many bytes.
    #[error("a reply has more than {limit} bytes, the limit; ask for less at a time")]
    TooLong {
        /// [`ReplyLimits::max_reply`].
        limit: usize,
    },
}

/// Cuts a stream of bytes into replies.
#[derive(Debug)]
pub struct ReplyParser {
    limits: ReplyLimits,
    buffer: Buffer,
    /// Bytes of the reply under way that are not in the buffer any more.
    taken: usize,
    /// The length of a bulk string whose bytes come next.
    length: Option<usize>,
    /// Arrays that have begun, the outermost first.
    open: Vec<Open>,
    /// Elements of all arrays that have begun.
    elements: usize,
    failed: Option<ReplyError>,
}

/// An array that is not whole yet.
#[derive(Debug)]
struct Open {
    missing: usize,
    items: Vec<Reply>,
}

/// What is at the front of the buffer.
enum Value {
    Incomplete,
    Whole(Reply),
    Array(usize),
}

impl ReplyParser {
    /// A parser at the beginning of a stream.
    #[must_use]
    pub fn new(limits: ReplyLimits) -> Self {
        Self {
            limits,
            buffer: Buffer::default(),
            taken: 0,
            length: None,
            open: Vec::new(),
            elements: 0,
            failed: None,
        }
    }

    /// Adds bytes as they came. After an error they are dropped.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.feed(bytes);
        }
    }

    /// Where a read puts its bytes; never full. A caller that parses all replies between two reads keeps
    /// at most `max_reply` bytes and one read of 16 KiB.
    pub fn room(&mut self) -> impl BufMut {
        self.buffer.room(self.limits.max_reply)
    }

    /// How many bytes came of a reply that is not whole yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.taken + self.buffer.len()
    }

    /// The next whole reply, or `None` until more bytes come.
    ///
    /// # Errors
    /// What came is no reply, or too large. The same error comes from then on: close the connection.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, ReplyError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let next = self.parse();
        if let Err(error) = next {
            *self = Self { failed: Some(error), ..Self::new(self.limits) };
        }
        next
    }

    fn parse(&mut self) -> Result<Option<Reply>, ReplyError> {
        loop {
            let value = self.value()?;
            let is_incomplete = matches!(value, Value::Incomplete);
            let len = if is_incomplete { self.buffered() } else { self.taken };
            if len > self.limits.max_reply {
                return Err(ReplyError::TooLong { limit: self.limits.max_reply });
            }
            match value {
                Value::Incomplete => return Ok(None),
                Value::Array(0) => {
                    self.begin_array(0)?;
                    self.open.pop();
                    if let Some(reply) = self.close(Reply::Array(Vec::new())) {
                        return Ok(Some(reply));
                    }
                }
                Value::Array(count) => self.begin_array(count)?,
                Value::Whole(reply) => {
                    if let Some(reply) = self.close(reply) {
                        return Ok(Some(reply));
                    }
                }
            }
        }
    }

    fn begin_array(&mut self, count: usize) -> Result<(), ReplyError> {
        if self.open.len() == MAX_DEPTH {
            return Err(ReplyError::TooDeep);
        }
        let limit = self.limits.max_elements;
        if count > limit - self.elements {
            return Err(ReplyError::TooManyElements { limit });
        }
        self.elements += count;
        self.open.push(Open { missing: count, items: Vec::with_capacity(count) });
        Ok(())
    }

    /// Puts a value where it belongs; gives the reply once that is whole.
    fn close(&mut self, mut reply: Reply) -> Option<Reply> {
        while let Some(open) = self.open.last_mut() {
            open.items.push(reply);
            open.missing -= 1;
            if open.missing > 0 {
                return None;
            }
            reply = Reply::Array(self.open.pop()?.items);
        }
        (self.taken, self.elements) = (0, 0);
        Some(reply)
    }

    fn take(&mut self, len: usize) -> Bytes {
        self.taken += len;
        self.buffer.take(len)
    }

    fn value(&mut self) -> Result<Value, ReplyError> {
        if let Some(length) = self.length {
            return self.bulk(length);
        }
        let Some(kind) = self.buffer.bytes().first().copied() else { return Ok(Value::Incomplete) };
        match kind {
            b'+' | b'-' => return self.text(kind == b'-'),
            b':' | b'$' | b'*' => {}
            other => return Err(ReplyError::Kind(other)),
        }
        let number = match self.buffer.number(0) {
            Number::Is(number, end) => {
                self.take(end);
                number
            }
            Number::Incomplete => return Ok(Value::Incomplete),
            Number::Invalid => return Err(ReplyError::Malformed),
        };
        match (kind, usize::try_from(number)) {
            (b':', _) => Ok(Value::Whole(Reply::Integer(number))),
            (b'*', Ok(count)) => Ok(Value::Array(count)),
            (_, Ok(length)) => self.bulk(length),
            (_, Err(_)) if number == -1 => Ok(Value::Whole(Reply::Nil)),
            (_, Err(_)) => Err(ReplyError::Malformed),
        }
    }

    fn bulk(&mut self, length: usize) -> Result<Value, ReplyError> {
        let limit = self.limits.max_reply;
        if length > limit || self.taken + length + 2 > limit {
            return Err(ReplyError::TooLong { limit });
        }
        self.length = Some(length);
        match self.buffer.bytes().get(length..length + 2) {
            None => return Ok(Value::Incomplete),
            Some(b"\r\n") => {}
            Some(_) => return Err(ReplyError::Malformed),
        }
        self.length = None;
        let bytes = Bytes::copy_from_slice(&self.buffer.bytes()[..length]);
        self.take(length + 2);
        Ok(Value::Whole(Reply::Bulk(bytes)))
    }

    fn text(&mut self, is_error: bool) -> Result<Value, ReplyError> {
        let end = match self.buffer.line(0, MAX_TEXT) {
            Line::Ends(end) => end,
            Line::Incomplete => return Ok(Value::Incomplete),
            Line::TooLong => return Err(ReplyError::TooLong { limit: MAX_TEXT }),
        };
        let line = self.take(end + 1);
        let text = line[1..end].strip_suffix(b"\r").ok_or(ReplyError::Malformed)?;
        let text = String::from_utf8_lossy(text).into_owned().into();
        Ok(Value::Whole(if is_error { Reply::Error(text) } else { Reply::Simple(text) }))
    }
}

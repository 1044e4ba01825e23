//! Requests out of a stream of bytes, however the bytes arrive.
//!
//! A request is an array of bulk strings, or a line of words. Each byte is looked at once: a parser
//! continues where it found too few. What is not a request ends the stream, because the place where the
//! next one begins is unknown.
//!
//! # Left out
//!
//! Requests with other arguments than bulk strings: Redis refuses them too.

use std::ops::Range;

use bytes::{BufMut, Bytes};

use super::buffer::{Buffer, Line, Number};
use super::inline::words;

/// The longest line of words, with its end, as in Redis.
const MAX_INLINE: usize = 64 << 10;

/// A command and its arguments; there is at least one. They share one block of memory with what came
/// before and after them: copy what is kept for long, or a short value keeps a long block.
pub type Request = Vec<Bytes>;

/// How large a request may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestLimits {
    /// How many arguments, with the name of the command.
    pub max_arguments: usize,
    /// Bytes of one argument.
    pub max_argument: usize,
    /// Bytes of a whole request, as it is sent. A line of words has at most 64 KiB in any case.
    pub max_request: usize,
}

impl Default for RequestLimits {
    /// 1,024 arguments, 512 KiB for one of them, 768 KiB for all: a request then fits into one message
    /// between nodes.
    fn default() -> Self {
        Self { max_arguments: 1_024, max_argument: 512 << 10, max_request: 768 << 10 }
    }
}

/// Why bytes are not a request that is accepted here. The connection cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RequestError {
    /// What is behind `*` is not a number.
    #[error("Protocol error: invalid multibulk length; send *, the number of arguments, CR, LF")]
    Count,
    /// What is behind `$` is not a length.
    #[error("Protocol error: invalid bulk length; send $, the number of bytes, CR, LF")]
    Length,
    /// An argument does not begin with `$`.
    #[error("Protocol error: expected '$', got '{}'; send each argument as a bulk string", .0.escape_ascii())]
    NoBulk(u8),
    /// An argument is longer than its length says, or shorter.
    #[error("Protocol error: no CR, LF behind an argument; count its bytes again")]
    NoEnd,
    /// A quote in a line of words.
    #[error(
        "Protocol error: unbalanced quotes in request; close each one, and put a blank behind it"
    )]
    Quotes,
    /// A line of words has no end.
    #[error(
        "Protocol error: too big inline request, {limit} bytes are the limit; send bulk strings"
    )]
    LineTooLong {
        /// Bytes of a line.
        limit: usize,
    },
    /// It has too many arguments.
    #[error("Protocol error: too many arguments, {limit} are the limit; send several requests")]
    TooManyArguments {
        /// [`RequestLimits::max_arguments`].
        limit: usize,
    },
    /// One argument is too long.
    #[error(
        "Protocol error: an argument is too long, {limit} bytes are the limit; send it in parts"
    )]
    ArgumentTooLong {
        /// [`RequestLimits::max_argument`].
        limit: usize,
    },
    /// All together is too long.
    #[error("Protocol error: a request is too long, {limit} bytes are the limit; send several")]
    RequestTooLong {
        /// [`RequestLimits::max_request`].
        limit: usize,
    },
}

/// Cuts a stream of bytes into requests.
#[derive(Debug)]
pub struct RequestParser {
    limits: RequestLimits,
    buffer: Buffer,
    /// Of the request at the front of the buffer, so many bytes are parsed.
    parsed: usize,
    /// So many of its arguments are still to come; none between two requests.
    missing: usize,
    /// The length of the argument that comes next, once it is parsed.
    length: Option<usize>,
    /// The places of those that came.
    arguments: Vec<Range<usize>>,
    failed: Option<RequestError>,
}

/// What is at the front of the buffer.
enum Begin {
    Incomplete,
    /// Nothing that is answered.
    Skipped,
    Array,
    Inline(Request),
}

impl RequestParser {
    /// A parser at the beginning of a stream.
    #[must_use]
    pub fn new(limits: RequestLimits) -> Self {
        Self {
            limits,
            buffer: Buffer::default(),
            parsed: 0,
            missing: 0,
            length: None,
            arguments: Vec::new(),
            failed: None,
        }
    }

    /// Adds bytes as they came. After an error they are dropped.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.feed(bytes);
        }
    }

    /// Where a read puts its bytes; never full. A caller that parses all requests between two reads keeps
    /// at most `max_request` bytes and one read of 16 KiB.
    pub fn room(&mut self) -> impl BufMut {
        self.buffer.room(self.limits.max_request)
    }

    /// How many bytes came that belong to no request yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole request, or `None` until more bytes come. Empty ones are skipped.
    ///
    /// # Errors
    /// What came is no request, or too large. The same error comes from then on: close the connection.
    pub fn next_request(&mut self) -> Result<Option<Request>, RequestError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let next = self.parse().and_then(|next| {
            let limit = self.limits.max_request;
            let is_too_long = next.is_none() && self.buffer.len() > limit;
            if is_too_long { Err(RequestError::RequestTooLong { limit }) } else { Ok(next) }
        });
        if let Err(error) = next {
            *self = Self { failed: Some(error), ..Self::new(self.limits) };
        }
        next
    }

    fn parse(&mut self) -> Result<Option<Request>, RequestError> {
        while self.missing == 0 {
            match self.begin()? {
                Begin::Incomplete => return Ok(None),
                Begin::Skipped => {}
                Begin::Array => break,
                Begin::Inline(request) => return Ok(Some(request)),
            }
        }
        while self.missing > 0 {
            if !self.argument()? {
                return Ok(None);
            }
        }
        let whole = self.buffer.take(self.parsed);
        self.parsed = 0;
        Ok(Some(self.arguments.drain(..).map(|place| whole.slice(place)).collect()))
    }

    fn begin(&mut self) -> Result<Begin, RequestError> {
        match self.buffer.bytes().first() {
            None => return Ok(Begin::Incomplete),
            Some(b'*') => {}
            Some(_) => return self.inline(),
        }
        let (count, end) = match self.buffer.number(0) {
            Number::Is(count, end) => (count, end),
            Number::Incomplete => return Ok(Begin::Incomplete),
            Number::Invalid => return Err(RequestError::Count),
        };
        if count <= 0 {
            self.buffer.take(end);
            return Ok(Begin::Skipped);
        }
        let limit = self.limits.max_arguments;
        let count = usize::try_from(count).ok().filter(|count| *count <= limit);
        self.missing = count.ok_or(RequestError::TooManyArguments { limit })?;
        self.parsed = end;
        Ok(Begin::Array)
    }

    fn inline(&mut self) -> Result<Begin, RequestError> {
        let limit = MAX_INLINE.min(self.limits.max_request);
        let end = match self.buffer.line(0, limit) {
            Line::Ends(end) => end,
            Line::Incomplete => return Ok(Begin::Incomplete),
            Line::TooLong => return Err(RequestError::LineTooLong { limit }),
        };
        let line = self.buffer.take(end + 1);
        let words = words(&line.slice(..end)).ok_or(RequestError::Quotes)?;
        let RequestLimits { max_arguments, max_argument, .. } = self.limits;
        if words.len() > max_arguments {
            return Err(RequestError::TooManyArguments { limit: max_arguments });
        }
        if words.iter().any(|word| word.len() > max_argument) {
            return Err(RequestError::ArgumentTooLong { limit: max_argument });
        }
        Ok(if words.is_empty() { Begin::Skipped } else { Begin::Inline(words) })
    }

    /// Whether one more argument is there.
    fn argument(&mut self) -> Result<bool, RequestError> {
        let length = match self.length {
            Some(length) => length,
            None => match self.argument_length()? {
                Some(length) => length,
                None => return Ok(false),
            },
        };
        self.length = Some(length);
        let end = self.parsed + length;
        match self.buffer.bytes().get(end..end + 2) {
            None => return Ok(false),
            Some(b"\r\n") => {}
            Some(_) => return Err(RequestError::NoEnd),
        }
        self.arguments.push(self.parsed..end);
        self.parsed = end + 2;
        self.missing -= 1;
        self.length = None;
        Ok(true)
    }

    fn argument_length(&mut self) -> Result<Option<usize>, RequestError> {
        match self.buffer.bytes().get(self.parsed) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => return Err(RequestError::NoBulk(*other)),
        }
        let (length, begin) = match self.buffer.number(self.parsed) {
            Number::Is(length, begin) => (length, begin),
            Number::Incomplete => return Ok(None),
            Number::Invalid => return Err(RequestError::Length),
        };
        if length < 0 {
            return Err(RequestError::Length);
        }
        let RequestLimits { max_argument: limit, max_request, .. } = self.limits;
        let length = usize::try_from(length).ok().filter(|length| *length <= limit);
        let length = length.ok_or(RequestError::ArgumentTooLong { limit })?;
        // Before anything is kept for it: a length from outside must not decide about our memory.
        if max_request.saturating_sub(begin + 2) < length || max_request < begin + 2 {
            return Err(RequestError::RequestTooLong { limit: max_request });
        }
        self.parsed = begin;
        Ok(Some(length))
    }
}

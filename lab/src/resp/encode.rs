//! Replies and requests as bytes.
//!
//! # Left out
//!
//! The null array, `*-1`: it is read as [`Reply::Nil`], which is written as the null bulk string.

use std::borrow::Cow;
use std::fmt::Display;

use bytes::{BufMut, Bytes, BytesMut};

use super::MAX_DEPTH;

/// What a server answers to one request.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Reply {
    /// A short text, such as `OK`.
    Simple(Cow<'static, str>),
    /// Why there is no other reply; begins with a word in capitals, such as `ERR`.
    Error(Cow<'static, str>),
    /// A number.
    Integer(i64),
    /// Any bytes.
    Bulk(Bytes),
    /// There is no value.
    Nil,
    /// Several.
    Array(Vec<Self>),
}

/// A reply whose arrays are nested too deep.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a reply is nested deeper than {MAX_DEPTH} arrays; make it flatter")]
pub struct TooDeep;

impl Reply {
    /// `ERR` and why.
    #[must_use]
    pub fn error(why: &impl Display) -> Self {
        Self::Error(format!("ERR {why}").into())
    }

    /// Appends it to a buffer. A text cannot have line ends: blanks are written in their place.
    ///
    /// # Errors
    /// It is nested too deep. The buffer is as it was.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), TooDeep> {
        let begin = out.len();
        let written = self.append(0, out);
        if written.is_err() {
            out.truncate(begin);
        }
        written
    }

    fn append(&self, depth: usize, out: &mut BytesMut) -> Result<(), TooDeep> {
        match self {
            Self::Simple(text) => append_text(b'+', text, out),
            Self::Error(text) => append_text(b'-', text, out),
            Self::Integer(number) => append_number(b':', number, out),
            Self::Bulk(bytes) => append_bulk(bytes, out),
            Self::Nil => out.put_slice(b"$-1\r\n"),
            Self::Array(_) if depth == MAX_DEPTH => return Err(TooDeep),
            Self::Array(items) => {
                append_number(b'*', &items.len(), out);
                return items.iter().try_for_each(|item| item.append(depth + 1, out));
            }
        }
        Ok(())
    }
}

/// Appends one request: an array of bulk strings.
pub fn encode_request(request: &[impl AsRef<[u8]>], out: &mut BytesMut) {
    append_number(b'*', &request.len(), out);
    for argument in request {
        append_bulk(argument.as_ref(), out);
    }
}

fn append_text(kind: u8, text: &str, out: &mut BytesMut) {
    out.put_u8(kind);
    out.extend(text.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    out.put_slice(b"\r\n");
}

fn append_number(kind: u8, number: &impl ToString, out: &mut BytesMut) {
    out.put_u8(kind);
    out.put_slice(number.to_string().as_bytes());
    out.put_slice(b"\r\n");
}

fn append_bulk(bytes: &[u8], out: &mut BytesMut) {
    append_number(b'$', &bytes.len(), out);
    out.put_slice(bytes);
    out.put_slice(b"\r\n");
}

//! Edge: makes it survive the real world. The lesson is in `node/`.
//!
//! What two nodes' drivers send to each other: frames with a length and a checksum. TCP delivers
//! bytes in order; it does not say where a message ends, which program is at the other side, or
//! that a proxy or a bug in memory left the bytes alone.
//!
//! ```text
//! length 4 · crc32c of the body 4 · body
//! body     version 1 · head (postcard: see [`Head`]) · payload (postcard: the node's own message)
//! ```
//!
//! The first frame of a connection has no payload: it is a *hello* and names the sender.
//!
//! # Left out
//!
//! Authentication and encryption: nothing here listens beyond loopback by default.

#[cfg(test)]
mod tests;

use crc32c::crc32c;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::postcards;
use crate::{MAX_MESSAGE, NodeId};

/// The version this program writes, and the only one it reads.
pub const VERSION: u8 = 2;
/// The longest body that is sent or accepted: the longest message has room in it.
pub const MAX_FRAME: usize = MAX_HEAD + MAX_MESSAGE;
const PREFIX: usize = 8;
/// More than a version and a head ever have.
const MAX_HEAD: usize = 256;
/// More than a hello ever has.
pub(super) const MAX_HELLO: usize = PREFIX + MAX_HEAD;

/// What a driver needs to know about a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Which cluster: after a restart a port may belong to another process.
    pub cluster: u64,
    /// Who sends it.
    pub from: NodeId,
    /// The node it is for, or a client that is connected there.
    pub to: NodeId,
    /// The sender's start count.
    pub start: u64,
    /// The sender's number for this send: with `from` and `start`, a name for it that no other
    /// event of the run has.
    pub sequence: u64,
    /// The sender's number for the input that caused it.
    pub cause: u64,
    /// What travels along.
    pub context: Context,
}

/// One message on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// For the driver.
    pub head: Head,
    /// For the node.
    pub payload: &'a [u8],
}

/// Why bytes are not a frame, or a message does not become one. The connection cannot go on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than any frame may be.
    #[error(
        "a frame of {len} bytes, and {MAX_FRAME} are the limit; look for what else connects to this \
         port"
    )]
    TooLong {
        /// The length it claims, or has.
        len: usize,
    },
    /// The node's message is longer than [`MAX_MESSAGE`].
    #[error("a message of {len} bytes, and MAX_MESSAGE is {MAX_MESSAGE}; send it in chunks")]
    MessageTooLong {
        /// Its length.
        len: usize,
    },
    /// The body is not what was sent.
    #[error("a frame has a wrong checksum; the connection is closed")]
    Checksum,
    /// The other side runs another version of this program.
    #[error("the other side speaks version {found}, this one {VERSION}; run the same build")]
    Version {
        /// Its version.
        found: u8,
    },
    /// The checksum is right and the content makes no sense: the two programs differ.
    #[error("a frame that this build cannot read; run the same build on both sides")]
    Malformed,
}

/// Appends one frame to a buffer: what is released together leaves in one write.
///
/// # Errors
/// The message is too long. The buffer is as it was.
pub fn encode<M: Serialize>(head: &Head, message: &M, out: &mut Vec<u8>) -> Result<(), FrameError> {
    encode_payload(head, out, |out| append(message, out))
}

fn encode_payload(
    head: &Head,
    out: &mut Vec<u8>,
    payload: impl FnOnce(&mut Vec<u8>) -> Result<(), FrameError>,
) -> Result<(), FrameError> {
    let begin = out.len();
    out.extend_from_slice(&[0; PREFIX]);
    out.push(VERSION);
    let written = append(head, out).and_then(|()| {
        let head = out.len();
        payload(out)?;
        let len = out.len() - head;
        if len > MAX_MESSAGE { Err(FrameError::MessageTooLong { len }) } else { Ok(()) }
    });
    if let Err(error) = written {
        out.truncate(begin);
        return Err(error);
    }
    let crc = crc32c(&out[begin + PREFIX..]);
    let len = u32::try_from(out.len() - begin - PREFIX).expect("a head and MAX_MESSAGE");
    out[begin..begin + 4].copy_from_slice(&len.to_le_bytes());
    out[begin + 4..begin + PREFIX].copy_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// Turns messages into frames. A message that goes to many nodes, one after the other, is serialised
/// once: the frames differ in their heads.
pub(super) struct Encoder<M> {
    /// The last message, and its bytes.
    message: Option<M>,
    payload: Vec<u8>,
}

impl<M: Serialize + Eq> Encoder<M> {
    pub(super) fn new() -> Self {
        Self { message: None, payload: Vec::new() }
    }

    /// As [`encode`].
    pub(super) fn encode(
        &mut self,
        head: &Head,
        message: M,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        if self.message.as_ref() != Some(&message) {
            self.message = None;
            self.payload.clear();
            append(&message, &mut self.payload)?;
            self.message = Some(message);
        }
        encode_payload(head, out, |out| {
            out.extend_from_slice(&self.payload);
            Ok(())
        })
    }
}

/// What the first frame of a connection says: who sends, and which node it expects at the other
/// side.
pub(super) fn hello(cluster: u64, from: NodeId, to: NodeId) -> Vec<u8> {
    let context = Context::default();
    let head = Head { cluster, from, to, start: 0, sequence: 0, cause: 0, context };
    let mut out = Vec::new();
    encode(&head, &(), &mut out).expect("numbers become bytes, and few");
    out
}

fn append<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
    postcards::append(value, out).map_err(|_| FrameError::Malformed)
}

/// Cuts a stream of bytes into frames, however the bytes arrive.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    taken: usize,
}

impl Decoder {
    /// Adds bytes as they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        // What is left over is less than one frame: moving it to the front is cheap.
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// What came is not a frame, and where the next one begins is unknown: close the connection.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let rest = &self.bytes[self.taken..];
        let Some(prefix) = rest.get(..PREFIX) else { return Ok(None) };
        let word = |at: usize| u32::from_le_bytes(prefix[at..at + 4].try_into().expect("4 bytes"));
        let len = word(0) as usize;
        // Before anything is kept for it: a length from outside must not decide about our memory.
        if len > MAX_FRAME {
            return Err(FrameError::TooLong { len });
        }
        let Some(body) = rest.get(PREFIX..PREFIX + len) else { return Ok(None) };
        if crc32c(body) != word(4) {
            return Err(FrameError::Checksum);
        }
        let (&version, body) = body.split_first().ok_or(FrameError::Malformed)?;
        if version != VERSION {
            return Err(FrameError::Version { found: version });
        }
        let (head, payload) = postcard::take_from_bytes(body).map_err(|_| FrameError::Malformed)?;
        self.taken += PREFIX + len;
        Ok(Some(Frame { head, payload }))
    }
}

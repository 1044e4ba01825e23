//! A context in at most 64 bytes, for frames between our processes and for messages in a queue.
//!
//! ```text
//! version 1 · flags 1 · trace 16 · span 8 · tracestate, as text, up to 38
//! ```
//! Ids are big-endian. The ids and flags always fit. Of the tracestate the members go along that fit, from
//! the left and whole; [`Frame::dropped`] says how many do not. `ot=th:…;rv:…`, which carries a sampling
//! decision, fits if no other system wrote something in front of it.
//!
//! # Left out
//!
//! Baggage: it has no bound that a frame could keep.

use crate::types::{SpanId, TraceId};

use super::{Flags, TraceContext, TraceState};

/// The longest frame.
pub const MAX_FRAME: usize = 64;
/// The part that is always there.
const FIXED: usize = 26;
const VERSION: u8 = 1;

/// A context as bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    bytes: [u8; MAX_FRAME],
    len: usize,
    dropped: usize,
}

/// Why bytes are no context.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadFrame {
    /// Shorter or longer than any.
    #[error("a context has 26 to 64 bytes, this has {0}; was it cut on its way?")]
    Length(usize),
    /// Of another format.
    #[error(
        "a context of format {0}; this program reads format 1, so run the same version everywhere"
    )]
    Version(u8),
    /// An id of zeros.
    #[error("an id of only zeros names nothing; draw another one")]
    Zero,
}

impl Frame {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// How many members of the tracestate do not travel.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }
}

impl TraceContext {
    /// As bytes, without what does not fit.
    #[must_use]
    pub fn to_frame(&self) -> Frame {
        let mut bytes = [0; MAX_FRAME];
        bytes[0] = VERSION;
        bytes[1] = self.flags.bits();
        bytes[2..18].copy_from_slice(&self.trace.0.to_be_bytes());
        bytes[18..FIXED].copy_from_slice(&self.span.0.to_be_bytes());
        let state = self.state.as_str();
        let room = MAX_FRAME - FIXED;
        let fits = match state.as_bytes().get(room) {
            None => state.len(),
            Some(b',') => room,
            Some(_) => state[..room].rfind(',').unwrap_or(0),
        };
        bytes[FIXED..FIXED + fits].copy_from_slice(&state.as_bytes()[..fits]);
        let dropped = state[fits..].split(',').filter(|member| !member.is_empty()).count();
        Frame { bytes, len: FIXED + fits, dropped }
    }

    /// Whether these bytes are a context that is to be recorded, without reading the rest of it.
    #[must_use]
    pub fn is_sampled_frame(bytes: &[u8]) -> bool {
        matches!(bytes, [VERSION, flags, ..] if Flags::from_bits(*flags).has(Flags::SAMPLED))
    }

    /// Reads what [`TraceContext::to_frame`] wrote. A tracestate that is wrong is dropped.
    ///
    /// # Errors
    /// The bytes are no context. Begin a new trace.
    pub fn from_frame(bytes: &[u8]) -> Result<Self, BadFrame> {
        if !(FIXED..=MAX_FRAME).contains(&bytes.len()) {
            return Err(BadFrame::Length(bytes.len()));
        }
        if bytes[0] != VERSION {
            return Err(BadFrame::Version(bytes[0]));
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u128::from(*byte));
        let trace = TraceId(number(&bytes[2..18]));
        let span = SpanId(u64::try_from(number(&bytes[18..FIXED])).expect("8 bytes"));
        if trace.0 == 0 || span.0 == 0 {
            return Err(BadFrame::Zero);
        }
        let state = TraceState::parse([&bytes[FIXED..]]).unwrap_or_default();
        Ok(Self { trace, span, flags: Flags::from_bits(bytes[1]), state })
    }
}

//! What travels with a request: which trace it belongs to, and which span caused it.
//!
//! A process that calls another one hands over two ids and a few bits ([`TraceContext`]). That is all that
//! the other side needs to say "this work was caused by that span". The format is W3C Trace Context, level
//! 2, so processes that were not written together understand each other.
//!
//! A context comes from outside, so nothing in it is believed without a check. The rule for what is wrong:
//! a bad `traceparent` means a new trace, because a wrong parent is worse than a missing one; a bad
//! `tracestate` is dropped and the trace goes on.
//!
//! | file | is about |
//! |---|---|
//! | `traceparent.rs` | the two ids and the bits, as a header |
//! | `tracestate.rs` | what tracing systems add for themselves |
//! | `baggage.rs` | what the application adds |
//! | `b3.rs` | the older headers of Zipkin |
//! | `frame.rs` | a context in at most 64 bytes, for frames and queued messages |
//!
//! # Left out
//!
//! Making ids: the caller draws them, at random. The response header `traceresponse`, which is a draft.

mod b3;
mod baggage;
mod frame;
#[cfg(test)]
mod properties;
mod traceparent;
mod tracestate;
#[cfg(test)]
mod w3c_cases;

use crate::types::{SpanId, TraceId};

pub use b3::{B3, BadB3};
#[cfg(feature = "grpc")]
pub(crate) use baggage::escape;
pub use baggage::{Baggage, Entry, MAX_BAGGAGE, MAX_ENTRIES};
pub use frame::{BadFrame, Frame, MAX_FRAME};
pub use traceparent::BadTraceparent;
pub use tracestate::{BadTraceState, MAX_MEMBERS, MAX_STATE, TraceState};

/// One header of a request: its name in any case, and its value as it came.
pub type Header<'a> = (&'a str, &'a [u8]);

/// What is said about a whole trace in one bit each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Flags(u8);

impl Flags {
    /// The caller may have recorded its span.
    pub const SAMPLED: Self = Self(0x01);
    /// The low 56 bits of the trace id were drawn at random, so a sampler may use them (level 2).
    pub const RANDOM: Self = Self(0x02);

    /// The bits that level 2 knows. Others are cleared, since nobody knows what they would promise.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x03)
    }

    /// As one byte.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// These and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without those.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of those are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What one request carries.
// ANCHOR: context
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceContext {
    /// The trace: the same in every process.
    pub trace: TraceId,
    /// The span that sends this: the parent of what the receiver does.
    pub span: SpanId,
    /// What is said about the trace.
    pub flags: Flags,
    /// What tracing systems add for themselves.
    pub state: TraceState,
}

impl TraceContext {
    /// The context of the first span of a trace.
    #[must_use]
    pub fn root(trace: TraceId, span: SpanId, flags: Flags) -> Self {
        Self { trace, span, flags, state: TraceState::default() }
    }

    /// The context of a span that this one caused.
    #[must_use]
    pub fn child(&self, span: SpanId) -> Self {
        Self { span, ..self.clone() }
    }

    /// Reads the headers of a request. None if it carries no `traceparent`.
    ///
    /// # Errors
    /// There is a `traceparent`, and it cannot be believed. Begin a new trace.
    pub fn extract(headers: &[Header<'_>]) -> Result<Option<Self>, BadTraceparent> {
        let mut parents = values(headers, "traceparent");
        let Some(parent) = parents.next() else { return Ok(None) };
        if parents.next().is_some() {
            return Err(BadTraceparent::Repeated);
        }
        let (trace, span, flags) = traceparent::parse(parent)?;
        // What was wrong with a state concerns the systems that wrote it. The trace is not worse for it.
        let state = TraceState::parse(values(headers, "tracestate")).unwrap_or_default();
        Ok(Some(Self { trace, span, flags, state }))
    }
    // ANCHOR_END: context

    /// The context of the span that answers a request: in the trace of its caller, or in `new` if the
    /// request names none that can be believed.
    #[must_use]
    pub fn answering(headers: &[Header<'_>], span: SpanId, new: TraceId, flags: Flags) -> Self {
        match Self::extract(headers) {
            Ok(Some(caller)) => caller.child(span),
            Ok(None) | Err(_) => Self::root(new, span, flags),
        }
    }

    /// The value of the header `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> String {
        traceparent::format(self.trace, self.span, self.flags)
    }

    /// The headers of an outgoing request.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        let state = self.state.as_str();
        let state = (!state.is_empty()).then(|| ("tracestate", state.to_owned()));
        std::iter::once(("traceparent", self.traceparent())).chain(state)
    }
}

/// The values of a header, in the order in which they came.
fn values<'a>(headers: &[Header<'a>], name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

/// Without the blanks that HTTP allows around a value.
fn trim(value: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(first) = value.iter().position(|byte| !is_blank(byte)) else { return &[] };
    let last = value.iter().rposition(|byte| !is_blank(byte)).unwrap_or(first);
    &value[first..=last]
}

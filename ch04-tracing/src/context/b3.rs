//! B3, the headers of Zipkin: read in both forms, written in the short one.
//!
//! The short form is one header, `b3: <trace>-<span>-<sampled>-<parent>`, the long one has a header for each
//! part. A trace id may have 64 bits; zeros are put in front, so the random bits stay where they were.
//!
//! # Left out
//!
//! The parent's id: who receives a B3 context learns it from the parent's own span.

use crate::types::{SpanId, TraceId};

use super::{Flags, Header, TraceContext, TraceState, trim, values};

/// What B3 headers say. Both parts may be missing: `b3: 0` decides about sampling and names no trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct B3 {
    /// The trace, and the span that sends this.
    pub ids: Option<(TraceId, SpanId)>,
    /// Whether to record; none leaves that to the receiver.
    pub sampled: Option<bool>,
}

/// Why B3 headers are not believed. Begin a new trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadB3 {
    /// A header is there twice.
    #[error("a B3 header stands twice in one request; send it once")]
    Repeated,
    /// An id is no id.
    #[error("a B3 trace id has 16 or 32 hex digits, a span id 16, and neither is only zeros")]
    Id,
    /// One id without the other.
    #[error("B3 needs a trace id and a span id; send both or none")]
    Half,
    /// Not a decision.
    #[error("B3 decides with 0, 1 or d; send one of them, or none")]
    Decision,
}

impl B3 {
    /// Reads the headers of a request; the short form counts if both are there.
    ///
    /// # Errors
    /// They cannot be believed.
    pub fn extract(headers: &[Header<'_>]) -> Result<Option<Self>, BadB3> {
        if let Some(value) = one(headers, "b3")? {
            return Self::short(value).map(Some);
        }
        let trace = one(headers, "x-b3-traceid")?;
        let span = one(headers, "x-b3-spanid")?;
        let is_debug = one(headers, "x-b3-flags")? == Some(b"1");
        let sampled = one(headers, "x-b3-sampled")?.map(decision).transpose()?;
        let sampled = if is_debug { Some(true) } else { sampled };
        let ids = match (trace, span) {
            (None, None) if sampled.is_none() => return Ok(None),
            (None, None) => None,
            (Some(trace), Some(span)) => Some((trace_id(trace)?, span_id(span)?)),
            _ => return Err(BadB3::Half),
        };
        Ok(Some(Self { ids, sampled }))
    }

    fn short(value: &[u8]) -> Result<Self, BadB3> {
        let mut parts = value.splitn(4, |byte| *byte == b'-');
        let first = parts.next().unwrap_or_default();
        let Some(span) = parts.next() else {
            return Ok(Self { ids: None, sampled: Some(decision(first)?) });
        };
        let ids = Some((trace_id(first)?, span_id(span)?));
        let sampled = parts.next().map(decision).transpose()?;
        parts.next().map(span_id).transpose()?;
        Ok(Self { ids, sampled })
    }

    /// As a context, if it names a trace. Without a decision it is not sampled.
    #[must_use]
    pub fn context(self) -> Option<TraceContext> {
        let (trace, span) = self.ids?;
        let flags = if self.sampled == Some(true) { Flags::SAMPLED } else { Flags::default() };
        Some(TraceContext { trace, span, flags, state: TraceState::default() })
    }
}

impl TraceContext {
    /// The value of the header `b3`.
    #[must_use]
    pub fn b3(&self) -> String {
        format!("{}-{}-{}", self.trace, self.span, u8::from(self.flags.has(Flags::SAMPLED)))
    }
}

fn one<'a>(headers: &[Header<'a>], name: &str) -> Result<Option<&'a [u8]>, BadB3> {
    let mut found = values(headers, name);
    let first = found.next();
    if found.next().is_some() { Err(BadB3::Repeated) } else { Ok(first.map(trim)) }
}

fn decision(value: &[u8]) -> Result<bool, BadB3> {
    match value {
        // The words are those of early versions.
        b"1" | b"d" | b"true" => Ok(true),
        b"0" | b"false" => Ok(false),
        _ => Err(BadB3::Decision),
    }
}

fn trace_id(digits: &[u8]) -> Result<TraceId, BadB3> {
    if matches!(digits.len(), 16 | 32) { hex(digits).map(TraceId) } else { Err(BadB3::Id) }
}

fn span_id(digits: &[u8]) -> Result<SpanId, BadB3> {
    let id = if digits.len() == 16 { hex(digits)? } else { return Err(BadB3::Id) };
    u64::try_from(id).map(SpanId).map_err(|_| BadB3::Id)
}

fn hex(digits: &[u8]) -> Result<u128, BadB3> {
    let number = digits.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16).ok_or(BadB3::Id)?;
        Ok(number << 4 | u128::from(digit))
    })?;
    if number == 0 { Err(BadB3::Id) } else { Ok(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";

    fn read(headers: &[(&str, &str)]) -> Result<Option<B3>, BadB3> {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        B3::extract(&headers)
    }

    fn b3(trace: u128, sampled: Option<bool>) -> Result<Option<B3>, BadB3> {
        Ok(Some(B3 { ids: Some((TraceId(trace), SpanId(0xe457_b5a2_e4d8_6bd1))), sampled }))
    }

    const LONG: u128 = 0x80f1_98ee_5634_3ba8_64fe_8b2a_57d3_eff7;

    #[test]
    fn both_forms_of_b3_are_read() {
        let short = format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90");
        assert_eq!(read(&[("B3", &short)]), b3(LONG, Some(true)));
        assert_eq!(read(&[("b3", &format!("{TRACE}-{SPAN}"))]), b3(LONG, None));
        assert_eq!(read(&[("b3", &format!("{TRACE}-{SPAN}-d"))]), b3(LONG, Some(true)));
        assert_eq!(read(&[("b3", "0")]), Ok(Some(B3 { ids: None, sampled: Some(false) })));
        let long = [("X-B3-TraceId", TRACE), ("X-B3-SpanId", SPAN), ("X-B3-Sampled", "0")];
        assert_eq!(read(&long), b3(LONG, Some(false)));
        let debug = [("X-B3-TraceId", TRACE), ("X-B3-SpanId", SPAN), ("X-B3-Flags", "1")];
        assert_eq!(read(&debug), b3(LONG, Some(true)));
        assert_eq!(read(&[("accept", "*/*")]), Ok(None));
    }

    #[test]
    fn a_short_trace_id_keeps_its_bits_to_the_right() {
        let short = format!("{}-{SPAN}-1", &TRACE[16..]);
        assert_eq!(read(&[("b3", &short)]), b3(LONG & u128::from(u64::MAX), Some(true)));
    }

    #[test]
    fn bad_b3_headers_are_refused() {
        for (value, why) in [
            ("", BadB3::Decision),
            ("2", BadB3::Decision),
            ("zz-e457b5a2e4d86bd1", BadB3::Id),
            ("80f198ee56343ba8-0000000000000000-1", BadB3::Id),
            ("80f198ee56343ba8-e457b5a2e4d86bd1-x", BadB3::Decision),
            ("80f198ee56343ba8-e457b5a2e4d86bd1-1-1", BadB3::Id),
            ("80f198ee56343ba8-e457b5a2e4d86bd1-1-e457b5a2e4d86bd1-1", BadB3::Id),
        ] {
            assert_eq!(read(&[("b3", value)]), Err(why), "{value}");
        }
        assert_eq!(read(&[("X-B3-TraceId", TRACE)]), Err(BadB3::Half));
        assert_eq!(read(&[("b3", "1"), ("B3", "0")]), Err(BadB3::Repeated));
    }

    #[test]
    fn what_is_written_as_b3_is_read_back() {
        let context = B3::context(b3(LONG, Some(true)).unwrap().unwrap()).unwrap();
        let again = read(&[("b3", &context.b3())]).unwrap().unwrap();
        assert_eq!(again.context(), Some(context));
    }
}

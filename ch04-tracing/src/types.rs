//! The nouns: what a span is.
//!
//! A *span* is one piece of work in one process: it has a name, a begin and an end, and says which span
//! caused it. All spans of one request are its *trace*. Spans name each other by ids alone, because the
//! process that writes down the child never sees the process that writes down the parent.
//!
//! # Left out
//!
//! Span events, which OpenTelemetry is about to replace with log records, and the instrumentation scope.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a trace. Never 0 (W3C Trace Context level 2, section 3.2.2.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TraceId(pub u128);

/// Names a span inside its trace. Never 0 (W3C Trace Context level 2, section 3.2.2.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SpanId(pub u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One piece of work in one process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// Its own name in there.
    pub id: SpanId,
    /// What caused it; none for the first one of a trace.
    pub parent: Option<SpanId>,
    /// Further causes: the requests that share one batch.
    pub links: Vec<Link>,
    /// The process: `coord`.
    pub service: String,
    /// What was done: `POST /orders`, `prepare`.
    pub name: String,
    /// Which side of a call it is.
    pub kind: Kind,
    /// On the clock of its process, in ns since 1970.
    pub start: u64,
    /// As `start`, and never before it.
    pub end: u64,
    /// How it ended.
    pub status: Status,
    /// What else is known, in the order in which it was said.
    pub attributes: Vec<(String, Value)>,
}

/// A span of this or another trace that also caused this one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Link {
    /// Its trace.
    pub trace: TraceId,
    /// Itself.
    pub span: SpanId,
}

/// Which side of a call a span is (OpenTelemetry, *SpanKind*).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub enum Kind {
    /// No call: work inside a process.
    #[default]
    Internal,
    /// Answers a call of another process.
    Server,
    /// Calls another process and waits.
    Client,
    /// Puts a message into a queue and does not wait.
    Producer,
    /// Takes a message out of a queue.
    Consumer,
}

/// How a span ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Status {
    /// Nobody said.
    #[default]
    Unset,
    /// Well.
    Ok,
    /// Badly, and why.
    Error(String),
}

/// The value of an attribute.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Value {
    /// Text.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number: the bits of an IEEE 754 double, so that equal spans are equal.
    Float(u64),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Several values.
    List(Vec<Self>),
    /// Values with names.
    Map(Vec<(String, Self)>),
    /// Nothing at all.
    Empty,
}

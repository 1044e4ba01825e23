//! Edge: makes it survive the real world. The lesson is in [`crate::types`].
//!
//! OTLP, the protocol in which OpenTelemetry sends spans: the messages, as protobuf and as JSON, and what
//! they mean in our words. Bodies come from outside: the number of messages in one is checked before
//! it is decoded, because two bytes of protobuf can become hundreds of bytes of memory.
//!
//! | file | is about |
//! |---|---|
//! | `wire.rs` | the messages |
//! | `json.rs` | how JSON differs from what protobuf's own JSON would be |
//! | `limits.rs` | how many messages a body may hold |
//! | `spans.rs` | from messages to [`crate::types::Span`], with limits, and back |
//!
//! # Left out
//!
//! Metrics and logs. The scope of a span: which library made it.

mod json;
mod limits;
mod spans;
#[cfg(test)]
mod tests;
mod text;
pub mod wire;

use prost::Message as _;

pub use limits::{MAX_MESSAGES, MAX_SPANS, TooMany};
pub use spans::{
    DROPPED_ATTRIBUTES, DROPPED_LINKS, MAX_ATTRIBUTES, MAX_NAME, MAX_VALUE, Received, received,
    request,
};

/// How a body is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

/// Why a body is not read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadBody {
    /// It holds too much.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// It is no protobuf of this message.
    #[error("the body is no ExportTraceServiceRequest in protobuf: {0}; check the Content-Type")]
    Protobuf(String),
    /// It is no JSON of this message.
    #[error(
        "the body is no ExportTraceServiceRequest in OTLP's JSON (ids in hex, enums as numbers): {0}"
    )]
    Json(String),
}

impl Encoding {
    /// The value of the header `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// Reads what an exporter sends.
    ///
    /// # Errors
    /// The body is something else, or holds too much.
    pub fn read(self, body: &[u8]) -> Result<wire::Request, BadBody> {
        match self {
            Self::Protobuf => {
                limits::check_protobuf(body)?;
                wire::Request::decode(body).map_err(|e| BadBody::Protobuf(e.to_string()))
            }
            Self::Json => {
                limits::check_json(body)?;
                serde_json::from_slice(body).map_err(|e| BadBody::Json(e.to_string()))
            }
        }
    }

    /// Writes an answer.
    #[must_use]
    pub fn write<T: prost::Message + serde::Serialize>(self, message: &T) -> Vec<u8> {
        match self {
            Self::Protobuf => message.encode_to_vec(),
            Self::Json => serde_json::to_vec(message).expect("messages have text keys alone"),
        }
    }
}

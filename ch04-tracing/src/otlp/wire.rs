//! The messages of OTLP's trace service, field by field (opentelemetry-proto 1.11). Numbers are the tags
//! of the fields; what is not named here is skipped when it arrives.
//!
//! # Left out
//!
//! `schema_url` and the details of a [`Status`].

use serde::{Deserialize, Serialize};

use super::json;

/// What an exporter sends: `ExportTraceServiceRequest`.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    /// The spans of each process.
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::or_default")]
    pub resource_spans: Vec<ResourceSpans>,
}

/// What a collector answers: `ExportTraceServiceResponse`.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Response {
    /// None if all spans were taken.
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_success: Option<PartialSuccess>,
}

/// Some spans were refused for good; sending them again changes nothing.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PartialSuccess {
    /// How many.
    #[prost(int64, tag = "1")]
    #[serde(with = "json::number64")]
    pub rejected_spans: i64,
    /// Why.
    #[prost(string, tag = "2")]
    pub error_message: String,
}

/// Why a whole request failed: `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// A code of gRPC.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// In words.
    #[prost(string, tag = "2")]
    pub message: String,
}

/// The spans of one process.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceSpans {
    /// The process.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// Its spans, by the library that made them.
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "json::or_default")]
    pub scope_spans: Vec<ScopeSpans>,
}

/// A process.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resource {
    /// What is known about it: `service.name`.
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::or_default")]
    pub attributes: Vec<KeyValue>,
    /// How many the exporter left out.
    #[prost(uint32, tag = "2")]
    #[serde(deserialize_with = "json::or_default")]
    pub dropped_attributes_count: u32,
}

/// The spans that one library made.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScopeSpans {
    /// The library.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<Scope>,
    /// Its spans.
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "json::or_default")]
    pub spans: Vec<Span>,
}

/// A library: `InstrumentationScope`.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scope {
    /// Its name.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "json::or_default")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "json::or_default")]
    pub version: String,
    /// What else is known.
    #[prost(message, repeated, tag = "3")]
    #[serde(deserialize_with = "json::or_default")]
    pub attributes: Vec<KeyValue>,
    /// How many the exporter left out.
    #[prost(uint32, tag = "4")]
    #[serde(deserialize_with = "json::or_default")]
    pub dropped_attributes_count: u32,
}

/// A span. Ids are bytes here, since they may be wrong.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Span {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    #[serde(with = "json::hex")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    #[serde(with = "json::hex")]
    pub span_id: Vec<u8>,
    /// As the header `tracestate`.
    #[prost(string, tag = "3")]
    #[serde(deserialize_with = "json::or_default")]
    pub trace_state: String,
    /// 8 bytes, or none.
    #[prost(bytes = "vec", tag = "4")]
    #[serde(with = "json::hex")]
    pub parent_span_id: Vec<u8>,
    /// What was done.
    #[prost(string, tag = "5")]
    #[serde(deserialize_with = "json::or_default")]
    pub name: String,
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    #[prost(int32, tag = "6")]
    #[serde(deserialize_with = "json::or_default")]
    pub kind: i32,
    /// In ns since 1970.
    #[prost(fixed64, tag = "7")]
    #[serde(with = "json::number64")]
    pub start_time_unix_nano: u64,
    /// In ns since 1970.
    #[prost(fixed64, tag = "8")]
    #[serde(with = "json::number64")]
    pub end_time_unix_nano: u64,
    /// What else is known.
    #[prost(message, repeated, tag = "9")]
    #[serde(deserialize_with = "json::or_default")]
    pub attributes: Vec<KeyValue>,
    /// How many the exporter left out.
    #[prost(uint32, tag = "10")]
    #[serde(deserialize_with = "json::or_default")]
    pub dropped_attributes_count: u32,
    /// What happened meanwhile.
    #[prost(message, repeated, tag = "11")]
    #[serde(deserialize_with = "json::or_default")]
    pub events: Vec<Event>,
    /// How many the exporter left out.
    #[prost(uint32, tag = "12")]
    #[serde(deserialize_with = "json::or_default")]
    pub dropped_events_count: u32,
    /// Further causes.
    #[prost(message, repeated, tag = "13")]
    #[serde(deserialize_with = "json::or_default")]
    pub links: Vec<Link>,
    /// How many the exporter left out.
    #[prost(uint32, tag = "14")]
    #[serde(deserialize_with = "json::or_default")]
    pub dropped_links_count: u32,
    /// How it ended.
    #[prost(message, optional, tag = "15")]
    pub status: Option<SpanStatus>,
    /// The flags of W3C in the low byte. Exporters leave *sampled* out there: do not read it.
    #[prost(fixed32, tag = "16")]
    #[serde(deserialize_with = "json::or_default")]
    pub flags: u32,
}

/// What happened during a span.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// In ns since 1970.
    #[prost(fixed64, tag = "1")]
    #[serde(with = "json::number64")]
    pub time_unix_nano: u64,
    /// What.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "json::or_default")]
    pub name: String,
    /// What else is known.
    #[prost(message, repeated, tag = "3")]
    #[serde(deserialize_with = "json::or_default")]
    pub attributes: Vec<KeyValue>,
    /// How many the exporter left out.
    #[prost(uint32, tag = "4")]
    #[serde(deserialize_with = "json::or_default")]
    pub dropped_attributes_count: u32,
}

/// A span that also caused this one.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Link {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    #[serde(with = "json::hex")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    #[serde(with = "json::hex")]
    pub span_id: Vec<u8>,
    /// As the header `tracestate`.
    #[prost(string, tag = "3")]
    #[serde(deserialize_with = "json::or_default")]
    pub trace_state: String,
    /// What else is known.
    #[prost(message, repeated, tag = "4")]
    #[serde(deserialize_with = "json::or_default")]
    pub attributes: Vec<KeyValue>,
    /// How many the exporter left out.
    #[prost(uint32, tag = "5")]
    #[serde(deserialize_with = "json::or_default")]
    pub dropped_attributes_count: u32,
    /// As those of a span.
    #[prost(fixed32, tag = "6")]
    #[serde(deserialize_with = "json::or_default")]
    pub flags: u32,
}

/// How a span ended.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SpanStatus {
    /// Why it failed.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "json::or_default")]
    pub message: String,
    /// 0 unset, 1 ok, 2 error.
    #[prost(int32, tag = "3")]
    #[serde(deserialize_with = "json::or_default")]
    pub code: i32,
}

/// An attribute.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyValue {
    /// Its name.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "json::or_default")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// A value of any kind.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(from = "json::AnyValue", into = "json::AnyValue")]
pub struct AnyValue {
    /// None is a value as well: the empty one.
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub value: Option<Value>,
}

/// The kinds of a value.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Value {
    /// Text.
    #[prost(string, tag = "1")]
    String(String),
    /// `true` or `false`.
    #[prost(bool, tag = "2")]
    Bool(bool),
    /// A whole number.
    #[prost(int64, tag = "3")]
    Int(i64),
    /// Any other number.
    #[prost(double, tag = "4")]
    Double(f64),
    /// Several values.
    #[prost(message, tag = "5")]
    Array(ArrayValue),
    /// Values with names.
    #[prost(message, tag = "6")]
    Kvlist(KeyValueList),
    /// Raw bytes.
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
}

/// Several values.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ArrayValue {
    /// The values.
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::or_default")]
    pub values: Vec<AnyValue>,
}

/// Values with names.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyValueList {
    /// The values.
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::or_default")]
    pub values: Vec<KeyValue>,
}

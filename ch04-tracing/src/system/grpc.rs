//! Spans arrive: OTLP over gRPC, which is HTTP/2 with a frame around each message and the outcome in the
//! trailers (gRPC over HTTP2, "Requests" and "Responses").
//!
//! A client may ask again after `UNAVAILABLE`, and after no other code that is given here (OTLP, "OTLP/gRPC
//! Throttling"): without a `RetryInfo`, `RESOURCE_EXHAUSTED` means that the batch is too long for good.
//!
//! # Left out
//!
//! `grpc-timeout`: a batch that has arrived is stored, also for a client that waits no more.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use prost::Message as _;

use super::collector::Shared;
use super::ingest::{NotTaken, UNIMPLEMENTED, Whole, keep};
use crate::context::escape;
use crate::otlp::{Encoding, wire};

const METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const CONTENT_TYPE: &str = "application/grpc";
/// Before each message: whether it is packed, and its length.
const PREFIX: usize = 5;

const OK: i32 = 0;
const INTERNAL: i32 = 13;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Why a call fails.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("call {METHOD}; this server has no other method")]
    Method,
    #[error("send the message with grpc-encoding: gzip, or without")]
    Encoding,
    #[error("the message is packed, and no grpc-encoding says how")]
    NoEncoding,
    #[error("a call of this method has one message, and its frame says its length: {0}")]
    Frame(&'static str),
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
}

impl Failed {
    fn code(&self) -> i32 {
        match self {
            Self::Method | Self::Encoding => UNIMPLEMENTED,
            Self::NoEncoding | Self::Frame(_) => INTERNAL,
            Self::NotTaken(why) => why.codes().1,
        }
    }
}

pub(super) fn router(shared: Shared) -> Router {
    let unknown = async |request: Request| {
        if is_grpc(request.headers()) { failed(&Failed::Method) } else { no_grpc() }
    };
    Router::new().route(METHOD, post(export).fallback(unknown)).fallback(unknown).with_state(shared)
}

async fn export(State(shared): State<Shared>, request: Request) -> Response {
    if !is_grpc(request.headers()) {
        return no_grpc();
    }
    match take(&shared, request).await {
        Ok(response) => succeeded(&response),
        Err(why) => failed(&why),
    }
}

/// A client that does not call by gRPC reads no code of it.
fn no_grpc() -> Response {
    let mut refused = Response::new(Body::empty());
    *refused.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    refused
}

async fn take(shared: &Shared, request: Request) -> Result<wire::Response, Failed> {
    let packs = packs(request.headers())?;
    let mut body = Whole::receive(shared, request.into_body()).await?;
    let is_packed = unframe(&mut body.bytes)?;
    if is_packed && !packs {
        return Err(Failed::NoEncoding);
    }
    Ok(keep(shared, Encoding::Protobuf, body, is_packed).await?)
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| matches!(kind.trim(), CONTENT_TYPE | "application/grpc+proto"))
}

/// Whether messages of this call may be packed with gzip.
fn packs(headers: &HeaderMap) -> Result<bool, Failed> {
    match headers.get(GRPC_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(_) => Err(Failed::Encoding),
    }
}

/// Takes the prefix away, and says whether the message is packed.
fn unframe(bytes: &mut Vec<u8>) -> Result<bool, Failed> {
    let &[flag, a, b, c, d, ..] = bytes.as_slice() else {
        return Err(Failed::Frame("it has not even that"));
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if bytes.len() - PREFIX != length {
        return Err(Failed::Frame("the body is longer or shorter"));
    }
    if flag > 1 {
        return Err(Failed::Frame("its flag is neither 0 nor 1"));
    }
    bytes.drain(..PREFIX);
    Ok(flag == 1)
}

fn succeeded(response: &wire::Response) -> Response {
    let message = response.encode_to_vec();
    let length = u32::try_from(message.len()).expect("it is short");
    let frame = [&[0], length.to_be_bytes().as_slice(), &message].concat();
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from(OK))]);
    let body = Full::new(Bytes::from(frame)).with_trailers(async { Some(Ok(trailers)) });
    respond(Body::new(body))
}

/// Nothing but trailers, which then stand where the headers are.
fn failed(why: &Failed) -> Response {
    let mut response = respond(Body::empty());
    let headers = response.headers_mut();
    headers.insert(GRPC_STATUS, HeaderValue::from(why.code()));
    headers.insert(GRPC_MESSAGE, message(&why.to_string()));
    headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip"));
    response
}

fn respond(body: Body) -> Response {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static(CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Nothing but printable ASCII may stand in a header.
fn message(text: &str) -> HeaderValue {
    let encoded = escape(text, |byte| matches!(byte, b' '..=b'~'));
    HeaderValue::try_from(encoded).expect("it is printable")
}

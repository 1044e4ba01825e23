//! Spans arrive: OTLP over HTTP.
//!
//! The answer 200 is given once the spans are durable. Whatever fails is answered with a `Status` in the
//! encoding of the request, as OTLP asks. What may be sent again is 503 with `Retry-After`, a body that is late
//! as well: exporters do not repeat what is answered 408. What may not be sent again is another 4xx.
//!
//! Memory is bounded in two places. A body takes of [`Shared::receiving`] as many bytes as have arrived, so a
//! client that sends a head and no body takes nothing from others. Only a body that is whole takes one of
//! [`Shared::working`], where it becomes many times longer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};
use tokio::time::timeout;

use super::collector::Shared;
use super::gzip;
use crate::otlp::wire::{self, PartialSuccess};
use crate::otlp::{BadBody, Encoding, received};
use crate::store::Refused;

/// The longest body, packed or not.
const MAX_BODY: usize = 64 << 20;

/// The code of gRPC for a method that is not there.
pub(super) const UNIMPLEMENTED: i32 = 12;

/// Why spans are not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error("this page takes POST")]
    Method,
    #[error("send application/x-protobuf or application/json as the Content-Type")]
    ContentType,
    #[error("send the body with Content-Encoding: gzip, or without")]
    Encoding,
    #[error("a body may have {MAX_BODY} bytes; send smaller batches")]
    TooLong,
    #[error("the body did not arrive: {0}")]
    Broken(axum::Error),
    #[error(transparent)]
    Gzip(#[from] gzip::BadGzip),
    #[error(transparent)]
    Body(#[from] BadBody),
    #[error("the body did not arrive in time, and nothing of it is stored; send it again")]
    Late,
    #[error("too many requests at the same time; send this one again in a moment")]
    Busy,
    #[error(transparent)]
    Store(#[from] Refused),
}

impl NotTaken {
    /// The status of HTTP, and the code of gRPC.
    pub(super) fn codes(&self) -> (StatusCode, i32) {
        const INVALID_ARGUMENT: i32 = 3;
        const RESOURCE_EXHAUSTED: i32 = 8;
        const UNAVAILABLE: i32 = 14;
        match self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, UNIMPLEMENTED),
            Self::ContentType | Self::Encoding => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID_ARGUMENT)
            }
            Self::TooLong
            | Self::Gzip(gzip::BadGzip::TooLong(_))
            | Self::Body(BadBody::TooMany(_)) => {
                (StatusCode::PAYLOAD_TOO_LARGE, RESOURCE_EXHAUSTED)
            }
            Self::Broken(_) | Self::Gzip(gzip::BadGzip::Damaged(_)) | Self::Body(_) => {
                (StatusCode::BAD_REQUEST, INVALID_ARGUMENT)
            }
            Self::Late | Self::Busy | Self::Store(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE)
            }
        }
    }

    fn answer(&self, encoding: Encoding) -> Response {
        let (status, code) = self.codes();
        let message = wire::Status { code, message: self.to_string() };
        let mut response = respond(status, encoding, &message);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if matches!(self, Self::Late) {
            // What still comes of the body is not the next request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

pub(super) async fn no_method() -> Response {
    let mut response = NotTaken::Method.answer(Encoding::Json);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

pub(super) async fn take(State(shared): State<Shared>, request: Request) -> Response {
    let Some(encoding) = encoding(request.headers()) else {
        return NotTaken::ContentType.answer(Encoding::Json);
    };
    match store(&shared, encoding, request).await {
        Ok(response) => respond(StatusCode::OK, encoding, &response),
        Err(why) => why.answer(encoding),
    }
}

async fn store(
    shared: &Shared,
    encoding: Encoding,
    request: Request,
) -> Result<wire::Response, NotTaken> {
    let is_packed = is_packed(request.headers())?;
    let body = Whole::receive(shared, request.into_body()).await?;
    keep(shared, encoding, body, is_packed).await
}

/// Decodes a whole body, and stores its spans.
pub(super) async fn keep(
    shared: &Shared,
    encoding: Encoding,
    body: Whole,
    is_packed: bool,
) -> Result<wire::Response, NotTaken> {
    let place = timeout(shared.body_within, Arc::clone(&shared.working).acquire_owned()).await;
    let place = place.ok().and_then(Result::ok).ok_or(NotTaken::Busy)?;
    let shared = shared.clone();
    // A task of its own: a client that leaves does not give its place away while its spans are here.
    let work = tokio::spawn(async move {
        let _place = place;
        decode_and_store(&shared, encoding, body, is_packed).await
    });
    work.await.expect("it does not panic")
}

/// A body that has arrived, and what it has taken of the room for bodies.
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Whole {
    pub(super) async fn receive(shared: &Shared, body: Body) -> Result<Self, NotTaken> {
        let received = timeout(shared.body_within, Self::receive_all(shared, body));
        received.await.unwrap_or(Err(NotTaken::Late))
    }

    async fn receive_all(shared: &Shared, mut body: Body) -> Result<Self, NotTaken> {
        let mut whole = Self { bytes: Vec::new(), taken: None };
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(NotTaken::Broken)?.into_data() else { continue };
            if whole.bytes.len() + data.len() > MAX_BODY {
                return Err(NotTaken::TooLong);
            }
            let len = u32::try_from(data.len()).expect("at most MAX_BODY");
            let room = Arc::clone(&shared.receiving).try_acquire_many_owned(len);
            let room = room.map_err(|_: TryAcquireError| NotTaken::Busy)?;
            match &mut whole.taken {
                Some(taken) => taken.merge(room),
                none => *none = Some(room),
            }
            whole.bytes.extend_from_slice(&data);
        }
        Ok(whole)
    }
}

async fn decode_and_store(
    shared: &Shared,
    encoding: Encoding,
    body: Whole,
    is_packed: bool,
) -> Result<wire::Response, NotTaken> {
    // Some MiB take longer than other requests should wait on this thread.
    let read = move || -> Result<_, NotTaken> {
        if is_packed {
            Ok(received(encoding.read(&gzip::unpack(&body.bytes, MAX_BODY)?)?))
        } else {
            Ok(received(encoding.read(&body.bytes)?))
        }
    };
    let arrived = tokio::task::spawn_blocking(read).await.expect("it does not panic")?;
    let stored = shared.store.store(arrived.spans, shared.opened.elapsed()).await?;
    Ok(wire::Response { partial_success: rejected(arrived.refused, stored.too_long) })
}

fn rejected(refused: usize, too_long: usize) -> Option<PartialSuccess> {
    let count = refused + too_long;
    let error_message = format!(
        "{refused} spans without valid ids (16 and 8 bytes, not only zeros) and {too_long} that are longer \
         than 1 MiB"
    );
    let rejected_spans = i64::try_from(count).unwrap_or(i64::MAX);
    (count > 0).then_some(PartialSuccess { rejected_spans, error_message })
}

fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next()?.trim();
    [Encoding::Protobuf, Encoding::Json]
        .into_iter()
        .find(|encoding| kind.eq_ignore_ascii_case(encoding.content_type()))
}

fn is_packed(headers: &HeaderMap) -> Result<bool, NotTaken> {
    let codings: Vec<_> = headers.get_all(header::CONTENT_ENCODING).iter().collect();
    match codings.as_slice() {
        [] => Ok(false),
        [one] if one.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(false),
        [one] if one.as_bytes().eq_ignore_ascii_case(b"gzip") => Ok(true),
        _ => Err(NotTaken::Encoding),
    }
}

fn respond<T: prost::Message + serde::Serialize>(
    status: StatusCode,
    encoding: Encoding,
    message: &T,
) -> Response {
    let kind = [(header::CONTENT_TYPE, encoding.content_type())];
    (status, kind, encoding.write(message)).into_response()
}

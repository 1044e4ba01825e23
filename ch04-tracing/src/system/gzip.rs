//! gzip, in both directions.

use std::io::{self, Read as _, Write as _};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// Below that, it would get longer or hardly shorter.
const WORTH_IT: usize = 1024;

/// Why a body is not unpacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadGzip {
    #[error("the body unpacks to more than {0} bytes; send smaller batches")]
    TooLong(usize),
    #[error("the body is no gzip: {0}; check the Content-Encoding")]
    Damaged(io::Error),
}

/// Unpacks a body, and stops as soon as it is too long.
pub(super) fn unpack(body: &[u8], max: usize) -> Result<Vec<u8>, BadGzip> {
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(body).take(max as u64 + 1);
    reader.read_to_end(&mut unpacked).map_err(BadGzip::Damaged)?;
    if unpacked.len() > max { Err(BadGzip::TooLong(max)) } else { Ok(unpacked) }
}

pub(super) fn pack(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(body).and_then(|()| encoder.finish());
    packed.expect("writing into memory does not fail")
}

/// Packs long answers for clients that read gzip.
pub(super) async fn answers(request: Request, next: Next) -> Response {
    let is_wanted = accepts(request.headers());
    let response = next.run(request).await;
    if !is_wanted {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // All our answers are in memory already.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if body.len() < WORTH_IT {
        return Response::from_parts(parts, Body::from(body));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    // Some MiB take longer than other requests should wait on this thread.
    let packed = tokio::task::spawn_blocking(move || pack(&body)).await.expect("it does not panic");
    Response::from_parts(parts, Body::from(packed))
}

fn accepts(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut wanted = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    wanted.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        is_gzip && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_unpacks_to_too_much_or_to_nothing_is_refused() {
        let body = vec![7; 10_000];
        assert_eq!(unpack(&pack(&body), 10_000).unwrap(), body);
        assert!(matches!(unpack(&pack(&body), 9_999), Err(BadGzip::TooLong(9_999))));
        assert!(matches!(unpack(b"no gzip", 100), Err(BadGzip::Damaged(_))));
        let packed = pack(&body);
        assert!(matches!(unpack(&packed[..packed.len() - 1], 10_000), Err(BadGzip::Damaged(_))));
    }

    #[test]
    fn a_client_that_does_not_read_gzip_gets_none() {
        for (value, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
            ("", false),
        ] {
            let headers = [(header::ACCEPT_ENCODING, HeaderValue::from_static(value))];
            assert_eq!(accepts(&headers.into_iter().collect()), expected, "{value}");
        }
    }
}

//! What a server of ours is sent: one JSON object, and nothing that merely resembles one.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::refuse;

/// Why a body is refused whose content type is not JSON.
pub const NOT_JSON: &str = "send JSON, with the header Content-Type: application/json";

/// Whether the content type of a request is JSON. A page of some other site cannot set that unasked.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
}

/// Reads an object. An array of the values in the right order would be read as well otherwise, and a
/// client that sends one means something else.
///
/// # Errors
/// It is none, or not this one, and why.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|byte| *byte != b'{') {
        return Err("a JSON object is wanted, { … }".into());
    }
    serde_json::from_slice(body).map_err(|e| e.to_string())
}

/// The object in a request's body; what is no such object is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Object<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Object<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        if !is_json(request.headers()) {
            return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, NOT_JSON));
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|bad| refuse(bad.status(), &bad.body_text()))?;
        object(&body).map(Self).map_err(|why| {
            refuse(
                StatusCode::BAD_REQUEST,
                &format!("the body is not what is expected here: {why}"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Two {
        a: u8,
        b: u8,
    }

    #[test]
    fn an_object_is_read_and_nothing_that_resembles_one() {
        assert_eq!(object(b" \n{\"a\":1,\"b\":2}"), Ok(Two { a: 1, b: 2 }));
        for (body, why) in [
            ("[1,2]", "object"),
            (" [ 1, 2 ]", "object"),
            ("1", "object"),
            ("\"a\"", "object"),
            ("", "EOF"),
            ("{\"a\":1}", "missing field `b`"),
            ("{\"a\":1,\"b\":2,\"c\":3}", "unknown field `c`"),
            ("{\"a\":1,\"b\":2,\"a\":1}", "duplicate field `a`"),
            ("{\"a\":1,\"b\":2} {}", "trailing characters"),
        ] {
            let refused = object::<Two>(body.as_bytes()).unwrap_err();
            assert!(refused.contains(why), "{body}: {refused}");
        }
    }
}

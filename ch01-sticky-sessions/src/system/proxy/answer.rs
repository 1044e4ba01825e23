//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Answers of the balancer itself. They give no address and no name of a backend.

use axum::http::{HeaderValue, Response, StatusCode, header};

use super::body::Download;
use super::upstream::Why;

/// What the balancer serves, in `Allow`.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Why a request is not passed on, or its answer is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    why: &'static str,
    /// What follows on the connection is not read.
    closes: bool,
    /// In seconds.
    retry_after: Option<u16>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, why: &'static str) -> Self {
        Self { status, why, closes: false, retry_after: None }
    }

    pub(super) fn closing(status: StatusCode, why: &'static str) -> Self {
        Self { closes: true, ..Self::new(status, why) }
    }

    /// No backend can take the request.
    pub(super) fn unavailable() -> Self {
        let why = "no backend can take this now; ask again in a moment";
        Self { retry_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, why) }
    }

    /// The client's body did not arrive, or is too long.
    pub(super) fn of_body(status: StatusCode) -> Self {
        Self::closing(status, "the body did not arrive as announced, or in time, or is too long")
    }

    /// The answer of a backend cannot be passed on.
    pub(super) fn bad_answer() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "the backend's answer is no valid HTTP")
    }

    pub(super) fn into_answer(self) -> Response<Download> {
        let text = format!("{} {}\n", self.status.as_u16(), self.why);
        let mut answer = Response::new(Download::text(text));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, plain);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static(METHODS));
        }
        if self.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

/// 502: the backend cannot be reached, or broke off. 504: it did not answer in time.
impl From<Why> for Refusal {
    fn from(why: Why) -> Self {
        match why {
            Why::Refused | Why::Broken | Why::Stale => {
                Self::new(StatusCode::BAD_GATEWAY, "the backend did not answer")
            }
            Why::ConnectTimeout | Why::Late => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "the backend did not answer in time")
            }
        }
    }
}

/// What the balancer answers to OPTIONS about itself.
pub(super) fn options() -> Response<Download> {
    let mut answer = Response::new(Download::text(""));
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(METHODS));
    answer
}

//! One batch on its way.
//!
//! | answer | means |
//! |---|---|
//! | 200, with a response of OTLP | stored, without the spans that its partial success counts |
//! | 429, 502, 503, 504, none | send it again, but not before the time that it asks for |
//! | another 2xx, or 200 with something else | it was no collector of OTLP; nobody said that they are stored |
//! | anything else | refused; sending it again changes nothing |
//!
//! A batch whose answer was lost is sent again: the collector stores each span once.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lab::rng::Rng;
use prost::Message as _;

use super::super::now;
use super::Options;
use crate::otlp::wire;
use crate::step4_exporter::{Answer, Attempts, Next, Outcome};

/// No answer of a collector is longer.
const MAX_ANSWER: usize = 64 << 10;

/// An endpoint that is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no endpoint; write http://HOST:PORT, such as http://127.0.0.1:4318")]
pub struct BadEndpoint(pub String);

/// Says where the collector is now; none where nobody knows yet.
pub(super) type Find = Box<dyn Fn() -> Option<Uri> + Send>;

pub(super) struct Post {
    client: Client<HttpConnector, Full<Bytes>>,
    find: Find,
    attempts: u32,
    first_wait: Duration,
    deadline: Duration,
    rng: Rng,
}

impl Post {
    pub(super) fn new(options: &Options, find: Find) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            find,
            attempts: options.attempts,
            first_wait: options.first_wait,
            deadline: options.deadline,
            rng: Rng::new(now()),
        }
    }

    pub(super) async fn send(&mut self, body: Bytes, count: usize) -> Outcome {
        let mut attempts = Attempts::new(count, self.attempts, self.first_wait);
        loop {
            let answer = self.ask(body.clone()).await;
            match attempts.after(answer, self.rng.next_u64()) {
                Next::Done(outcome) => return outcome,
                Next::SendAgain(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    async fn ask(&self, body: Bytes) -> Answer {
        let Some(uri) = (self.find)() else { return Answer::Later(None) };
        let request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(Full::new(body))
            .expect("the endpoint was read as one");
        let answer = async {
            let response = self.client.request(request).await.ok()?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.ok()?;
            Some((head, body.to_bytes()))
        };
        let Ok(Some((head, body))) = tokio::time::timeout(self.deadline, answer).await else {
            return Answer::Later(None);
        };
        match head.status {
            StatusCode::OK => match refused(&body) {
                Some(refused) => Answer::Stored { refused },
                None => Answer::NoCollector,
            },
            status if status.is_success() => Answer::NoCollector,
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Answer::Later(retry_after(&head.headers, now())),
            _ => Answer::Refused,
        }
    }
}

/// Always the same one.
pub(super) fn fixed(options: &Options) -> Result<Find, BadEndpoint> {
    let text = &options.endpoint;
    let uri = endpoint(text).ok_or_else(|| BadEndpoint(text.clone()))?;
    Ok(Box::new(move || Some(uri.clone())))
}

/// That of a collector of ours at this address, as often as it is asked for.
pub(super) fn at(address: impl Fn() -> Option<SocketAddr> + Send + 'static) -> Find {
    Box::new(move || endpoint(&format!("http://{}", address()?)))
}

fn endpoint(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let is_plain = uri.scheme_str() == Some("http") && uri.host().is_some_and(|h| !h.is_empty());
    match uri.path() {
        _ if !is_plain => None,
        "/" | "" => format!("{}/v1/traces", text.trim_end_matches('/')).parse().ok(),
        _ => Some(uri),
    }
}

/// How many spans a collector refused although it took the request; none if that is no answer of a collector.
fn refused(body: &[u8]) -> Option<usize> {
    let response = wire::Response::decode(body).ok()?;
    let count = response.partial_success.map_or(0, |partial| partial.rejected_spans);
    usize::try_from(count).ok()
}

/// Seconds, or a date of HTTP. `now` is in ns since 1970.
fn retry_after(headers: &HeaderMap, now: u64) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    let wait = date.as_nanosecond().saturating_sub(now.into());
    Some(Duration::from_nanos(u64::try_from(wait).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_a_path_gets_that_of_otlp() {
        for (text, uri) in [
            ("http://127.0.0.1:4318", Some("http://127.0.0.1:4318/v1/traces")),
            ("http://localhost:4318/", Some("http://localhost:4318/v1/traces")),
            ("http://[::1]:9/own", Some("http://[::1]:9/own")),
            ("https://127.0.0.1:4318", None),
            ("127.0.0.1:4318", None),
            ("http://", None),
            ("", None),
        ] {
            assert_eq!(endpoint(text).map(|uri| uri.to_string()).as_deref(), uri, "{text}");
        }
    }

    #[test]
    fn a_collector_asks_for_time_in_seconds_or_by_a_date() {
        let noon = 1_795_780_800_000_000_000;
        for (value, wait) in [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("Fri, 27 Nov 2026 12:00:09 GMT", Some(9)),
            ("Fri, 27 Nov 2026 11:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, noon), wait.map(Duration::from_secs), "{value}");
        }
    }
}

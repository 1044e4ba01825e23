//! A service for the W3C's test suite for Trace Context.
//!
//! `POST /test` with an array of `{"url", "arguments"}`: for each of them, in order, it posts the arguments
//! to the URL, with the context of a span of its own in the caller's trace. Then it answers 200.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lab::http::{Limits, answer, finish, refuse, serve};
use lab::rng::Rng;
use lab::system::{asked_to_end, say};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Error, listen, now};
use crate::context::{Flags, TraceContext};
use crate::types::{SpanId, TraceId};

/// As many calls are made for one request.
const MAX_CALLS: usize = 100;
/// For each of them.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Call {
    url: String,
    #[serde(default)]
    arguments: Value,
}

struct Service {
    client: Client<HttpConnector, Body>,
    /// Draws ids.
    drawn: AtomicU64,
    seed: u64,
}

impl Service {
    fn draw(&self) -> u64 {
        let number = self.drawn.fetch_add(1, Relaxed);
        Rng::new(self.seed ^ number.rotate_left(32)).next_u64().max(1)
    }
}

pub(super) async fn run(port: u16) -> Result<(), Error> {
    let limits = Limits::of_process()?;
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "--port 0").await?;
    let address = listener.local_addr().map_err(Error::Start)?;
    let stop = asked_to_end()?;
    say(&format!(
        "ready: http://{address}/test. In a clone of https://github.com/w3c/trace-context, in test/:\n\n  \
         SPEC_LEVEL=2 STRICT_LEVEL=2 python test.py http://{address}/test\n\n\
         Ctrl-C ends it."
    ));
    serve(listener, router(now()), limits, stop).await;
    Ok(())
}

pub(super) fn router(seed: u64) -> Router {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let service = Service { client, drawn: AtomicU64::new(0), seed };
    finish(Router::new().route("/test", post(test)).with_state(Arc::new(service)))
}

async fn test(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let calls: Vec<Call> = match serde_json::from_slice(&body) {
        Ok(calls) => calls,
        Err(why) => {
            let why = format!("send an array of {{\"url\", \"arguments\"}} as JSON: {why}");
            return refuse(StatusCode::BAD_REQUEST, &why);
        }
    };
    if calls.len() > MAX_CALLS {
        return refuse(StatusCode::BAD_REQUEST, "at most 100 calls in one request");
    }
    let pairs: Vec<_> = headers.iter().map(|(n, value)| (n.as_str(), value.as_bytes())).collect();
    for call in calls {
        // Each call is a span of its own; without a caller's trace, each request of ours begins one.
        let new = TraceId(u128::from(service.draw()) << 64 | u128::from(service.draw()));
        let span = SpanId(service.draw());
        let flags = Flags::SAMPLED.with(Flags::RANDOM);
        let context = TraceContext::answering(&pairs, span, new, flags);
        if let Err(why) = send(&service, &call, &context).await {
            return refuse(StatusCode::BAD_GATEWAY, &format!("{}: {why}", call.url));
        }
    }
    answer(StatusCode::OK, &json!({}))
}

async fn send(service: &Service, call: &Call, context: &TraceContext) -> Result<(), String> {
    let mut request = hyper::Request::builder()
        .method(Method::POST)
        .uri(&call.url)
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in context.headers() {
        request = request.header(name, value);
    }
    let body = Body::from(call.arguments.to_string());
    let request = request.body(body).map_err(|e| e.to_string())?;
    let answered = tokio::time::timeout(DEADLINE, service.client.request(request)).await;
    let answered = answered.map_err(|_| "no answer in time".to_owned())?;
    answered.map(drop).map_err(|e| e.to_string())
}

//! Spans are found, as JSON.
//!
//! Times are text, in ns since 1970: a number in JSON has 53 bits for most readers. What is measured from
//! the begin of a trace fits, and is a number.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use lab::http::{answer, refuse};
use serde::Serialize;
use serde_json::json;

use super::collector::Shared;
use super::{now, query};
use crate::analysis::Tree;
use crate::analysis::clocks::{Clock, Clocks, Contradiction, Interval};
use crate::analysis::critical_path::{Step, recorded};
use crate::store::{Shown, Store};
use crate::types::{Kind, Span, Status, TraceId};

/// The parameters of a URL, in their order and as often as they stand there.
pub(super) type Pairs = Query<Vec<(String, String)>>;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/services", get(services))
        .route("/api/operations", get(operations))
        .route("/api/traces", get(traces))
        .route("/api/traces/{id}", get(trace))
}

async fn services(State(shared): State<Shared>) -> Response {
    off_the_threads_that_serve(move || {
        answer(StatusCode::OK, &json!({ "services": shared.store.services() }))
    })
    .await
}

async fn operations(State(shared): State<Shared>, Query(pairs): Pairs) -> Response {
    match pairs.as_slice() {
        [(name, service)] if name == "service" => {
            let service = service.clone();
            off_the_threads_that_serve(move || {
                let operations = shared.store.operations(&service);
                answer(StatusCode::OK, &json!({ "operations": operations }))
            })
            .await
        }
        _ => refuse(StatusCode::BAD_REQUEST, "of which service? add ?service=NAME"),
    }
}

async fn traces(State(shared): State<Shared>, Query(pairs): Pairs) -> Response {
    match query::parse(&pairs, now()) {
        Ok(query) => {
            let search = move || Json(shared.store.search(&query)).into_response();
            off_the_threads_that_serve(search).await
        }
        Err(why) => refuse(StatusCode::BAD_REQUEST, &why.to_string()),
    }
}

async fn trace(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let answer = |found: Found| match found {
        Ok(shown) => Json(Trace::new(&shown)).into_response(),
        Err((status, why)) => refuse(status, &why),
    };
    read(shared, id, answer).await
}

/// Makes an answer that may take long: other requests do not wait for it.
pub(super) async fn off_the_threads_that_serve(
    answer: impl FnOnce() -> Response + Send + 'static,
) -> Response {
    tokio::task::spawn_blocking(answer).await.expect("it does not panic")
}

/// The spans of a trace, at least one; or why there is none.
pub(super) type Found = Result<Shown, (StatusCode, String)>;

/// The id of a trace, in hex.
pub(super) fn trace_id(text: &str) -> Option<TraceId> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16).ok().filter(|_| is_hex).map(TraceId)
}

/// Reads traces and makes an answer of them. Only a few do so at a time.
pub(super) async fn reading(
    shared: Shared,
    answer: impl FnOnce(&Store) -> Response + Send + 'static,
) -> Response {
    let place = shared.reading.acquire_owned().await.expect("it is never closed");
    off_the_threads_that_serve(move || {
        let _place = place;
        answer(&shared.store)
    })
    .await
}

/// Reads a trace and makes an answer of it.
pub(super) async fn read(
    shared: Shared,
    id: String,
    answer: impl FnOnce(Found) -> Response + Send + 'static,
) -> Response {
    reading(shared, move |store| answer(find(store, &id))).await
}

/// Reads one trace.
pub(super) fn find(store: &Store, id: &str) -> Found {
    let bad = || (StatusCode::BAD_REQUEST, "a trace id is 32 hex digits".into());
    let shown = store.trace(trace_id(id).ok_or_else(bad)?);
    let none =
        "no span of this trace is stored: it never arrived, or it was deleted because of its age";
    let is_none = shown.spans.is_empty();
    if is_none { Err((StatusCode::NOT_FOUND, none.into())) } else { Ok(shown) }
}

/// A trace.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trace<'a> {
    trace_id: String,
    /// When its first span began.
    start: String,
    spans: Vec<OneSpan<'a>>,
    /// How many more spans are stored, and not shown.
    more: usize,
    /// What the request waited for: places in `spans`.
    critical_path: Vec<OnPath>,
    /// What has to be added to the times of each clock to get those of the root's, in ns: at least, at
    /// most, and the number to draw with. Null if no offsets fit all calls; empty for more than
    /// [`CLOCKS`].
    clocks: Option<BTreeMap<String, [Option<i64>; 3]>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OnPath {
    span: usize,
    within: Option<usize>,
    /// How long it waited for nothing else on the path, in ns.
    own: u64,
}

/// The offsets of more clocks than these would take long to find.
const CLOCKS: usize = 256;

/// What follows from the spans of a trace. There are no offsets if it has too many clocks.
pub(super) struct Analysis<'a> {
    pub(super) path: Vec<Step>,
    pub(super) clocks: Result<BTreeMap<Clock<'a>, Interval>, Contradiction>,
}

impl<'a> Analysis<'a> {
    pub(super) fn of(spans: &'a [Span]) -> Self {
        let tree = Tree::new(spans);
        let Some(root) = tree.root() else {
            return Self { path: Vec::new(), clocks: Ok(BTreeMap::new()) };
        };
        let all: BTreeSet<Clock<'_>> = spans.iter().map(Clock::of).collect();
        let clocks = match all.len() {
            0..=CLOCKS => Clocks::of(&tree).relative_to(Clock::of(&spans[root])),
            _ => Ok(BTreeMap::new()),
        };
        Self { path: recorded(&tree, root), clocks }
    }
}

#[derive(Serialize)]
struct OneSpan<'a> {
    id: String,
    parent: Option<String>,
    service: &'a str,
    /// Its name in `clocks`, if that is not the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<String>,
    name: &'a str,
    kind: &'static str,
    /// In ns from the begin of the trace.
    at: u64,
    /// In ns.
    took: u64,
    /// Why it failed; null if it did not.
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<[String; 2]>,
    attributes: Vec<(&'a str, String)>,
}

impl<'a> Trace<'a> {
    pub(super) fn new(Shown { spans, more }: &'a Shown) -> Self {
        let start = spans.iter().map(|span| span.start).min().unwrap_or(0);
        let one = |span: &'a Span| OneSpan {
            id: span.id.to_string(),
            parent: span.parent.map(|parent| parent.to_string()),
            service: &span.service,
            clock: Clock::of(span).instance.map(|_| Clock::of(span).to_string()),
            name: &span.name,
            kind: kind(span.kind),
            at: span.start - start,
            took: span.end - span.start,
            error: error(&span.status),
            links: span.links.iter().map(|l| [l.trace.to_string(), l.span.to_string()]).collect(),
            attributes: span.attributes.iter().map(|(k, v)| (k.as_str(), v.to_string())).collect(),
        };
        let trace_id = spans.first().map_or_else(String::new, |span| span.trace.to_string());
        let Analysis { path, clocks } = Analysis::of(spans);
        let on_path = |Step { span, within, own }| OnPath { span, within, own };
        let number = |ns: i128| i64::try_from(ns).ok();
        let three = |clock: Interval| {
            [clock.low.and_then(number), clock.high.and_then(number), number(clock.middle())]
        };
        let clocks = clocks
            .map(|clocks| clocks.into_iter().map(|(n, c)| (n.to_string(), three(c))).collect());
        Self {
            trace_id,
            start: start.to_string(),
            spans: spans.iter().map(one).collect(),
            more: *more,
            critical_path: path.into_iter().map(on_path).collect(),
            clocks: clocks.ok(),
        }
    }
}

pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Internal => "internal",
        Kind::Server => "server",
        Kind::Client => "client",
        Kind::Producer => "producer",
        Kind::Consumer => "consumer",
    }
}

pub(super) fn error(status: &Status) -> Option<&str> {
    match status {
        Status::Error(why) => Some(why),
        Status::Unset | Status::Ok => None,
    }
}

//! The shop's HTTP, on `coord`: an order in, its outcome out. The one rule: an outcome that is not
//! known is never an error. A client that reads "error" pays again; one that reads "pending" asks
//! again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use lab::http::{NOT_JSON, answer, is_json, refuse};
use lab::run::{ClientPool, Pooled};
use lab::system::{Endpoints, report};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::catalog;
use super::request::{self, BadRequest, MAX_BODY, Request};
use crate::shop::Shop;
use crate::types::{Key, Msg, Outcome, Refusal, wait};

/// So long a request waits for its outcome before it answers "pending".
const PATIENCE: Duration = Duration::from_secs(2);
/// Each look opens a connection to every role, and descriptors are kept for the log.
const MOST_LOOKS: usize = 4;

#[derive(Clone)]
struct Pages {
    pool: ClientPool<Shop>,
    endpoints: Arc<Mutex<Endpoints>>,
    start: u64,
    reads: Arc<AtomicU64>,
    /// So many may ask all roles at a time.
    looks: Arc<Semaphore>,
}

/// What came back within the time.
enum Reply {
    Outcome(Outcome),
    /// Nothing, or the node ended: it may have been done.
    Nothing,
    /// Too many ask at once; this one was not passed on.
    Full,
}

/// The pages that only `coord` has. `start` counts its starts.
pub(super) fn router(
    pool: ClientPool<Shop>,
    start: u64,
    endpoints: Arc<Mutex<Endpoints>>,
) -> Router {
    let looks = Arc::new(Semaphore::new(MOST_LOOKS));
    let shop = Pages { pool, endpoints, start, reads: Arc::default(), looks };
    Router::new()
        .route("/checkout", post(checkout))
        .route("/transfer", post(transfer))
        .route("/balances", get(balances))
        .route("/in-doubt", get(in_doubt))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(shop)
}

type Body = Result<Bytes, BytesRejection>;

async fn checkout(State(shop): State<Pages>, headers: HeaderMap, body: Body) -> Response {
    shop.submit(&headers, body, Request::checkout).await
}

async fn transfer(State(shop): State<Pages>, headers: HeaderMap, body: Body) -> Response {
    shop.submit(&headers, body, Request::transfer).await
}

impl Pages {
    async fn submit(
        &self,
        headers: &HeaderMap,
        body: Body,
        parse: fn(&[u8]) -> Result<Request, BadRequest>,
    ) -> Response {
        let request = match json_body(headers, body).map(|body| parse(&body)) {
            Ok(Ok(request)) => request,
            Ok(Err(bad)) => return refuse(StatusCode::BAD_REQUEST, &bad.to_string()),
            Err(refusal) => return *refusal,
        };
        response(&request.key, self.outcome(&request).await)
    }

    async fn outcome(&self, request: &Request) -> Reply {
        let Ok(client) = self.pool.take() else { return Reply::Full };
        let asked = tokio::time::timeout(PATIENCE, ask(client, request)).await;
        asked.unwrap_or(Reply::Nothing)
    }
}

/// Asks, and asks again now and then: many who wait for one key are answered one by one, because
/// the node remembers only the last client that asked.
async fn ask(mut client: Pooled<Shop>, Request { key, order }: &Request) -> Reply {
    let mut is_first = true;
    loop {
        let submit = Msg::Submit { key: key.clone(), order: order.clone() };
        if client.send(submit).await.is_err() {
            return Reply::Nothing;
        }
        match tokio::time::timeout(wait::RETRY.start, client.recv()).await {
            Ok(Some(Msg::Answer { key: of, outcome })) if of == *key => {
                // A second answer may be under way otherwise, to the request that would have the
                // client next.
                if is_first {
                    client.answered();
                }
                return Reply::Outcome(outcome);
            }
            Ok(None) => return Reply::Nothing,
            Ok(Some(_)) | Err(_) => is_first = false,
        }
    }
}

fn json_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Box<Response>> {
    if !is_json(headers) {
        return Err(Box::new(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, NOT_JSON)));
    }
    body.map_err(|rejection| {
        Box::new(match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let why = format!("the body is too large; {MAX_BODY} bytes are the limit");
                refuse(StatusCode::PAYLOAD_TOO_LARGE, &why)
            }
            _ => {
                let why = "the body did not arrive whole; ask again with the same key";
                refuse(StatusCode::BAD_REQUEST, why)
            }
        })
    })
}

/// What the customer gets.
fn response(key: &Key, reply: Reply) -> Response {
    let key = &*key.0;
    match reply {
        Reply::Outcome(Outcome::Done(_)) => {
            answer(StatusCode::OK, &json!({ "outcome": "done", "key": key }))
        }
        Reply::Outcome(Outcome::Declined(why)) => {
            let body = json!({ "outcome": "declined", "key": key, "why": because(&why) });
            answer(StatusCode::CONFLICT, &body)
        }
        Reply::Outcome(Outcome::KeyReused) => {
            let why = "this key stands for another order, which stays as it is; choose a new key";
            let body = json!({ "outcome": "key reused", "key": key, "why": why });
            answer(StatusCode::UNPROCESSABLE_ENTITY, &body)
        }
        Reply::Outcome(Outcome::Busy) | Reply::Full => {
            let say = "too many orders are open; ask again with the same key";
            try_later(&json!({ "outcome": "busy", "key": key, "say": say }))
        }
        Reply::Nothing => {
            let say = "ask again with the same key";
            answer(StatusCode::ACCEPTED, &json!({ "outcome": "pending", "key": key, "say": say }))
        }
    }
}

fn because(why: &Refusal) -> String {
    match why {
        Refusal::NoVote => format!("{why} in time; nothing was done, use a new key to try again"),
        Refusal::NotNow(_) => format!("{why}; nothing was done, use a new key to try again"),
        Refusal::Unknown(_) | Refusal::OutOfRange(_) => why.to_string(),
    }
}

fn try_later(body: &Value) -> Response {
    let later = [(header::RETRY_AFTER, "1")];
    (later, answer(StatusCode::SERVICE_UNAVAILABLE, body)).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    of: Option<String>,
}

/// `GET /balances[?of=pay/alice,stock/boots | ?of=all]`: balances of one moment.
async fn balances(State(shop): State<Pages>, query: Result<Query<Of>, QueryRejection>) -> Response {
    let Ok(Query(Of { of })) = query else {
        let why = "the only question is ?of=LEDGER/NAME,… or ?of=all";
        return refuse(StatusCode::BAD_REQUEST, why);
    };
    let order = match request::read_only(of.as_deref()) {
        Ok(order) => order,
        Err(bad) => return refuse(StatusCode::BAD_REQUEST, &bad.to_string()),
    };
    // No customer's key has a space in it, so none is ever this one. The start makes it new.
    let read = shop.reads.fetch_add(1, Ordering::Relaxed);
    let key = Key::new(&format!("read {} {read}", shop.start));
    let Reply::Outcome(Outcome::Done(seen)) = shop.outcome(&Request { key, order }).await else {
        let why = "some of it is locked, or a role is down; see /in-doubt, and ask again";
        return try_later(&json!({ "error": why }));
    };
    let seen = seen.iter().map(|(id, balances)| (catalog::ledger(*id).to_owned(), json!(balances)));
    answer(StatusCode::OK, &Value::Object(seen.collect()))
}

/// `GET /in-doubt`: what every role waits for, `coord` too.
async fn in_doubt(State(shop): State<Pages>) -> Response {
    let endpoints = shop.endpoints.lock().expect("no thread panics with this lock held").clone();
    let _look = shop.looks.acquire().await.expect("it is never closed");
    let doubts = |status: Value| {
        let mut own = json!({ "up": true });
        for field in ["in_doubt", "locked", "waits"] {
            if !status[field].is_null() {
                own[field] = status[field].clone();
            }
        }
        own
    };
    let all = report(&endpoints, None).await.into_iter().map(|(role, status)| {
        (role, status.map_or_else(|| json!({ "up": false }), |s| doubts(Value::Object(s.own))))
    });
    answer(StatusCode::OK, &Value::Object(all.collect()))
}

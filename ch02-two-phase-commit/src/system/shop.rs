//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! The shop's HTTP, on `coord`: an order in, its outcome out. The one rule: an outcome that is not
//! known is never an error. Whoever reads "error" pays again; whoever reads "pending" asks again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
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
use lab::run::Driver;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Caller;
use super::catalog;
use super::operator::{answer, ask, say};
use super::role::Role;
use super::wish::{self, BadWish, MAX_BODY, Wish};
use crate::shop::Shop;
use crate::types::{Key, Msg, Outcome, Refusal, wait};

/// So long a request waits for its outcome before it answers "pending".
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the other roles answer an operator.
pub(super) type Edges = Arc<Mutex<BTreeMap<Role, SocketAddr>>>;

#[derive(Clone)]
struct Pages {
    driver: Arc<Driver<Shop>>,
    edges: Edges,
    looks: Arc<AtomicU64>,
}

/// What was heard within the time.
enum Heard {
    Outcome(Outcome),
    /// Nothing, or the node ended: it may have been done.
    Nothing,
    /// Too many ask at once; this one was not passed on.
    Full,
}

/// The pages that only `coord` has.
pub(super) fn router(driver: &Arc<Driver<Shop>>, edges: Edges) -> Router {
    let shop = Pages { driver: Arc::clone(driver), edges, looks: Arc::default() };
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
    shop.submit(&headers, body, Wish::checkout).await
}

async fn transfer(State(shop): State<Pages>, headers: HeaderMap, body: Body) -> Response {
    shop.submit(&headers, body, Wish::transfer).await
}

impl Pages {
    async fn submit(
        &self,
        headers: &HeaderMap,
        body: Body,
        parse: fn(&[u8]) -> Result<Wish, BadWish>,
    ) -> Response {
        let wish = match json_body(headers, body).map(|body| parse(&body)) {
            Ok(Ok(wish)) => wish,
            Ok(Err(bad)) => return say(StatusCode::BAD_REQUEST, "error", &bad.to_string()),
            Err(refusal) => return *refusal,
        };
        let heard = tokio::time::timeout(PATIENCE, self.outcome(&wish)).await;
        told(&wish.key, heard.unwrap_or(Heard::Nothing))
    }

    /// Asks the node, and asks again now and then: a crowd that waits for one key is answered one
    /// by one, because the node remembers only the last who asked.
    async fn outcome(&self, wish: &Wish) -> Heard {
        let Ok(mut client) = self.driver.clients().connect() else { return Heard::Full };
        loop {
            let submit = Msg::Submit { key: wish.key.clone(), order: wish.order.clone() };
            if client.send(submit).await.is_err() {
                return Heard::Nothing;
            }
            match tokio::time::timeout(wait::RETRY.start, client.recv()).await {
                Ok(Some(Msg::Answer { key, outcome })) if key == wish.key => {
                    return Heard::Outcome(outcome);
                }
                Ok(None) => return Heard::Nothing,
                Ok(Some(_)) | Err(_) => {}
            }
        }
    }
}

fn json_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Box<Response>> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        let why = "send JSON, with the header Content-Type: application/json";
        return Err(Box::new(say(StatusCode::UNSUPPORTED_MEDIA_TYPE, "error", why)));
    }
    body.map_err(|rejection| {
        Box::new(match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let why = format!("the body is too large; {MAX_BODY} bytes are the limit");
                say(StatusCode::PAYLOAD_TOO_LARGE, "error", &why)
            }
            _ => {
                let why = "the body did not arrive whole; ask again with the same key";
                say(StatusCode::BAD_REQUEST, "error", why)
            }
        })
    })
}

/// What the customer is told.
fn told(key: &Key, heard: Heard) -> Response {
    let key = &*key.0;
    match heard {
        Heard::Outcome(Outcome::Done(_)) => {
            answer(StatusCode::OK, &json!({ "outcome": "done", "key": key }))
        }
        Heard::Outcome(Outcome::Declined(why)) => {
            let body = json!({ "outcome": "declined", "key": key, "why": because(&why) });
            answer(StatusCode::CONFLICT, &body)
        }
        Heard::Outcome(Outcome::KeyReused) => {
            let why = "this key stands for another order, which stays as it is; choose a new key";
            let body = json!({ "outcome": "key reused", "key": key, "why": why });
            answer(StatusCode::UNPROCESSABLE_ENTITY, &body)
        }
        Heard::Outcome(Outcome::Busy) | Heard::Full => {
            let say = "too many orders are open; ask again with the same key";
            try_later(&json!({ "outcome": "busy", "key": key, "say": say }))
        }
        Heard::Nothing => {
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
        return say(StatusCode::BAD_REQUEST, "error", why);
    };
    let order = match wish::look(of.as_deref()) {
        Ok(order) => order,
        Err(bad) => return say(StatusCode::BAD_REQUEST, "error", &bad.to_string()),
    };
    // No wish has a space in its key, so no look is ever taken for one. The start makes it new.
    let look = shop.looks.fetch_add(1, Ordering::Relaxed);
    let key = Key::new(&format!("look {} {look}", shop.driver.start_count()));
    let wish = Wish { key, order };
    let heard = tokio::time::timeout(PATIENCE, shop.outcome(&wish)).await;
    let Ok(Heard::Outcome(Outcome::Done(seen))) = heard else {
        let why = "some of it is locked, or a role is down; see /in-doubt, and ask again";
        return try_later(&json!({ "error": why }));
    };
    let seen = seen.iter().map(|(id, balances)| (catalog::ledger(*id).to_owned(), json!(balances)));
    answer(StatusCode::OK, &Value::Object(seen.collect()))
}

/// `GET /in-doubt`: what every role waits for.
async fn in_doubt(State(shop): State<Pages>) -> Response {
    let mut all = serde_json::Map::new();
    let down = || json!({ "up": false });
    let own = ask(&shop.driver).await;
    all.insert(Role::Coord.name().into(), own.map_or_else(down, |own| doubts(&json!(own))));
    let edges = shop.edges.lock().expect("nobody panics with it").clone();
    for (role, edge) in edges.into_iter().filter(|(role, _)| *role != Role::Coord) {
        let status = Caller::new(edge).get("/status").await.ok().filter(|a| a.status == 200);
        all.insert(role.name().into(), status.map_or_else(down, |status| doubts(&status.body)));
    }
    answer(StatusCode::OK, &Value::Object(all))
}

fn doubts(status: &Value) -> Value {
    json!({ "up": true, "in_doubt": status["in_doubt"], "locked": status["locked"] })
}

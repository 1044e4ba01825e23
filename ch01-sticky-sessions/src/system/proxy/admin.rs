//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! What an operator sees and does, on a listener of its own, so that no client can.
//!
//! | request | does |
//! |---|---|
//! | `GET /metrics` | counters as text |
//! | `GET /backends` | name, address, state, requests in flight, sessions left |
//! | `PUT /backends` | another list: `[{"name": "web-1", "address": "127.0.0.1:7101"}]` |
//! | `POST /backends/NAME/drain?within=60` | no new sessions, and after so many seconds no request at all |
//! | `POST /backends/NAME/activate` | all again |
//!
//! It answers on loopback alone, and under a name of this machine; and a page of another site that is open in
//! a browser here changes nothing ([`lab::http::finish`]).
//!
//! # Left out
//!
//! A secret: who has an account on this machine may drain a web process, as they may kill it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use lab::http::{answer, finish, refuse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Proxy;
use super::backend::Backend;
use super::pool::Pool;

/// No name of a backend is longer.
const LONGEST: usize = 64;

/// One backend in a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    address: SocketAddr,
}

/// How long a drain may take.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Within {
    within: Option<u32>,
}

/// The pages of the admin listener, for [`lab::http::serve`].
pub fn router(proxy: Arc<Proxy>) -> Router {
    let pages = Router::new()
        .route("/metrics", get(metrics))
        .route("/backends", get(backends).put(replace))
        .route("/backends/{name}/drain", post(drain))
        .route("/backends/{name}/activate", post(activate))
        .with_state(proxy);
    finish(pages)
}

async fn metrics(State(proxy): State<Arc<Proxy>>) -> Response {
    proxy.metrics.text(&proxy.backends.now(), &proxy.counters()).into_response()
}

async fn backends(State(proxy): State<Arc<Proxy>>) -> Response {
    list(&proxy.backends.now())
}

fn list(pool: &Pool) -> Response {
    let all: Vec<Value> = pool.backends().iter().map(|backend| shown(backend)).collect();
    answer(StatusCode::OK, &json!({ "backends": all }))
}

fn shown(backend: &Backend) -> Value {
    json!({
        "name": backend.name(),
        "address": backend.address().to_string(),
        "state": backend.state().name(),
        "in_flight": backend.in_flight(),
        "sessions_left": backend.sessions(),
    })
}

/// A name is in logs, in metrics and in paths: it is one word there.
fn is_name(name: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_good)
}

/// Puts another list in force. Requests under way are not disturbed.
async fn replace(State(proxy): State<Arc<Proxy>>, body: axum::body::Bytes) -> Response {
    let new: Vec<Listed> = match serde_json::from_slice(&body) {
        Ok(new) => new,
        Err(error) => {
            let why =
                format!("{error}; send [{{\"name\": …, \"address\": \"127.0.0.1:7101\"}}, …]");
            return refuse(StatusCode::BAD_REQUEST, &why);
        }
    };
    if new.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "a balancer needs at least one backend");
    }
    if let Some(bad) = new.iter().find(|listed| !is_name(&listed.name)) {
        let why = format!("{:?} is no name: 1 to {LONGEST} letters, digits, - . or _", bad.name);
        return refuse(StatusCode::BAD_REQUEST, &why);
    }
    let new = new.into_iter().map(|listed| (listed.name, listed.address)).collect();
    match proxy.backends.replace(new) {
        Ok(()) => list(&proxy.backends.now()),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

async fn drain(
    State(proxy): State<Arc<Proxy>>,
    Path(name): Path<String>,
    asked: Result<Query<Within>, QueryRejection>,
) -> Response {
    let Ok(Query(Within { within })) = asked else {
        let why = format!("write POST /backends/{name}/drain?within=60: whole seconds");
        return refuse(StatusCode::BAD_REQUEST, &why);
    };
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let within = within.map_or(proxy.config.health.drain, seconds);
    change(&proxy, &name, |backend| backend.drain(within))
}

async fn activate(State(proxy): State<Arc<Proxy>>, Path(name): Path<String>) -> Response {
    change(&proxy, &name, Backend::activate)
}

fn change(proxy: &Proxy, name: &str, change: impl FnOnce(&Backend)) -> Response {
    let pool = proxy.backends.now();
    let Some(backend) = pool.named(name) else {
        let names: Vec<&str> = pool.backends().iter().map(|backend| backend.name()).collect();
        let why = format!("there is no {name}; there are {}", names.join(", "));
        return refuse(StatusCode::NOT_FOUND, &why);
    };
    change(backend);
    Json(shown(backend)).into_response()
}

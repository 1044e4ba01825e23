//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! What an operator may ask of any role over HTTP: is it there, what does it wait for, what has it
//! written. And what all of our HTTP has in common.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use lab::run::Driver;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::inhabitant::Inhabitant;
use super::role::Role;
use crate::deeper::Msg as Deeper;
use crate::shop::Shop;
use crate::types::{Msg, TxId};

/// A role that cannot say how it is within this time is not well.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What a role says about itself.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RoleStatus {
    /// Attempts whose outcome it waits for.
    pub in_doubt: Vec<String>,
    /// Accounts that nobody else may touch meanwhile.
    pub locked: Vec<String>,
    /// What an operator ended here, and nobody knows how it really ended.
    #[serde(default)]
    pub guessed: Vec<String>,
    /// What an operator ended here one way, and all others the other way.
    #[serde(default)]
    pub damage: Vec<String>,
    /// Which start of this role it is.
    pub start: u64,
    /// Records written since this start.
    pub records: u64,
    /// Forced writes since this start.
    pub syncs: u64,
    /// Bytes written to the log since this start.
    pub log_bytes: u64,
    /// Messages sent to other roles since this start.
    pub messages: u64,
}

/// Asks the node of this process. `None` if it does not answer.
pub(super) async fn ask(driver: &Driver<Shop>) -> Option<RoleStatus> {
    let mut client = driver.clients().connect().ok()?;
    client.send(Msg::Status).await.ok()?;
    let answer = tokio::time::timeout(PATIENCE, client.recv()).await.ok()??;
    let (in_doubt, locked, guessed, damage) = match answer {
        Msg::StatusIs { in_doubt, locked } => (in_doubt, locked, Vec::new(), Vec::new()),
        Msg::Deeper(Deeper::StatusIs { in_doubt, locked, guessed, damage }) => {
            (in_doubt, locked, guessed, damage)
        }
        _ => return None,
    };
    let counts = driver.counts();
    Some(RoleStatus {
        in_doubt: in_doubt.iter().map(ToString::to_string).collect(),
        locked: locked.iter().map(ToString::to_string).collect(),
        guessed: guessed.into_iter().map(|end| by_hand(end, "the truth is not known")).collect(),
        damage: damage.into_iter().map(|end| by_hand(end, "all others did the opposite")).collect(),
        start: driver.start_count(),
        records: counts.records,
        syncs: counts.syncs,
        log_bytes: counts.log_bytes,
        messages: counts.frames_out,
    })
}

fn by_hand((tx, commit): (TxId, bool), rest: &str) -> String {
    format!("{tx} {} here by hand, {rest}", if commit { "committed" } else { "aborted" })
}

/// `GET /health`, `GET /status`: the same on every role.
pub(super) fn router(role: Role, inhabitant: &Arc<impl Inhabitant>) -> Router {
    let inhabitant = Arc::clone(inhabitant);
    let status = move || {
        let inhabitant = Arc::clone(&inhabitant);
        async move {
            match inhabitant.status().await {
                Some(status) => Json(status).into_response(),
                None => say(StatusCode::SERVICE_UNAVAILABLE, "error", "the node does not answer"),
            }
        }
    };
    let health = move || async move { Json(json!({ "role": role.name(), "up": true })) };
    Router::new().route("/health", get(health)).route("/status", get(status))
}

/// What every router of ours ends with: answers in JSON whatever is asked, and only for this machine.
pub(super) fn finish(router: Router) -> Router {
    let no_page = || async { say(StatusCode::NOT_FOUND, "error", "there is no such page here") };
    let no_method = || async {
        let why = "this page takes another method; read with GET, change with POST";
        say(StatusCode::METHOD_NOT_ALLOWED, "error", why)
    };
    router.fallback(no_page).method_not_allowed_fallback(no_method).layer(from_fn(only_loopback))
}

/// A page of some other site, open in a browser here, must not be able to talk to the shop under a
/// name of its own. Together with the content type that every change needs, it cannot.
async fn only_loopback(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    if matches!(name, Some("127.0.0.1" | "localhost" | "[::1]")) {
        return next.run(request).await;
    }
    say(StatusCode::FORBIDDEN, "error", "only for this machine: call it 127.0.0.1")
}

/// `{"error": "…"}` and its like.
pub(super) fn say(status: StatusCode, field: &str, text: &str) -> Response {
    answer(status, &json!({ field: text }))
}

/// An answer whose body is this.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    (status, Json(body)).into_response()
}

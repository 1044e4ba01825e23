//! Edge: makes it survive the real world. The lesson is in `deeper/heuristic.rs`.
//!
//! An operator ends what a participant is in doubt about, by hand: the page, and who calls it.
//!
//! # Left out
//!
//! Asking twice, and who is allowed to.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use clap::ValueEnum;
use lab::run::Driver;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::call::Caller;
use super::operator::{PATIENCE, answer, say};
use super::trouble::Trouble;
use crate::deeper::Msg as Deeper;
use crate::shop::Shop;
use crate::types::{Msg, TxId};

/// How to end it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// As if the coordinator had said commit.
    Commit,
    /// As if it had said abort.
    Abort,
}

/// What the page is asked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    tx: String,
    end: Ending,
}

/// `2.1`, `2.1/3`, and the same with `tx ` in front: as it is shown.
pub(super) fn tx(text: &str) -> Result<TxId, String> {
    let wanted =
        || format!("{text:?} is no transaction; write it as `status` shows it, such as 2.1");
    let plain = text.strip_prefix("tx").unwrap_or(text).trim();
    let (id, attempt) = plain.split_once('/').unwrap_or((plain, "1"));
    let (start, count) = id.split_once('.').ok_or_else(wanted)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wanted());
    let attempt = attempt.parse().map_err(|_| wanted())?;
    Ok(TxId { start: number(start)?, count: number(count)?, attempt })
}

/// `POST /resolve`: only participants have it.
pub(super) fn router(driver: &Arc<Driver<Shop>>) -> Router {
    let driver = Arc::clone(driver);
    let resolve = move |wish: Result<Json<Wish>, JsonRejection>| {
        let driver = Arc::clone(&driver);
        async move { resolved(&driver, wish).await }
    };
    Router::new().route("/resolve", post(resolve))
}

async fn resolved(driver: &Driver<Shop>, wish: Result<Json<Wish>, JsonRejection>) -> Response {
    let wish = match wish {
        Ok(Json(wish)) => wish,
        Err(bad) => return say(bad.status(), "error", &bad.body_text()),
    };
    let tx = match tx(&wish.tx) {
        Ok(tx) => tx,
        Err(bad) => return say(StatusCode::BAD_REQUEST, "error", &bad),
    };
    let asked = tokio::time::timeout(PATIENCE, ask(driver, tx, wish.end == Ending::Commit)).await;
    match asked {
        Ok(Some(true)) => answer(StatusCode::OK, &json!({ "tx": tx.to_string(), "end": wish.end })),
        Ok(Some(false)) => {
            say(StatusCode::CONFLICT, "error", &format!("{tx} is not in doubt here"))
        }
        Ok(None) | Err(_) => {
            let why = "the node does not answer; see `status` for what became of it";
            say(StatusCode::SERVICE_UNAVAILABLE, "error", why)
        }
    }
}

async fn ask(driver: &Driver<Shop>, tx: TxId, commit: bool) -> Option<bool> {
    let mut client = driver.clients().connect().ok()?;
    client.send(Msg::Deeper(Deeper::Resolve { tx, commit })).await.ok()?;
    match client.recv().await? {
        Msg::Deeper(Deeper::Resolved { done, .. }) => Some(done),
        _ => None,
    }
}

/// Calls the page of one role.
///
/// # Errors
/// It was not done, and why.
pub(super) async fn resolve(edge: SocketAddr, tx: TxId, end: Ending) -> Result<(), Trouble> {
    let wish = Wish { tx: tx.to_string(), end };
    let answer = Caller::new(edge).post("/resolve", &json!(wish)).await?;
    match answer.status {
        200 => Ok(()),
        404 => Err(Trouble::Refused("nobody can decide for this role by hand".into())),
        _ => Err(Trouble::Refused(answer.field("error").to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_read_as_it_is_shown() {
        for id in
            [TxId { start: 2, count: 1, attempt: 1 }, TxId { start: 12, count: 345, attempt: 6 }]
        {
            assert_eq!(tx(&id.to_string()), Ok(id));
            assert_eq!(tx(id.to_string().trim_start_matches("tx ")), Ok(id));
        }
        for bad in ["", "tx", "2", "2.", ".1", "2.1/", "2.1/x", "-1.1", "2.1 3"] {
            assert!(tx(bad).is_err(), "{bad:?}");
        }
    }
}

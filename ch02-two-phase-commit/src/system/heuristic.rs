//! An operator ends what a participant is in doubt about, by hand: the page, and who calls it.
//!
//! # Left out
//!
//! Asking twice, and who is allowed to.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use clap::ValueEnum;
use lab::http::{Object, answer, refuse};
use lab::run::ClientPool;
use lab::system::{Error, Handle};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::deeper::Msg as Deeper;
use crate::shop::Shop;
use crate::types::{Msg, TxId};

/// So long a request waits for the node.
const PATIENCE: Duration = Duration::from_secs(2);

/// How to end it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeuristicOutcome {
    /// As if the coordinator had sent *commit*.
    Commit,
    /// As if it had sent *abort*.
    Abort,
}

/// What the page is asked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    tx: String,
    end: HeuristicOutcome,
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
pub(super) fn router(pool: ClientPool<Shop>) -> Router {
    let resolve = move |Object(request): Object<Request>| {
        let pool = pool.clone();
        async move { resolved(&pool, request).await }
    };
    Router::new().route("/resolve", post(resolve))
}

async fn resolved(pool: &ClientPool<Shop>, Request { tx: name, end }: Request) -> Response {
    let tx = match tx(&name) {
        Ok(tx) => tx,
        Err(bad) => return refuse(StatusCode::BAD_REQUEST, &bad),
    };
    let commit = end == HeuristicOutcome::Commit;
    match tokio::time::timeout(PATIENCE, ask(pool, tx, commit)).await {
        Ok(Some(true)) => answer(StatusCode::OK, &json!({ "tx": tx.to_string(), "end": end })),
        Ok(Some(false)) => refuse(StatusCode::CONFLICT, &format!("{tx} is not in doubt here")),
        Ok(None) | Err(_) => {
            let why = "the node does not answer; see `status` for what became of it";
            refuse(StatusCode::SERVICE_UNAVAILABLE, why)
        }
    }
}

async fn ask(pool: &ClientPool<Shop>, tx: TxId, commit: bool) -> Option<bool> {
    let mut client = pool.take().ok()?;
    client.send(Msg::Deeper(Deeper::Resolve { tx, commit })).await.ok()?;
    let answer = client.recv().await?;
    client.answered();
    match answer {
        Msg::Deeper(Deeper::Resolved { done, .. }) => Some(done),
        _ => None,
    }
}

/// Calls the page of one role. Gives why it was not done, if it was not.
///
/// # Errors
/// There is no answer.
pub(super) async fn resolve(
    cluster: &Handle,
    endpoint: SocketAddr,
    tx: TxId,
    end: HeuristicOutcome,
) -> Result<Option<String>, Error> {
    let request = Request { tx: tx.to_string(), end };
    let answer = cluster.caller(endpoint)?.post("/resolve", &json!(request)).await;
    let answer = answer.map_err(|none| cluster.no_answer(none))?;
    Ok(match answer.status {
        200 => None,
        404 => Some("no operator can decide for this role by hand".into()),
        _ => Some(answer.field("error").to_owned()),
    })
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

//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Asks each backend how it is. A node that drains may say in the same answer how many sessions it has left,
//! in the field `X-Sessions-Left`.
//!
//! Requests of clients tell something as well, between two checks: a connection that is refused counts like a
//! check that failed, and a backend that leaves [`super::Health::unanswered`] requests in a row without an answer
//! is down until its checks have succeeded [`super::Health::rise`] times.
//!
//! # Left out
//!
//! A floor under it, such as Envoy's share of backends that may be ejected: a request that breaks every web
//! process, sent often enough, takes all of them out until their next checks. Answers with a status of 5xx, and
//! those that end before their end: the first are answers, and the second may be a client that has left.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, Request, header};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::backend::Backend;
use super::config::Config;
use super::pool::Backends;

/// How many sessions a node has left.
const SESSIONS: HeaderName = HeaderName::from_static("x-sessions-left");

/// Checks all backends in turn, whatever list is in force. Never returns; drop it to end.
pub async fn check_for_ever(backends: Arc<Backends>, config: Config) {
    let mut ticks = interval(config.health.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        check_all(&backends, &config).await;
    }
}

/// Checks all backends once, at the same time.
async fn check_all(backends: &Backends, config: &Config) {
    let mut checks = JoinSet::new();
    for backend in backends.now().backends() {
        let backend = Arc::clone(backend);
        let (path, patience) = (config.health.path.clone(), config.health.timeout);
        checks.spawn(async move {
            let is_well = check(&backend, path, patience).await;
            (backend, is_well)
        });
    }
    while let Some(checked) = checks.join_next().await {
        let Ok((backend, is_well)) = checked else { continue };
        match is_well {
            Some(sessions) => {
                backend.is_well(config.health.rise);
                if let Some(left) = sessions {
                    backend.report_sessions(left);
                }
            }
            None => backend.is_unwell(config.health.fall),
        }
        backend.advance();
        backend.prune_idle(config.times.idle_upstream);
    }
}

/// Asks one backend. Nothing if it is not well; its sessions left, if it says so.
async fn check(backend: &Backend, path: String, patience: Duration) -> Option<Option<u64>> {
    let ask = async {
        let stream = TcpStream::connect(backend.address()).await.ok()?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        let request = Request::get(path)
            .header(header::HOST, backend.address().to_string())
            .header(header::CONNECTION, "close")
            .body(http_body_util::Empty::<Bytes>::new())
            .ok()?;
        let answered = async move {
            let response = sender.send_request(request).await.ok()?;
            let is_well = response.status().is_success() || response.status().is_redirection();
            let sessions = response.headers().get(SESSIONS);
            let sessions = sessions.and_then(|left| left.to_str().ok()?.parse().ok());
            is_well.then_some(sessions)
        };
        // Dropping the connection ends it: the answer's body is of no interest.
        tokio::select! {
            answered = answered => answered,
            () = until_dropped(connection) => None,
        }
    };
    timeout(patience, ask).await.ok()?
}

/// Drives a connection to its end, and leaves it to others to notice that.
async fn until_dropped(connection: impl Future) {
    connection.await;
    std::future::pending().await
}

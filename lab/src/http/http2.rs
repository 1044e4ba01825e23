//! Serves a router as [`super::serve`](super::serve()) does, to clients that open with HTTP/2 at once, as gRPC
//! does without TLS.
//!
//! # Left out
//!
//! A time for the preface of a connection: one that sends nothing is among those that make room.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::serve::{Limits, MAX_HEAD, service};
use crate::places::{self, Client};

/// As many requests of one connection are under way at a time.
const STREAMS: u32 = 32;
/// Such clients keep their connection for hours: a question each time tells those that are gone.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// Serves until `stop`, and then as long as requests are under way. Dropping it closes all connections.
pub async fn serve_http2(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let attend = |stream, client, closing| attend(stream, router.clone(), limits, client, closing);
    // A client that finds its connection closed before the first answer asks again.
    places::serve(listener, limits.connections, "", stop, attend).await;
}

/// Serves one connection to its end.
async fn attend(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    client: Arc<Client>,
    mut closing: watch::Receiver<()>,
) {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(ASK_EVERY)
        .keep_alive_timeout(limits.head)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).expect("it is small"));
    let service = service(router, limits.body, client);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        // The other end is gone: nothing new begins.
        _ = closing.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "closed a connection");
    }
}

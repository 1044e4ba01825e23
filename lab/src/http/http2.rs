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

use super::serve::{Limits, MAX_HEAD, service, to_its_end};
use crate::places::{self, Client};

/// As many requests of one connection are under way at a time.
const STREAMS: u32 = 32;
/// Such clients keep their connection for hours: a question each time tells those that are gone.
const ASK_EVERY: Duration = Duration::from_secs(30);
/// For a client, to learn of the end.
const TO_READ: Duration = Duration::from_secs(1);

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

/// Until it has no request, and has had the time to read that this is the end. One that has sent nothing
/// never answers that.
async fn is_idle(client: &Client) {
    loop {
        tokio::time::sleep(TO_READ).await;
        if client.is_idle() {
            return;
        }
    }
}

/// Serves one connection to its end.
async fn attend(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    client: Arc<Client>,
    closing: watch::Receiver<()>,
) {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(ASK_EVERY)
        .keep_alive_timeout(limits.head)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).expect("it is small"));
    let service = service(router, limits.body, Arc::clone(&client));
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    to_its_end(connection, closing, |connection| connection.graceful_shutdown(), is_idle(&client))
        .await;
}

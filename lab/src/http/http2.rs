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
    mut closing: watch::Receiver<()>,
) {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(ASK_EVERY)
        .keep_alive_timeout(limits.head)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).expect("it is small"));
    let service = service(router, limits.body, Arc::clone(&client));
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        // The other end is gone: nothing new begins.
        _ = closing.changed() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = &mut connection => ended,
                () = is_idle(&client) => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "closed a connection");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use http_body_util::Empty;
    use hyper::Request;
    use hyper::body::Bytes;
    use hyper::client::conn::http2::handshake;
    use tokio::sync::{Notify, oneshot};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A server, its address, and what ends it.
    async fn served(router: Router) -> (JoinHandle<()>, std::net::SocketAddr, oneshot::Sender<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let limits = Limits { connections: 10, head: LONG, body: LONG };
        let stopped = async move { stopped.await.unwrap() };
        (tokio::spawn(serve_http2(listener, router, limits, stopped)), address, stop)
    }

    fn ask(path: &str) -> Request<Empty<Bytes>> {
        Request::get(format!("http://a{path}")).body(Empty::new()).unwrap()
    }

    #[tokio::test]
    async fn requests_of_one_connection_do_not_wait_for_each_other_and_outlast_the_end() {
        let go_on = Arc::new(Notify::new());
        let wait = Arc::clone(&go_on);
        let slow = async move || wait.notified().await;
        let router = Router::new().route("/slow", get(slow)).route("/", get(async || ()));
        let (server, address, stop) = served(router).await;
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (mut client, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let slow = client.send_request(ask("/slow"));
        assert_eq!(client.send_request(ask("/")).await.unwrap().status(), 200);
        stop.send(()).unwrap();
        go_on.notify_one();
        assert_eq!(slow.await.unwrap().status(), 200);
        timeout(LONG, server).await.expect("it ends").unwrap();
    }

    #[tokio::test]
    async fn a_client_that_sends_nothing_does_not_hold_up_the_end() {
        let (server, address, stop) = served(Router::new()).await;
        let silent = TcpStream::connect(address).await.unwrap();
        // Accepted before the end: connections are accepted in their order.
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (mut client, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        assert_eq!(client.send_request(ask("/")).await.unwrap().status(), 404);
        stop.send(()).unwrap();
        timeout(LONG, server).await.expect("it ends").unwrap();
        drop(silent);
    }
}

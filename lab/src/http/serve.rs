//! Serves a router, and bounds what a client that sends nothing can keep: a place, and some time.
//!
//! A connection has a time for each head, from its first moment or from the last answer on, so silent,
//! slow and idle ones are closed; a body that does not arrive in time is answered 408. What happens when
//! all places are taken is in [`crate::places`]; a client that finds none is answered 503.
//!
//! With the feature `http2`, [`serve_http2`] does the same for clients that open with HTTP/2, as gRPC does.
//!
//! # Left out
//!
//! A deadline for a client that does not read its answer. Its connection has no request any more, so it
//! is among those that make room.

use std::convert::Infallible;
use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::body::InTime;
use super::refuse;
use crate::places::{self, Client, TooFewFiles, connections_of_process};

/// For the head of a request, and for its body.
const WITHIN: Duration = Duration::from_secs(10);
/// Longer than a head that names all accounts.
pub(super) const MAX_HEAD: usize = 128 << 10;

/// How many clients may be connected, and how long each may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How many connections.
    pub connections: usize,
    /// For a whole head: from the beginning of the connection, or from the last answer on.
    pub head: Duration,
    /// For a whole body.
    pub body: Duration,
}

impl Limits {
    /// As many connections as this process has file descriptors for, beside those that it needs itself;
    /// at most 1,024. Ten seconds for a head, and for a body.
    ///
    /// # Errors
    /// It has too few.
    pub fn of_process() -> Result<Self, TooFewFiles> {
        let connections = connections_of_process()?;
        Ok(Self { connections, head: WITHIN, body: WITHIN })
    }
}

/// Serves until `stop`, and then as long as requests are under way. Dropping it closes all connections.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let attend = |stream, client, closing| attend(stream, router.clone(), limits, client, closing);
    places::serve(listener, limits.connections, &turned_away(), stop, attend).await;
}

/// Serves one connection to its end.
async fn attend(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    client: Arc<Client>,
    closing: watch::Receiver<()>,
) {
    let service = service(router, limits.body, client);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(MAX_HEAD);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    to_its_end(connection, closing, |connection| connection.graceful_shutdown(), pending()).await;
}

/// Waits for the end of a connection. Once the other end of `closing` is gone, nothing new begins on it, and
/// it is waited for until `is_enough`.
pub(super) async fn to_its_end<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    mut closing: watch::Receiver<()>,
    shut_down: impl FnOnce(Pin<&mut C>),
    is_enough: impl Future<Output = ()>,
) {
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = closing.changed() => {
            shut_down(connection.as_mut());
            tokio::select! {
                ended = &mut connection => ended,
                () = is_enough => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "closed a connection");
    }
}

/// Answers the requests of one connection.
pub(super) fn service(
    router: Router,
    within: Duration,
    client: Arc<Client>,
) -> impl Service<
    hyper::Request<Incoming>,
    Response = Response,
    Error = Infallible,
    Future: Send + 'static,
> {
    let pages = TowerToHyperService::new(router);
    service_fn(move |request: hyper::Request<Incoming>| {
        let asked = client.begins();
        let pages = pages.clone();
        async move {
            let answer = answered(&pages, request, within).await;
            drop(asked);
            Ok::<_, Infallible>(answer)
        }
    })
}

async fn answered(
    pages: &TowerToHyperService<Router>,
    request: hyper::Request<Incoming>,
    within: Duration,
) -> Response {
    let is_late = Arc::new(AtomicBool::new(false));
    let request: Request =
        request.map(|body| Body::new(InTime::new(body, within, Arc::clone(&is_late))));
    let answer = pages.call(request).await.unwrap_or_else(|never| match never {});
    if !is_late.load(Relaxed) {
        return answer;
    }
    let why =
        format!("the body did not arrive within {within:?}, and nothing was done; send it again");
    let mut late = refuse(StatusCode::REQUEST_TIMEOUT, &why);
    late.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    late
}

/// For a client that comes while all places have a request.
fn turned_away() -> String {
    let body = r#"{"error":"too many ask at once; ask again in a moment"}"#;
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

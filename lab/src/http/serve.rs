//! Serves a router, and bounds what a client that sends nothing can keep: a place, and some time.
//!
//! A connection has a time for each head, from its first moment or from the last answer on, so silent,
//! slow and idle ones are closed; a body that does not arrive in time is answered 408. When all places
//! are taken, the connection that has been without a request for longest makes room, and a new one is
//! answered 503 only if all of them have one. So a client that asks is let in, however many others send
//! nothing.
//!
//! # Left out
//!
//! A deadline for a client that does not read its answer. Its connection has no request any more, so it
//! is among those that make room.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
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
use tokio::task::{AbortHandle, JoinSet};

use super::body::InTime;
use super::refuse;
use crate::run::most_open_files;

/// More would be served slowly.
const MOST: u64 = 1_024;
/// With fewer, a browser and a few terminals get into each other's way.
const FEWEST: u64 = 16;
/// Descriptors that no client takes: the log and its next segments, connections of other nodes and those
/// without a hello yet, a database, standard streams.
const KEPT: u64 = 96;
/// For the head of a request, and for its body.
const WITHIN: Duration = Duration::from_secs(10);
/// Longer than a head that names all accounts.
const MAX_HEAD: usize = 128 << 10;
/// Before the next try, when no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(100);

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

/// This process may have too few files open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "this process may have {may} files open, and needs {}: raise it with `ulimit -n {}`",
    KEPT + FEWEST,
    KEPT + MOST
)]
pub struct TooFewFiles {
    /// That many.
    pub may: u64,
}

impl Limits {
    /// As many connections as this process has file descriptors for, beside those that it needs itself;
    /// at most 1,024. Ten seconds for a head, and for a body.
    ///
    /// # Errors
    /// It has too few.
    pub fn of_process() -> Result<Self, TooFewFiles> {
        let files = most_open_files();
        let left = files.saturating_sub(KEPT).min(MOST);
        let connections = usize::try_from(left).expect("it is small");
        if left < FEWEST {
            return Err(TooFewFiles { may: files });
        }
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
    let (close, closing) = watch::channel(());
    let mut places = Places::new(limits.connections);
    let mut running = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = running.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if places.make_room().await => {
                    let client = places.client();
                    let serving =
                        attend(stream, router.clone(), limits, Arc::clone(&client), closing.clone());
                    places.taken.push((running.spawn(serving), client));
                }
                Ok((stream, _)) => turn_away(stream),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop((listener, close));
    while running.join_next().await.is_some() {}
}

/// What is known of one client.
struct Client {
    /// It has sent a request, and is not answered yet.
    asks: AtomicBool,
    /// Since when it has no request: a number that grows.
    idle_since: AtomicU64,
    clock: Arc<AtomicU64>,
}

impl Client {
    fn begins(&self) {
        self.asks.store(true, Relaxed);
    }

    fn is_answered(&self) {
        self.idle_since.store(self.clock.fetch_add(1, Relaxed), Relaxed);
        self.asks.store(false, Relaxed);
    }
}

/// The places of all connections.
struct Places {
    limit: usize,
    taken: Vec<(AbortHandle, Arc<Client>)>,
    clock: Arc<AtomicU64>,
    /// It was full a moment ago, and the log has that.
    is_reported: bool,
}

impl Places {
    fn new(limit: usize) -> Self {
        Self { limit, taken: Vec::new(), clock: Arc::default(), is_reported: false }
    }

    fn client(&self) -> Arc<Client> {
        let idle_since = AtomicU64::new(self.clock.fetch_add(1, Relaxed));
        let (asks, clock) = (AtomicBool::new(false), Arc::clone(&self.clock));
        Arc::new(Client { asks, idle_since, clock })
    }

    /// Whether there is a place for one more.
    async fn make_room(&mut self) -> bool {
        for _ in 0..3 {
            if self.taken.len() >= self.limit {
                self.taken.retain(|(task, _)| !task.is_finished());
            }
            if self.taken.len() < self.limit {
                self.is_reported &= self.taken.len() > self.limit / 2;
                return true;
            }
            // A request may be there that no task has read yet: the first time around the runtime sees
            // which sockets have something, the second time it is read.
            tokio::task::yield_now().await;
        }
        if !std::mem::replace(&mut self.is_reported, true) {
            tracing::warn!(limit = self.limit, "all connections are taken; idle ones make room");
        }
        let idle = |(_, client): &&(AbortHandle, Arc<Client>)| !client.asks.load(Relaxed);
        let longest = self.taken.iter().filter(idle).map(|(_, c)| c.idle_since.load(Relaxed)).min();
        let longest = longest.and_then(|since| {
            self.taken.iter().position(|(_, client)| client.idle_since.load(Relaxed) == since)
        });
        longest.map(|at| self.taken.swap_remove(at).0.abort()).is_some()
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
    // If it does not take that, it is only slower.
    let _ = stream.set_nodelay(true);
    let pages = TowerToHyperService::new(router);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        client.begins();
        let (pages, client) = (pages.clone(), Arc::clone(&client));
        async move {
            let answer = answered(&pages, request, limits.body).await;
            client.is_answered();
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(MAX_HEAD);
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

/// All places have a request.
fn turn_away(stream: TcpStream) {
    let body = r#"{"error":"too many ask at once; ask again in a moment"}"#;
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // It fits into the empty buffer of a new connection; a client that is gone misses nothing.
    let _ = stream.into_std().and_then(|mut stream| stream.write_all(answer.as_bytes()));
}

//! The collector's process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
#[cfg(feature = "grpc")]
use lab::http::serve_http2;
use lab::http::{Limits, answer, finish, serve};
use lab::system::{asked_to_end, say};
use serde_json::json;
use tokio::sync::Semaphore;

use super::{Error, api, gzip, ingest, listen, page, perfetto};
use crate::store::{Options, Refused, Store};

/// As many bytes of bodies are received at a time. A buffer that grows takes up to twice as much.
const RECEIVING: usize = 256 << 20;
/// As many whole bodies are decoded and stored at a time: each may take some hundred MiB.
const WORKING: usize = 8;
/// As many traces are read at a time: each may take some hundred MiB.
const READING: usize = 4;
/// For a whole body. Before `lab` would answer 408, which exporters do not repeat.
const BODY_WITHIN: Duration = Duration::from_secs(8);
/// How often what is too old is deleted while no batch arrives.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// What all requests share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) opened: Instant,
    pub(super) receiving: Arc<Semaphore>,
    pub(super) working: Arc<Semaphore>,
    pub(super) reading: Arc<Semaphore>,
    pub(super) body_within: Duration,
}

impl Shared {
    /// Of a store that was opened just now.
    #[expect(clippy::disallowed_methods, reason = "the edge is where the real clock is read")]
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            opened: Instant::now(),
            receiving: Arc::new(Semaphore::new(RECEIVING)),
            working: Arc::new(Semaphore::new(WORKING)),
            reading: Arc::new(Semaphore::new(READING)),
            body_within: BODY_WITHIN,
        }
    }

    /// Deletes what has become too old, until the store is closed.
    pub(super) async fn keep_tidy(self) {
        self.tidy_every(TIDY_EVERY).await;
    }

    async fn tidy_every(self, period: Duration) {
        let mut ticks = tokio::time::interval(period);
        loop {
            ticks.tick().await;
            if let Err(Refused::Stopped(_)) = self.store.tidy(self.opened.elapsed()) {
                return;
            }
        }
    }
}

/// They share the connections of the process.
const PORTS: usize = if cfg!(feature = "grpc") { 2 } else { 1 };

/// Where the collector listens.
pub(super) struct Addresses {
    pub(super) http: SocketAddr,
    #[cfg(feature = "grpc")]
    pub(super) grpc: SocketAddr,
}

pub(super) async fn run(dir: &Path, addresses: Addresses, options: Options) -> Result<(), Error> {
    let limits = Limits::of_process()?;
    let limits = Limits { connections: limits.connections / PORTS, ..limits };
    let listener = listen(addresses.http, "--listen 127.0.0.1:0").await?;
    let address = listener.local_addr().map_err(Error::Start)?;
    #[cfg(feature = "grpc")]
    let grpc = listen(addresses.grpc, "--grpc 127.0.0.1:0").await?;
    let stop = asked_to_end()?;
    let store = Arc::new(Store::open(dir, options)?);
    for damage in store.damage() {
        say(&damage.to_string());
    }
    #[cfg(feature = "grpc")]
    say(&format!("OTLP over gRPC: http://{}", grpc.local_addr().map_err(Error::Start)?));
    say(&greeting(address, dir, store.spans()));
    let shared = Shared::new(Arc::clone(&store));
    tokio::spawn(shared.clone().keep_tidy());
    #[cfg(feature = "grpc")]
    let calls = tokio::spawn(serve_http2(
        grpc,
        super::grpc::router(shared.clone()),
        limits,
        asked_to_end()?,
    ));
    serve(listener, router(shared), limits, stop).await;
    #[cfg(feature = "grpc")]
    calls.await.expect("it does not panic");
    say("closing: what arrived is being stored");
    store.close();
    Ok(())
}

fn greeting(address: SocketAddr, dir: &Path, spans: u64) -> String {
    format!(
        "ready: the collector is at http://{address}, with {spans} spans in {}.\n\n  \
         open http://{address}/ in a browser\n  \
         send OTLP over HTTP to http://{address}/v1/traces: any OpenTelemetry SDK does, with\n    \
         export OTEL_EXPORTER_OTLP_ENDPOINT=http://{address} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n  \
         curl 'http://{address}/api/traces?min=10ms&limit=5'\n\n\
         Ctrl-C ends it; the spans stay.",
        dir.display()
    )
}

pub(super) fn router(shared: Shared) -> Router {
    // An exporter may call this machine by any name; a page of another site cannot send these content
    // types unasked. All else is for this machine alone, and reading takes no encoded bodies.
    finish(reading(shared.clone())).merge(taking(shared)).layer(from_fn(gzip::answers))
}

/// The same as the pages of a role, which are for this machine alone, spans included.
pub(super) fn pages(shared: Shared) -> Router {
    reading(shared.clone()).merge(taking(shared)).layer(from_fn(gzip::answers))
}

fn reading(shared: Shared) -> Router {
    let health = |spans: u64| answer(axum::http::StatusCode::OK, &json!({ "spans": spans }));
    let store = Arc::clone(&shared.store);
    Router::new()
        .route("/healthz", get(move || async move { health(store.spans()) }))
        .merge(api::routes())
        .merge(page::routes())
        .merge(perfetto::routes())
        .with_state(shared)
}

fn taking(shared: Shared) -> Router {
    Router::new()
        .route("/v1/traces", post(ingest::take).fallback(ingest::no_method))
        .with_state(shared)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::types::{Kind, Span, SpanId, Status, TraceId};

    const LONG: Duration = Duration::from_secs(60);

    fn block_on(test: impl Future<Output = ()>) {
        tokio::runtime::Runtime::new().unwrap().block_on(test);
    }

    fn shared(dir: &TempDir, options: Options) -> Shared {
        Shared::new(Arc::new(Store::open(dir.path(), options).unwrap()))
    }

    /// Sends this to `/v1/traces` of such a collector, and gives the answer.
    async fn post(shared: Shared, length: usize, body: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits { connections: 10, head: LONG, body: LONG };
        let server = tokio::spawn(serve(listener, router(shared), limits, pending()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             connection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut answer = vec![];
        stream.read_to_end(&mut answer).await.unwrap();
        server.abort();
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn a_body_that_is_late_is_answered_503_so_that_exporters_send_it_again() {
        let dir = TempDir::new().unwrap();
        let shared =
            Shared { body_within: Duration::from_millis(10), ..shared(&dir, Options::default()) };
        block_on(async {
            let answer = post(shared, 100, b"{").await;
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
            assert!(answer.contains("connection: close\r\n"), "{answer}");
        });
    }

    #[test]
    fn a_body_takes_room_as_it_arrives_and_gives_it_back() {
        let dir = TempDir::new().unwrap();
        let receiving = Arc::new(Semaphore::new(100));
        let shared =
            Shared { receiving: Arc::clone(&receiving), ..shared(&dir, Options::default()) };
        block_on(async {
            let long = post(shared.clone(), 101, &[b' '; 101]).await;
            assert!(long.starts_with("HTTP/1.1 503 ") && long.contains("retry-after: 1\r\n"));
            let fits = post(shared, 2, b"{}").await;
            assert!(fits.starts_with("HTTP/1.1 200 "), "{fits}");
        });
        assert_eq!(receiving.available_permits(), 100);
    }

    #[test]
    fn an_idle_collector_deletes_what_is_too_old() {
        let dir = TempDir::new().unwrap();
        let options = Options { age: Duration::from_millis(1), ..Options::default() };
        let shared = shared(&dir, options);
        let span = Span {
            trace: TraceId(1),
            id: SpanId(1),
            parent: None,
            links: vec![],
            service: "web".into(),
            name: "work".into(),
            kind: Kind::Internal,
            start: 0,
            end: 0,
            status: Status::Unset,
            attributes: vec![],
        };
        block_on(async {
            shared.store.store(vec![span], Duration::ZERO).await.unwrap();
            assert_eq!(shared.store.spans(), 1);
            let tidy = tokio::spawn(shared.clone().tidy_every(Duration::from_millis(1)));
            while shared.store.spans() > 0 {
                tokio::task::yield_now().await;
            }
            shared.store.close();
            tidy.await.unwrap();
        });
    }
}

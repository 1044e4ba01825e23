//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! The balancer's reverse proxy: HTTP/1.1 on both sides. Where a request goes is decided by a [`Route`],
//! which shares its policies with the simulated balancer. All else is here, and is the same under every
//! design.
//!
//! | file | is about |
//! |---|---|
//! | `serve`, `clients` | connections of clients: accepted, limited in all and for each address, ended in order |
//! | `scan`, `guard` | what a client sends and how slowly, before the HTTP library reads it |
//! | `check`, `headers` | which requests are taken; the fields on their way through |
//! | `forward`, `body` | one request: sent, sent again if that is safe, answered |
//! | `budget`, `answer` | what retries may cost; the proxy's own answers |
//! | `upstream`, `backend`, `pool` | connections to backends; their states, their list |
//! | `health`, `admin`, `metrics` | checks; counters and commands on a listener of their own |
//! | `config` | sizes, times, rates |
//!
//! # Left out
//!
//! TLS, HTTP/2 and HTTP/3, caches, compression, tunnels other than WebSocket.

mod admin;
mod answer;
mod backend;
mod body;
mod budget;
mod check;
mod clients;
mod config;
mod forward;
mod guard;
mod headers;
mod health;
mod host_only;
mod metrics;
mod pool;
mod scan;
mod serve;
mod upstream;

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use lab::run::Tracer;
use tokio::sync::watch;

use budget::Budget;
use clients::Clients;
use headers::Via;
use metrics::Metrics;

pub use admin::router;
pub use backend::{Backend, State};
pub use config::{Config, Health, Limits, Retries, Times};
pub use health::check_for_ever;
pub use pool::{Backends, Pool, SameName};

/// Decides where requests go, and what the browser is told about it.
pub trait Route: Send + Sync + 'static {
    /// Chooses a backend for a request, among those of `pool` that may take it and are not in `tried`: they
    /// failed already for this request. `None`: no backend can take it, which is answered 503 with
    /// Retry-After.
    ///
    /// `client` is the address of who asks: the peer, or what trusted proxies say.
    fn choose(
        &self,
        request: &Parts,
        client: IpAddr,
        pool: &Pool,
        tried: &[usize],
    ) -> Option<Choice>;

    /// What is added as `Set-Cookie` to an answer of `backend`, which was chosen so; `fields` are those of the
    /// answer.
    fn set_cookie_for(
        &self,
        choice: &Choice,
        backend: &Backend,
        fields: &HeaderMap,
    ) -> Option<HeaderValue> {
        let _ = (backend, fields);
        choice.set_cookie.clone()
    }

    /// What it has counted: names, as in metrics, and numbers that only grow.
    fn counters(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// Where a request goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The backend's place in the pool.
    pub backend: usize,
    /// Added to the answer as `Set-Cookie`, unless [`Route::set_cookie_for`] says something else.
    pub set_cookie: Option<HeaderValue>,
    /// Added to the answer as `X-Affinity`: hit, miss, moved.
    pub affinity: Option<&'static str>,
}

/// How far a balancer is with its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Ending {
    /// It serves.
    No,
    /// It still accepts, and closes each connection after its next answer.
    LameDuck,
    /// It accepts nothing, and open requests end.
    Closing,
}

/// A reverse proxy.
pub struct Proxy {
    config: Config,
    backends: Arc<Backends>,
    route: Arc<dyn Route>,
    via: Via,
    budget: Budget,
    metrics: Metrics,
    clients: Arc<Clients>,
    ending: watch::Sender<Ending>,
    tracer: Option<Arc<dyn Tracer>>,
    /// The paths that a tracer is told.
    paths: &'static [&'static str],
}

impl Proxy {
    /// A proxy for these backends; [`Self::serve`] starts it.
    ///
    /// # Panics
    /// If the name in `config` is no HTTP token.
    #[must_use]
    pub fn new(config: Config, backends: Arc<Backends>, route: Arc<dyn Route>) -> Self {
        Self {
            via: Via::new(&config.name),
            budget: Budget::new(config.retries),
            metrics: Metrics::default(),
            clients: Arc::default(),
            ending: watch::Sender::new(Ending::No),
            config,
            backends,
            route,
            tracer: None,
            paths: &[],
        }
    }

    /// The same, and this is told of each request; what a backend does for it has that as its cause. It is
    /// told these paths and no others.
    #[must_use]
    pub fn traced(self, tracer: Option<Arc<dyn Tracer>>, paths: &'static [&'static str]) -> Self {
        Self { tracer, paths, ..self }
    }

    /// Its backends.
    #[must_use]
    pub fn backends(&self) -> &Arc<Backends> {
        &self.backends
    }

    /// What its route has counted.
    #[must_use]
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        self.route.counters()
    }

    /// Asks clients to come back on another connection, with `Connection: close` on each answer. It still
    /// accepts: whoever sends clients here hears of the end later.
    pub fn lame_duck(&self) {
        self.ending.send_if_modified(|ending| {
            let is_first = *ending == Ending::No;
            *ending = Ending::LameDuck.max(*ending);
            is_first
        });
    }

    fn is_ending(&self) -> bool {
        *self.ending.borrow() != Ending::No
    }
}

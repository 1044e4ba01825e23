//! Edge: makes it survive the real world. The lesson is in `balancer.rs`.
//!
//! What runs in the balancer's process: the reverse proxy before the web processes, and what asks those that
//! drain how many sessions they have left.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use lab::NodeId;
use lab::http::Caller;
use lab::system::{BoxFuture, Endpoints, Error, Options, RoleConfig, Service, Status};
use serde_json::{Map, json};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use super::options::{self, SHOP_PORT};
use super::picks::{policy_of, route};
use super::proxy::{self, Backend, Backends, Config, Health, Pool, Proxy, State};
use super::seal::keys::Keys;
use super::shop::PATHS;
use super::webs::{WEB_NAMES, node};

/// Users come here, if that port is free.
const PORT: u16 = 8_000;
/// For requests under way when the balancer ends.
const GRACE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(10);
/// For a web process that is asked for its sessions.
const PATIENCE: Duration = Duration::from_secs(1);

/// The balancer as a service.
pub(super) struct Lb {
    runtime: Mutex<Option<Runtime>>,
    handle: Handle,
    proxy: Arc<Proxy>,
    shop: SocketAddr,
    keys: Option<Arc<Keys>>,
    drains: Drains,
    endpoints: Arc<Mutex<Endpoints>>,
    /// Whether it has ended, or is to end.
    stop: watch::Sender<bool>,
    ended: watch::Sender<bool>,
}

/// Starts the balancer.
pub(super) fn start(config: &RoleConfig) -> Result<Arc<dyn Service>, Error> {
    let threads = options::threads(&config.options);
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = runtime.map_err(Error::io("start the balancer"))?;
    let listener = listen(options::number(&config.options, SHOP_PORT))?;
    let shop = listener.local_addr().map_err(Error::io("read the address of the shop"))?;
    let tls_in_front = options::tls_in_front(&config.options);
    // Then who calls from this machine is the proxy that has TLS, and tells where users are.
    let trusted = if tls_in_front { vec![Ipv4Addr::LOCALHOST.into()] } else { Vec::new() };
    let health = Health { interval: Duration::from_millis(200), ..Health::default() };
    let proxying = Config { health, tls_in_front, trusted, ..Config::default() };
    let backends = Backends::new(Vec::new(), &proxying.health).expect("an empty list");
    let backends = Arc::new(backends);
    let design = options::design(&config.options);
    let keys = options::keys(config)?;
    let policy = options::policy(&config.options).unwrap_or(policy_of(design));
    let route = route(policy, keys.clone());
    let proxy = Proxy::new(proxying.clone(), Arc::clone(&backends), route);
    let proxy = Arc::new(proxy.traced(config.tracer.clone(), &PATHS));
    let (stop, mut stopped) = watch::channel(false);
    let ended = watch::Sender::new(false);
    let serving = Arc::clone(&proxy);
    let has_ended = ended.clone();
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener that waits");
        let until = async move { drop(stopped.wait_for(|stop| *stop).await) };
        serving.serve(listener, until, GRACE).await;
        has_ended.send_replace(true);
    });
    if let Some(keys) = keys.clone() {
        runtime.spawn(keys.follow());
    }
    let drains = Drains::of(&config.options);
    runtime.spawn(follow_drains(Arc::clone(&backends), drains));
    runtime.spawn(proxy::check_for_ever(backends, proxying));
    let (handle, endpoints) = (runtime.handle().clone(), Arc::clone(&config.endpoints));
    let runtime = Mutex::new(Some(runtime));
    Ok(Arc::new(Lb { runtime, handle, proxy, shop, keys, drains, endpoints, stop, ended }))
}

/// What a drain waits for, beside requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Drains {
    /// Sessions that are only there: a cookie brings their requests back.
    Sessions,
    /// Nothing, though sessions are only there: nothing says whose they are.
    Nothing,
    /// Nothing: sessions are elsewhere.
    Elsewhere,
}

impl Drains {
    fn of(options: &Options) -> Self {
        let design = options::design(options);
        match (options::in_memory(design), design == 3 && options::policy(options).is_none()) {
            (false, _) => Self::Elsewhere,
            (true, true) => Self::Sessions,
            (true, false) => Self::Nothing,
        }
    }

    /// As an operator reads it.
    fn name(self) -> &'static str {
        match self {
            Self::Sessions => {
                "it keeps the sessions that are only there until they end or its time is over"
            }
            Self::Nothing => "it does not wait for sessions: no cookie says who has one there",
            Self::Elsewhere => "it does not wait for sessions: they are elsewhere",
        }
    }
}

/// Asks each web process that drains how many sessions are left in its memory. A design that keeps them
/// elsewhere has none to wait for, and one without affinity cannot wait: nobody reaches them to end them.
async fn follow_drains(backends: Arc<Backends>, drains: Drains) {
    loop {
        for backend in backends.now().backends() {
            let is_over = matches!(backend.state(), State::HandingOff | State::Gone);
            if backend.state() != State::Draining && !(is_over && backend.sessions().is_none()) {
                continue;
            }
            if drains == Drains::Nothing {
                backend.hand_off();
            }
            let left = if drains == Drains::Elsewhere { Some(0) } else { left(backend).await };
            if let Some(left) = left {
                backend.report_sessions(left);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn left(backend: &Backend) -> Option<u64> {
    let status = Caller::new(backend.address()).within(PATIENCE).get("/status").await.ok()?;
    status.body["sessions"].as_u64()
}

/// On the port that was asked for, or on one that is easy to remember, or on any.
fn listen(asked: Option<u16>) -> Result<TcpListener, Error> {
    let on = |port| TcpListener::bind(("127.0.0.1", port));
    let listener = match asked {
        Some(port) => on(port).map_err(|source| Error::PortTaken { port, source })?,
        None => on(PORT).or_else(|_| on(0)).map_err(Error::io("listen for users"))?,
    };
    listener.set_nonblocking(true).map_err(Error::io("listen for users"))?;
    Ok(listener)
}

/// As `status` shows it.
fn state(backend: &Backend) -> String {
    let state = backend.state();
    match (state, backend.sessions()) {
        (State::Draining, Some(left)) => format!("{} ({left} sessions left)", state.name()),
        _ => state.name().to_owned(),
    }
}

/// Whether a request would be answered by this web process; one that drains is as it should be.
fn is_well(web: NodeId, pool: &Pool) -> bool {
    let mut backends = pool.backends().iter();
    backends.any(|backend| {
        let is_it = node(backend.name()) == Some(web);
        is_it && backend.was_well() && backend.state() != State::Down
    })
}

impl Service for Lb {
    /// No node sends it messages; this is where users come.
    fn addr(&self) -> SocketAddr {
        self.shop
    }

    fn runtime(&self) -> Handle {
        self.handle.clone()
    }

    /// Its backends are the web processes, where they serve HTTP now.
    fn set_peers(&self, _: BTreeMap<NodeId, SocketAddr>) {
        let all = self.endpoints.lock().expect("no thread panics with this lock held").clone();
        let webs = all.into_iter().filter(|(name, _)| WEB_NAMES.contains(&name.as_str()));
        let replaced = self.proxy.backends().replace(webs.collect());
        replaced.expect("a cluster has one role of each name");
    }

    /// Until a check has found each of them well. Whoever waits for that says for how long.
    fn linked_to<'a>(&'a self, peers: &'a [NodeId]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            while !peers.iter().all(|peer| is_well(*peer, &self.proxy.backends().now())) {
                tokio::time::sleep(LOOK).await;
            }
        })
    }

    fn stop(&self) {
        self.stop.send_replace(true);
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut ended = self.ended.subscribe();
            let _ = ended.wait_for(|ended| *ended).await;
            let runtime = self.runtime.lock().expect("no thread panics with it").take();
            if let Some(runtime) = runtime {
                runtime.shutdown_background();
            }
        })
    }

    fn status(&self) -> BoxFuture<'_, Option<Status>> {
        let mut own = Map::new();
        own.insert("shop".into(), json!(self.shop));
        own.insert("drain".into(), json!(self.drains.name()));
        if let Some(keys) = &self.keys {
            own.insert("keys".into(), json!(keys.now().names()));
        }
        let counters = self.proxy.counters().into_iter();
        let counters = counters.map(|(name, count)| (name.to_owned(), json!(count)));
        own.insert("counters".into(), json!(counters.collect::<Map<_, _>>()));
        let pool = self.proxy.backends().now();
        let states = pool
            .backends()
            .iter()
            .map(|backend| (backend.name().to_owned(), json!(state(backend))));
        own.insert("backends".into(), json!(states.collect::<Map<_, _>>()));
        Box::pin(std::future::ready(Some(Status { own, start: 1, ..Status::default() })))
    }

    fn routes(&self) -> Router {
        proxy::router(Arc::clone(&self.proxy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::webs::WEBS;

    #[test]
    fn a_web_process_that_was_never_checked_is_not_reached_yet() {
        let list = vec![("web-1".to_owned(), ([127, 0, 0, 1], 9).into())];
        let backends = Backends::new(list, &Health::default()).expect("one name");
        assert_eq!(backends.now().backends()[0].state(), State::Active);
        assert!(!is_well(WEBS[0], &backends.now()), "nobody has asked it");
        assert!(!is_well(WEBS[1], &backends.now()), "it is not listed");
    }
}

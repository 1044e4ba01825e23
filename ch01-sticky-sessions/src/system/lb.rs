//! Edge: makes it survive the real world. The lesson is in `balancer.rs`.
//!
//! What runs in the balancer's process: the reverse proxy, which picks web processes by the very [`Route`]
//! of the chapter's design.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::request::Parts;
use lab::NodeId;
use lab::system::{BoxFuture, Endpoints, Error, RoleConfig, Service, Status};
use serde_json::{Map, json};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use super::cookies;
use super::options::{self, SHOP_PORT};
use super::proxy::{self, Backends, Choice, Config, Health, Pool, Proxy, State};
use crate::balancer::{Asked, Backend, Route};
use crate::designs::BOUND;
use crate::hash::mix;
use crate::step1_round_robin::RoundRobin;
use crate::step2_ip_hash::IpHash;
use crate::step3_sticky_cookie::StickyCookie;
use crate::step4_consistent_hash::ConsistentHash;
use crate::step7_affinity_hint::AffinityHint;
use crate::types::{Address, SetCookie};
use crate::worlds::{WEB_NAMES, WEBS};

/// Users come here, if that port is free.
const PORT: u16 = 8_000;
/// For requests under way when the balancer ends.
const GRACE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(10);

/// Picks backends by a design's route.
struct Picks<R> {
    route: R,
    turn: AtomicU64,
}

impl<R: Route> proxy::Route for Picks<R> {
    fn choose(
        &self,
        request: &Parts,
        client: IpAddr,
        pool: &Pool,
        tried: &[usize],
    ) -> Option<Choice> {
        let cookies = cookies::read(&request.headers);
        let (affinity, session) = (cookies.affinity, cookies.session);
        let backend = |(place, backend): (usize, &Arc<proxy::Backend>)| {
            let known = node(backend.name());
            let id = known.unwrap_or(NodeId(0));
            let may = known.is_some()
                && match backend.state() {
                    State::Active => true,
                    // It keeps the sessions that it has.
                    State::Draining => affinity == Some(id),
                    State::HandingOff | State::Gone | State::Down => false,
                };
            let open = u32::try_from(backend.in_flight()).unwrap_or(u32::MAX);
            Backend { id, is_up: may && !tried.contains(&place), open, sessions: 0 }
        };
        let seen: Vec<Backend> = pool.backends().iter().enumerate().map(backend).collect();
        let turn = self.turn.fetch_add(1, Relaxed);
        let asked = Asked { address: address(client), affinity, session, turn };
        let place = self.route.pick(&asked, &seen)?;
        let id = seen[place].id;
        let set = self.route.affinity(id).filter(|new| Some(*new) != affinity);
        let told = self.route.affinity(id).map(|_| match affinity {
            Some(was) if was == id => "hit",
            Some(_) => "moved",
            None => "miss",
        });
        let set_cookie = set.map(|new| cookies::field(&SetCookie::Affinity(Some(new))));
        Some(Choice { backend: place, set_cookie, affinity: told })
    }
}

/// The node of a web process; an operator may list others, which get no requests.
fn node(name: &str) -> Option<NodeId> {
    let place = WEB_NAMES.iter().position(|known| *known == name)?;
    Some(WEBS[place])
}

/// An IPv6 address counts by its first half: the rest names a machine within one network.
fn address(client: IpAddr) -> Address {
    Address(match client {
        IpAddr::V4(v4) => v4.to_bits(),
        IpAddr::V6(v6) => mix((v6.to_bits() >> 64) as u64) as u32,
    })
}

fn route(design: u8) -> Arc<dyn proxy::Route> {
    fn picks<R: Route>(route: R) -> Arc<dyn proxy::Route> {
        Arc::new(Picks { route, turn: AtomicU64::new(0) })
    }
    match design {
        2 => picks(IpHash),
        3 => picks(StickyCookie),
        4 => picks(ConsistentHash { bound: Some(BOUND) }),
        7 => picks(AffinityHint { bound: BOUND }),
        _ => picks(RoundRobin),
    }
}

/// The balancer as a service.
pub(super) struct Lb {
    runtime: Mutex<Option<Runtime>>,
    handle: Handle,
    proxy: Arc<Proxy>,
    shop: SocketAddr,
    endpoints: Arc<Mutex<Endpoints>>,
    /// Whether it has ended, or is to end.
    stop: watch::Sender<bool>,
    ended: watch::Sender<bool>,
}

/// Starts the balancer.
pub(super) fn start(config: &RoleConfig) -> Result<Arc<dyn Service>, Error> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(Error::io("start the balancer"))?;
    let listener = listen(options::number(&config.options, SHOP_PORT))?;
    let shop = listener.local_addr().map_err(Error::io("read the address of the shop"))?;
    let health = Health { interval: Duration::from_millis(200), ..Health::default() };
    let proxying = Config { health, ..Config::default() };
    let backends = Backends::new(Vec::new(), &proxying.health).expect("an empty list");
    let backends = Arc::new(backends);
    let route = route(options::design(&config.options));
    let proxy = Proxy::new(proxying.clone(), Arc::clone(&backends), route);
    let proxy = Arc::new(proxy.traced(config.tracer.clone()));
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
    runtime.spawn(proxy::check_for_ever(backends, proxying));
    let (handle, endpoints) = (runtime.handle().clone(), Arc::clone(&config.endpoints));
    let runtime = Mutex::new(Some(runtime));
    Ok(Arc::new(Lb { runtime, handle, proxy, shop, endpoints, stop, ended }))
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

    /// Until a request would be answered by each of them.
    fn linked_to<'a>(&'a self, peers: &'a [NodeId]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let is_up = |peer: &NodeId| {
                let pool = self.proxy.backends().now();
                let mut backends = pool.backends().iter();
                backends.any(|backend| {
                    node(backend.name()) == Some(*peer) && backend.state() == State::Active
                })
            };
            while !peers.iter().all(is_up) {
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
        let pool = self.proxy.backends().now();
        let states = pool.backends().iter().map(|backend| {
            let state = backend.state().name();
            (backend.name().to_owned(), json!(state))
        });
        own.insert("backends".into(), json!(states.collect::<Map<_, _>>()));
        Box::pin(std::future::ready(Some(Status { own, start: 1, ..Status::default() })))
    }

    fn routes(&self) -> Router {
        proxy::router(Arc::clone(&self.proxy))
    }
}

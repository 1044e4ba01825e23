//! Edge: makes it survive the real world. The lesson is in `balancer.rs`.
//!
//! Where the reverse proxy sends a request: the very [`Route`] of the chapter's design picks.
//!
//! # Left out
//!
//! A key for hashes of addresses (designs 2 and 4, and `--policy`): balancers of these designs share nothing,
//! and have to agree. Who has many addresses can send them all to one web process; the bound of design 4 is
//! what remains.

mod connections;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, RwLock, RwLockReadGuard};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use connections::{LeastConnections, TwoChoices};
use lab::NodeId;

use super::cookies;
use super::proxy::{self, Choice, Pool, State};
use super::seal::keys::Keys;
use super::seal::now;
use super::seal::token::{Token, generation};
use super::shop::SIGN_IN;
use super::webs::node;
use crate::balancer::{Asked, Backend, Route, up};
use crate::designs::BOUND;
use crate::hash::mix;
use crate::policy::{Jump, Maglev, Random, Ring};
use crate::step1_round_robin::RoundRobin;
use crate::step2_ip_hash::IpHash;
use crate::step3_sticky_cookie::StickyCookie;
use crate::step4_consistent_hash::ConsistentHash;
use crate::step7_affinity_hint::AffinityHint;
use crate::types::{Address, Cookies, SessionId, SetCookie};

const NO_PANIC: &str = "no thread panics with this lock held";
/// Points of a node on the ring.
const POINTS: u64 = 160;
/// Slots of Maglev's table: a prime.
const SLOTS: u64 = 65_537;

/// Who says which web process has a session.
enum Affinity {
    /// Nobody, or a name in a cookie. That process is the only one that has it.
    Plain,
    /// A token that one of the balancers has sealed. What that process has is a copy.
    Sealed(Arc<Keys>),
}

/// A route, and the web nodes that it is prepared for.
struct Prepared<R> {
    route: R,
    webs: Vec<NodeId>,
}

/// Where a newcomer may go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Newcomers {
    /// Anywhere: a backend that has just come up takes a part of its turns only, and more with time.
    Anywhere,
    /// Where a hash says: it finds the sessions again, so no backend may be passed over.
    ByHash,
}

/// Picks backends by a design's route.
struct Picks<R> {
    prepared: RwLock<Prepared<R>>,
    affinity: Affinity,
    newcomers: Newcomers,
    turn: AtomicU64,
    /// Choices for a request with two cookies of one name of ours; a request that is sent again has two.
    twice: AtomicU64,
    /// The same for tokens that do not open: forged, of another session, or sealed with keys that are gone.
    forged: AtomicU64,
}

impl<R: Route> Picks<R> {
    fn new(route: R, affinity: Affinity, newcomers: Newcomers) -> Self {
        let prepared = RwLock::new(Prepared { route, webs: Vec::new() });
        let (turn, twice, forged) = <(AtomicU64, AtomicU64, AtomicU64)>::default();
        Self { prepared, affinity, newcomers, turn, twice, forged }
    }

    /// Leaves out those that have just come up, but for a part of their turns. They are left in if nothing
    /// else is up, or all came up at one time.
    fn slowed(&self, seen: &[Backend], pool: &Pool, turn: u64) -> Option<Vec<Backend>> {
        if self.newcomers == Newcomers::ByHash {
            return None;
        }
        let weights: Vec<u64> = (0..seen.len()).map(|place| pool.weight(place)).collect();
        let most = up(seen).map(|place| weights[place]).max()?;
        if up(seen).all(|place| weights[place] == most) {
            return None;
        }
        let takes = |id: NodeId, weight: u64| mix(turn ^ (id.0 << 48)) % most < weight;
        let slowed = |(backend, weight): (&Backend, u64)| Backend {
            is_up: backend.is_up && takes(backend.id, weight),
            ..backend.clone()
        };
        Some(seen.iter().zip(weights).map(slowed).collect())
    }

    /// The route, prepared for these backends: their list changes seldom.
    fn route(&self, seen: &[Backend]) -> RwLockReadGuard<'_, Prepared<R>> {
        let is_for = |webs: &[NodeId]| webs.iter().eq(seen.iter().map(|backend| &backend.id));
        let prepared = self.prepared.read().expect(NO_PANIC);
        if is_for(&prepared.webs) {
            return prepared;
        }
        drop(prepared);
        let webs: Vec<NodeId> = seen.iter().map(|backend| backend.id).collect();
        let mut changed = self.prepared.write().expect(NO_PANIC);
        changed.route.prepare(&webs);
        changed.webs = webs;
        drop(changed);
        self.prepared.read().expect(NO_PANIC)
    }

    /// The node that this browser was on, and whether its cookie has to be renewed.
    fn known(&self, headers: &HeaderMap, pool: &Pool, cookies: &Cookies) -> (Option<NodeId>, bool) {
        let Affinity::Sealed(keys) = &self.affinity else { return (cookies.affinity, false) };
        let now = now();
        let sent = cookies::token(headers).zip(cookies.session);
        let ring = keys.now();
        let token = sent.and_then(|(text, id)| Token::open(text, id, &ring, now));
        if token.is_none() && sent.is_some_and(|(text, id)| Token::is_forged(text, id, &ring)) {
            self.forged.fetch_add(1, Relaxed);
        }
        let is_listed = |token: &Token| {
            let mut backends = pool.backends().iter();
            let backend = backends.find(|backend| node(backend.name()) == Some(token.web));
            backend.is_some_and(|backend| generation(backend) == token.generation)
        };
        let token = token.filter(is_listed);
        (token.map(|token| token.web), token.is_some_and(|token| token.is_old(now)))
    }

    /// What stands for a session where a route hashes it: with keys, nobody else can say where that leads.
    fn placed(&self, session: SessionId) -> SessionId {
        match &self.affinity {
            Affinity::Plain => session,
            Affinity::Sealed(keys) => keys.now().placed(session),
        }
    }

    /// The cookie for a browser with this session, which was on `backend`.
    fn cookie(&self, session: Option<SessionId>, backend: &proxy::Backend) -> Option<HeaderValue> {
        let web = self.prepared.read().expect(NO_PANIC).route.affinity(node(backend.name())?)?;
        match &self.affinity {
            Affinity::Plain => Some(cookies::field(&SetCookie::Affinity(Some(web)))),
            Affinity::Sealed(keys) => {
                let token = Token { web, generation: generation(backend), issued: now() };
                cookies::token_field(&token.seal(session?, &keys.now())?)
            }
        }
    }
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
        if cookies::has_two_of_one_name(&request.headers) {
            self.twice.fetch_add(1, Relaxed);
        }
        let (affinity, is_old) = self.known(&request.headers, pool, &cookies);
        let is_only_there = matches!(self.affinity, Affinity::Plain);
        let has_session = cookies.session.is_some() && request.uri.path() != SIGN_IN;
        let backend = |(place, backend): (usize, &Arc<proxy::Backend>)| {
            // An operator may list others, which get no requests.
            let known = node(backend.name());
            let id = known.unwrap_or(NodeId(0));
            let may = known.is_some()
                && match backend.state() {
                    State::Active => true,
                    // It keeps the sessions that are nowhere else. A hash cannot tell who has one.
                    State::Draining => is_only_there && has_session && affinity == Some(id),
                    State::HandingOff | State::Gone | State::Down => false,
                };
            let open = u32::try_from(backend.in_flight()).unwrap_or(u32::MAX);
            Backend { id, is_up: may && !tried.contains(&place), open, sessions: 0 }
        };
        let seen: Vec<Backend> = pool.backends().iter().enumerate().map(backend).collect();
        let turn = self.turn.fetch_add(1, Relaxed);
        let session = cookies.session;
        let placed = session.map(|id| self.placed(id));
        let asked = Asked { address: address(client), affinity, session: placed, turn };
        let prepared = self.route(&seen);
        let pick = |seen: &[Backend]| prepared.route.pick(&asked, seen);
        let is_back = seen.iter().any(|backend| backend.is_up && Some(backend.id) == affinity);
        let slowed = if is_back { None } else { self.slowed(&seen, pool, turn) };
        let place = slowed.and_then(|slowed| pick(&slowed)).or_else(|| pick(&seen))?;
        let id = seen[place].id;
        let has_affinity = prepared.route.affinity(id).is_some();
        drop(prepared);
        let found = has_affinity.then_some(match affinity {
            Some(was) if was == id => "hit",
            Some(_) => "moved",
            None => "miss",
        });
        let needs_cookie = is_old || affinity != Some(id);
        let set_cookie =
            needs_cookie.then(|| self.cookie(session, &pool.backends()[place])).flatten();
        Some(Choice { backend: place, set_cookie, affinity: found })
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("requests_with_a_cookie_twice", self.twice.load(Relaxed)),
            ("tokens_forged", self.forged.load(Relaxed)),
        ]
    }

    /// A token is for one session, so a new session needs a new token.
    fn set_cookie_for(
        &self,
        choice: &Choice,
        backend: &proxy::Backend,
        fields: &HeaderMap,
    ) -> Option<HeaderValue> {
        match (&self.affinity, cookies::set_session(fields)) {
            (Affinity::Sealed(_), Some(Some(new))) => self.cookie(Some(new), backend),
            (Affinity::Sealed(_), Some(None)) => Some(cookies::field(&SetCookie::Affinity(None))),
            _ => choice.set_cookie.clone(),
        }
    }
}

/// An IPv6 address counts by its first half: the rest names a machine within one network.
fn address(client: IpAddr) -> Address {
    Address(match client {
        IpAddr::V4(v4) => v4.to_bits(),
        IpAddr::V6(v6) => mix((v6.to_bits() >> 64) as u64) as u32,
    })
}

/// Policies that may be put in the place of a design's own.
pub(super) const POLICIES: [&str; 10] = [
    "round-robin",
    "random",
    "least-connections",
    "two-choices",
    "modulo",
    "ring",
    "rendezvous",
    "maglev",
    "jump",
    "bounded",
];

/// The policy of a design.
pub(super) fn policy_of(design: u8) -> &'static str {
    match design {
        2 => "modulo",
        3 => "sticky",
        4 => "bounded",
        7 => "hint",
        _ => "round-robin",
    }
}

/// The route of a policy; with `keys`, what it tells browsers is sealed.
pub(super) fn route(policy: &str, keys: Option<Arc<Keys>>) -> Arc<dyn proxy::Route> {
    use Newcomers::{Anywhere, ByHash};
    let affinity = keys.map_or(Affinity::Plain, Affinity::Sealed);
    match policy {
        "random" => Arc::new(Picks::new(Random, affinity, Anywhere)),
        "least-connections" => Arc::new(Picks::new(LeastConnections, affinity, Anywhere)),
        "two-choices" => Arc::new(Picks::new(TwoChoices, affinity, Anywhere)),
        "modulo" => Arc::new(Picks::new(IpHash, affinity, ByHash)),
        "ring" => Arc::new(Picks::new(Ring::new(POINTS), affinity, ByHash)),
        "rendezvous" => Arc::new(Picks::new(ConsistentHash { bound: None }, affinity, ByHash)),
        "maglev" => Arc::new(Picks::new(Maglev::new(SLOTS), affinity, ByHash)),
        "jump" => Arc::new(Picks::new(Jump, affinity, ByHash)),
        "bounded" => Arc::new(Picks::new(ConsistentHash { bound: Some(BOUND) }, affinity, ByHash)),
        "sticky" => Arc::new(Picks::new(StickyCookie, affinity, Anywhere)),
        "hint" => Arc::new(Picks::new(AffinityHint { bound: BOUND }, affinity, Anywhere)),
        _ => Arc::new(Picks::new(RoundRobin, affinity, Anywhere)),
    }
}

#[cfg(test)]
mod tests;

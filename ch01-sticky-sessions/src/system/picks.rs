//! Edge: makes it survive the real world. The lesson is in `balancer.rs`.
//!
//! Where the reverse proxy sends a request: the very [`Route`] of the chapter's design picks.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, RwLock, RwLockReadGuard};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use lab::NodeId;

use super::cookies;
use super::proxy::{self, Choice, Pool, State};
use super::seal::keys::Keys;
use super::seal::now;
use super::seal::token::{Token, generation};
use super::shop::SIGN_IN;
use crate::balancer::{Asked, Backend, Route};
use crate::designs::BOUND;
use crate::hash::mix;
use crate::policy::{Jump, Maglev, Random, Ring};
use crate::step1_round_robin::RoundRobin;
use crate::step2_ip_hash::IpHash;
use crate::step3_sticky_cookie::StickyCookie;
use crate::step4_consistent_hash::ConsistentHash;
use crate::step7_affinity_hint::AffinityHint;
use crate::types::{Address, Cookies, SessionId, SetCookie};
use crate::worlds::{WEB_NAMES, WEBS};

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

/// Picks backends by a design's route.
struct Picks<R> {
    prepared: RwLock<Prepared<R>>,
    affinity: Affinity,
    turn: AtomicU64,
}

impl<R: Route> Picks<R> {
    fn new(route: R, affinity: Affinity) -> Self {
        let prepared = RwLock::new(Prepared { route, webs: Vec::new() });
        Self { prepared, affinity, turn: AtomicU64::new(0) }
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
        let token = cookies::token(headers).zip(cookies.session);
        let token = token.and_then(|(text, id)| Token::open(text, id, &keys.now(), now));
        let is_listed = |token: &Token| {
            let mut backends = pool.backends().iter();
            let backend = backends.find(|backend| node(backend.name()) == Some(token.web));
            backend.is_some_and(|backend| generation(backend) == token.generation)
        };
        let token = token.filter(is_listed);
        (token.map(|token| token.web), token.is_some_and(|token| token.is_old(now)))
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
        let (affinity, is_old) = self.known(&request.headers, pool, &cookies);
        let is_only_there = matches!(self.affinity, Affinity::Plain);
        let has_session = cookies.session.is_some() && request.uri.path() != SIGN_IN;
        let backend = |(place, backend): (usize, &Arc<proxy::Backend>)| {
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
        let asked = Asked { address: address(client), affinity, session, turn };
        let prepared = self.route(&seen);
        let place = prepared.route.pick(&asked, &seen)?;
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

/// The node of a web process; an operator may list others, which get no requests.
pub(super) fn node(name: &str) -> Option<NodeId> {
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

/// What [`by_policy`] knows.
pub(super) const POLICIES: [&str; 8] =
    ["round-robin", "random", "modulo", "ring", "rendezvous", "maglev", "jump", "bounded"];

/// The route of this name.
pub(super) fn by_policy(name: &str, keys: Option<Arc<Keys>>) -> Arc<dyn proxy::Route> {
    let affinity = keys.map_or(Affinity::Plain, Affinity::Sealed);
    match name {
        "random" => Arc::new(Picks::new(Random, affinity)),
        "modulo" => Arc::new(Picks::new(IpHash, affinity)),
        "ring" => Arc::new(Picks::new(Ring::new(POINTS), affinity)),
        "rendezvous" => Arc::new(Picks::new(ConsistentHash { bound: None }, affinity)),
        "maglev" => Arc::new(Picks::new(Maglev::new(SLOTS), affinity)),
        "jump" => Arc::new(Picks::new(Jump, affinity)),
        "bounded" => Arc::new(Picks::new(ConsistentHash { bound: Some(BOUND) }, affinity)),
        _ => Arc::new(Picks::new(RoundRobin, affinity)),
    }
}

/// The route of a design; with `keys`, what it tells browsers is sealed.
pub(super) fn route(design: u8, keys: Option<Arc<Keys>>) -> Arc<dyn proxy::Route> {
    let affinity = keys.map_or(Affinity::Plain, Affinity::Sealed);
    match design {
        2 => Arc::new(Picks::new(IpHash, affinity)),
        3 => Arc::new(Picks::new(StickyCookie, affinity)),
        4 => Arc::new(Picks::new(ConsistentHash { bound: Some(BOUND) }, affinity)),
        7 => Arc::new(Picks::new(AffinityHint { bound: BOUND }, affinity)),
        _ => Arc::new(Picks::new(RoundRobin, affinity)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use axum::http::{Request, header};

    use super::route;
    use crate::system::proxy::{Backends, Health};

    /// Which of `web-1`, which drains, and `web-2` gets a request with these cookies under design 3.
    fn picked(path: &str, cookies: &str) -> String {
        let list = ["web-1", "web-2"].map(|web| (web.to_owned(), ([127, 0, 0, 1], 9).into()));
        let backends = Backends::new(list.into(), &Health::default()).expect("names differ");
        let pool = backends.now();
        pool.backends()[0].drain(Duration::from_secs(3600));
        let request = Request::post(path).header(header::COOKIE, cookies).body(()).expect("valid");
        let choice = route(3, None)
            .choose(&request.into_parts().0, Ipv4Addr::LOCALHOST.into(), &pool, &[])
            .expect("one of them takes it");
        pool.backends()[choice.backend].name().to_owned()
    }

    #[test]
    fn a_process_that_drains_keeps_its_sessions_and_gets_no_new_ones() {
        let sid = format!("sid={:032x}", 7);
        assert_eq!(picked("/cart", &format!("{sid}; node=web-1")), "web-1");
        for (path, cookies, why) in [
            ("/cart", "node=web-1".to_owned(), "there is no session"),
            ("/sign-in", "node=web-1".to_owned(), "a session begins"),
            ("/sign-in", format!("{sid}; node=web-1"), "another session begins"),
        ] {
            assert_eq!(picked(path, &cookies), "web-2", "{why}");
        }
    }
}

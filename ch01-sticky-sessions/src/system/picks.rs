//! Edge: makes it survive the real world. The lesson is in `balancer.rs`.
//!
//! Where the reverse proxy sends a request: the very [`Route`] of the chapter's design picks.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use lab::NodeId;

use super::cookies;
use super::proxy::{self, Choice, Pool, State};
use super::seal::keys::Keys;
use super::seal::now;
use super::seal::token::{Token, generation};
use crate::balancer::{Asked, Backend, Route};
use crate::designs::BOUND;
use crate::hash::mix;
use crate::step1_round_robin::RoundRobin;
use crate::step2_ip_hash::IpHash;
use crate::step3_sticky_cookie::StickyCookie;
use crate::step4_consistent_hash::ConsistentHash;
use crate::step7_affinity_hint::AffinityHint;
use crate::types::{Address, Cookies, SessionId, SetCookie};
use crate::worlds::{WEB_NAMES, WEBS};

/// Who says which web process has a session.
enum Affinity {
    /// Nobody, or a name in a cookie. That process is the only one that has it.
    Plain,
    /// A token that one of the balancers has sealed. What that process has is a copy.
    Sealed(Arc<Keys>),
}

/// Picks backends by a design's route.
struct Picks<R> {
    route: R,
    affinity: Affinity,
    turn: AtomicU64,
}

impl<R: Route> Picks<R> {
    /// The node that this browser was on, and whether it is to be told so once more.
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
        let web = self.route.affinity(node(backend.name())?)?;
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
        let backend = |(place, backend): (usize, &Arc<proxy::Backend>)| {
            let known = node(backend.name());
            let id = known.unwrap_or(NodeId(0));
            let may = known.is_some()
                && match backend.state() {
                    State::Active => true,
                    // It keeps the sessions that are nowhere else. A hash cannot tell who has one.
                    State::Draining => is_only_there && affinity == Some(id),
                    State::HandingOff | State::Gone | State::Down => false,
                };
            let open = u32::try_from(backend.in_flight()).unwrap_or(u32::MAX);
            Backend { id, is_up: may && !tried.contains(&place), open, sessions: 0 }
        };
        let seen: Vec<Backend> = pool.backends().iter().enumerate().map(backend).collect();
        let turn = self.turn.fetch_add(1, Relaxed);
        let session = cookies.session;
        let asked = Asked { address: address(client), affinity, session, turn };
        let place = self.route.pick(&asked, &seen)?;
        let id = seen[place].id;
        let told = self.route.affinity(id).map(|_| match affinity {
            Some(was) if was == id => "hit",
            Some(_) => "moved",
            None => "miss",
        });
        let is_news = is_old || affinity != Some(id);
        let set_cookie = is_news.then(|| self.cookie(session, &pool.backends()[place])).flatten();
        Some(Choice { backend: place, set_cookie, affinity: told })
    }

    /// A token is for one session, so a new session needs a new token.
    fn told(
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

/// The route of a design; with `keys`, what it tells browsers is sealed.
pub(super) fn route(design: u8, keys: Option<Arc<Keys>>) -> Arc<dyn proxy::Route> {
    let affinity = keys.map_or(Affinity::Plain, Affinity::Sealed);
    fn picks<R: Route>(route: R, affinity: Affinity) -> Arc<dyn proxy::Route> {
        Arc::new(Picks { route, affinity, turn: AtomicU64::new(0) })
    }
    match design {
        2 => picks(IpHash, affinity),
        3 => picks(StickyCookie, affinity),
        4 => picks(ConsistentHash { bound: Some(BOUND) }, affinity),
        7 => picks(AffinityHint { bound: BOUND }, affinity),
        _ => picks(RoundRobin, affinity),
    }
}

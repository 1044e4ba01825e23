//! Edge: makes it survive the real world. The lesson is in `balancer.rs`.
//!
//! Where the reverse proxy sends a request: the very [`Route`] of the chapter's design picks.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::http::request::Parts;
use lab::NodeId;

use super::cookies;
use super::proxy::{self, Choice, Pool, State};
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

/// Picks backends by a design's route.
struct Picks<R> {
    route: R,
    /// Whether the node of a cookie is the only one that has the session.
    is_only_there: bool,
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
                    // It keeps the sessions that are nowhere else. A hash cannot tell who has one.
                    State::Draining => self.is_only_there && affinity == Some(id),
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

/// The route of a design.
pub(super) fn route(design: u8) -> Arc<dyn proxy::Route> {
    fn picks<R: Route>(route: R, is_only_there: bool) -> Arc<dyn proxy::Route> {
        Arc::new(Picks { route, is_only_there, turn: AtomicU64::new(0) })
    }
    match design {
        2 => picks(IpHash, true),
        3 => picks(StickyCookie, true),
        4 => picks(ConsistentHash { bound: Some(BOUND) }, true),
        7 => picks(AffinityHint { bound: BOUND }, false),
        _ => picks(RoundRobin, true),
    }
}

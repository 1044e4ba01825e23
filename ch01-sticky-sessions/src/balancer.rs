//! The balancer: takes each request, picks a web node for it, and hands the answer back.
//!
//! What differs between designs is only how it picks: a [`Route`]. The reverse proxy that people run
//! picks with the very same values; here the balancer is a node, so that every order of events can be
//! tried.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::Hash;

use lab::{Node, NodeId};

use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{
    Action, Address, Answer, Cookies, Msg, Note, SessionId, SetCookie, Timer, wait,
};

// ANCHOR: route
/// What a balancer may look at before it picks a web node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Where the request comes from.
    pub address: Address,
    /// The node in the cookie of this browser.
    pub affinity: Option<NodeId>,
    /// The session in its cookie.
    pub session: Option<SessionId>,
    /// Counts the requests of this balancer.
    pub turn: u64,
}

/// A web node, as the balancer sees it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Backend {
    /// Which one.
    pub id: NodeId,
    /// Whether it answered the last health check.
    pub is_up: bool,
    /// Requests that it has not answered yet.
    pub open: u32,
    /// Sessions that it told of in its last health check.
    pub sessions: u64,
}

/// How a design picks a web node.
pub trait Route: Clone + Eq + Hash + Debug + Send + Sync + 'static {
    /// The place in `pool` of the node for this request; `None` if no node is up.
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize>;

    /// The web nodes are these from now on: for a policy that computes a table once.
    fn prepare(&mut self, _webs: &[NodeId]) {}

    /// The node that the browser is told to come back to, in a cookie.
    fn affinity(&self, web: NodeId) -> Option<NodeId> {
        let _ = web;
        None
    }
}
// ANCHOR_END: route

/// The places of the nodes that are up.
pub fn up(pool: &[Backend]) -> impl Iterator<Item = usize> {
    (0..pool.len()).filter(|place| pool[*place].is_up)
}

// ANCHOR: has_room
/// Whether a node may have one more request: then it has at most `bound` percent of the mean of all
/// nodes that are up, rounded up.
#[must_use]
pub fn has_room(bound: u32, place: usize, pool: &[Backend]) -> bool {
    let nodes = up(pool).count() as u64;
    let open: u64 = up(pool).map(|place| u64::from(pool[place].open)).sum();
    let most = (u64::from(bound) * (open + 1)).div_ceil(100 * nodes.max(1));
    u64::from(pool[place].open) < most
}
// ANCHOR_END: has_room

/// A request that is with a web node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Open {
    browser: NodeId,
    /// The browser's number for it.
    number: u64,
    web: NodeId,
    /// What the browser has in its cookie.
    affinity: Option<NodeId>,
}

/// A balancer that picks by `R`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Balancer<R> {
    route: R,
    pool: Vec<Backend>,
    /// Web nodes that have answered since the last health check.
    heard: BTreeSet<NodeId>,
    /// By the balancer's number.
    open: BTreeMap<u64, Open>,
    /// How many requests it has sent on.
    turn: u64,
}

impl<R: Route> Balancer<R> {
    /// A balancer before these web nodes, which it takes for up.
    #[must_use]
    pub fn new(route: R, webs: &[NodeId]) -> Self {
        let heard = webs.iter().copied().collect();
        let mut balancer = Self { route, pool: Vec::new(), heard, open: BTreeMap::new(), turn: 0 };
        balancer.on_pool(webs);
        balancer
    }

    /// Those that stay are known already; a new one is taken for up.
    fn on_pool(&mut self, webs: &[NodeId]) {
        let known = std::mem::take(&mut self.pool);
        let backend = |&id: &NodeId| {
            let known = known.iter().find(|backend| backend.id == id).cloned();
            known.unwrap_or(Backend { id, is_up: true, open: 0, sessions: 0 })
        };
        self.pool = webs.iter().map(backend).collect();
        self.heard.extend(webs);
        self.route.prepare(webs);
    }

    // ANCHOR: on_request
    fn on_request(
        &mut self,
        (browser, number): (NodeId, u64),
        (address, cookies, action): (Address, Cookies, Action),
        cx: &mut Cx,
    ) {
        let (affinity, session) = (cookies.affinity, cookies.session);
        let asked = Asked { address, affinity, session, turn: self.turn };
        let Some(place) = self.route.pick(&asked, &self.pool) else {
            return refuse(browser, number, cx);
        };
        let web = self.pool[place].id;
        self.pool[place].open += 1;
        self.turn += 1;
        self.open.insert(self.turn, Open { browser, number, web, affinity });
        cx.send(web, Msg::Request { number: self.turn, address, cookies, action });
    }
    // ANCHOR_END: on_request

    fn on_response(&mut self, number: u64, answer: Answer, mut set: Vec<SetCookie>, cx: &mut Cx) {
        // It came too late: the browser was told that the node is down.
        let Some(open) = self.open.remove(&number) else { return };
        self.closed(open.web);
        let affinity = self.route.affinity(open.web);
        if affinity != open.affinity {
            set.push(SetCookie::Affinity(affinity));
        }
        cx.send(open.browser, Msg::Response { number: open.number, answer, set });
    }

    fn closed(&mut self, web: NodeId) {
        if let Some(backend) = self.pool.iter_mut().find(|backend| backend.id == web) {
            backend.open = backend.open.saturating_sub(1);
        }
    }

    fn on_healthy(&mut self, web: NodeId, sessions: u64, cx: &mut Cx) {
        self.heard.insert(web);
        if let Some(backend) = self.pool.iter_mut().find(|backend| backend.id == web) {
            backend.sessions = sessions;
            if !backend.is_up {
                backend.is_up = true;
                cx.note(Note::Up(web));
            }
        }
    }

    /// A web node that has not answered the last health check gets no requests until it does.
    fn check(&mut self, cx: &mut Cx) {
        for backend in &mut self.pool {
            if backend.is_up && !self.heard.contains(&backend.id) {
                backend.is_up = false;
                cx.note(Note::Down(backend.id));
                fail(&mut self.open, backend, cx);
            }
            cx.send(backend.id, Msg::Check);
        }
        self.heard.clear();
        cx.set_timer(Timer::Check, wait::CHECK);
    }
}

fn refuse(browser: NodeId, number: u64, cx: &mut Cx) {
    cx.send(browser, Msg::Response { number, answer: Answer::Unavailable, set: Vec::new() });
}

/// The browsers that wait for a node which is down are told so.
fn fail(open: &mut BTreeMap<u64, Open>, backend: &mut Backend, cx: &mut Cx) {
    backend.open = 0;
    open.retain(|_, open| {
        let waits = open.web == backend.id;
        if waits {
            refuse(open.browser, open.number, cx);
        }
        !waits
    });
}

impl<R: Route> Node for Balancer<R> {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } => cx.set_timer(Timer::Check, wait::CHECK),
            Input::Message { from, msg } => match msg {
                Msg::Request { number, address, cookies, action } => {
                    self.on_request((from, number), (address, cookies, action), cx);
                }
                Msg::Response { number, answer, set } => self.on_response(number, answer, set, cx),
                Msg::Healthy { sessions } => self.on_healthy(from, sessions, cx),
                Msg::Pool { webs } => self.on_pool(&webs),
                other => shop::ignore(&other),
            },
            Input::Timeout(_) => self.check(cx),
            Input::Replay(record) => shop::foreign_record(&record),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let up = self.pool.iter().filter(|backend| backend.is_up).count();
        let open = self.open.len();
        Summary::of(format!("{up} of {} nodes are up; {open} requests open", self.pool.len()))
    }
}

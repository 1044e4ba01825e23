//! Step 7: the store is the truth, and stickiness is a hint that saves a question.
//!
//! The store keeps each session under a version. A web node that has served a session keeps a copy for a
//! short while; the balancer tries to send the browser to the same node, where the copy is, and sends it
//! anywhere else when that node is down or has too much to do. Nothing is lost with a node, because nothing
//! was only there.
//!
//! What makes it right:
//! - a change is saved only on top of the version that it was made from; if another one was first, it is
//!   made again on top of that;
//! - a session that has ended keeps its version, so a request that is late cannot bring it back;
//! - a copy is used for `fresh` and no longer, counted from when the store was *asked*: for so long, and
//!   no longer, may a session that has ended somewhere else be shown here;
//! - a browser carries the version that it has seen, and no copy that is older is shown to it. Where two
//!   of its requests are under way at once, the later answer may carry the lower version; the node that
//!   notices tells the browser to skip copies until none of those is left that there were then. An answer
//!   that comes later still can lower the version once more: that is not covered.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::{Node, NodeId};

use crate::balancer::{Asked, Backend, Route, has_room};
use crate::hash::by_weight;
use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{
    Action, Answer, Kept, Msg, Session, SessionId, SetCookie, Timer, Version, wait,
};

/// Back to the node in the cookie while it has room; else where the session wants to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AffinityHint {
    /// How much of the mean a node may have, in percent.
    pub bound: u32,
}

// ANCHOR: pick
impl Route for AffinityHint {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        let room = |place: &usize| has_room(self.bound, *place, pool);
        let known = |backend: &Backend| backend.is_up && Some(backend.id) == asked.affinity;
        let key = asked.session.map_or(asked.turn, |id| (id.0 ^ id.0 >> 64) as u64);
        let wanted = by_weight(key, pool);
        let hint = pool.iter().position(known).filter(room);
        hint.or_else(|| wanted.iter().copied().find(room)).or(wanted.first().copied())
    }

    fn affinity(&self, web: NodeId) -> Option<NodeId> {
        Some(web)
    }
}
// ANCHOR_END: pick

/// A copy of what the store has.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Copy {
    kept: Kept,
    /// When the store was asked, by this node's clock.
    asked: Duration,
}

/// A request that waits for the store.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Waiting {
    balancer: NodeId,
    /// The balancer's number.
    number: u64,
    id: SessionId,
    /// The version that the browser has seen.
    seen: Version,
    /// Whether it wants no copy.
    skip: bool,
    action: Action,
    /// What is being saved.
    saving: Option<Session>,
    asked: Duration,
}

/// A web node with copies.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Web {
    store: NodeId,
    /// For how long a copy is used.
    fresh: Duration,
    copies: BTreeMap<SessionId, Copy>,
    /// By the web node's number.
    waiting: BTreeMap<u64, Waiting>,
    /// Numbers the requests to the store. Answers to an earlier start carry numbers of that start.
    numbered: u64,
}

impl Web {
    /// A web node that asks this store, and uses a copy for so long.
    #[must_use]
    pub fn new(store: NodeId, fresh: Duration) -> Self {
        Self { store, fresh, copies: BTreeMap::new(), waiting: BTreeMap::new(), numbered: 0 }
    }

    fn is_fresh(&self, copy: &Copy, now: Duration) -> bool {
        now.saturating_sub(copy.asked) < self.fresh
    }

    // ANCHOR: on_request
    fn on_request(&mut self, waiting: Waiting, cx: &mut Cx) {
        self.numbered += 1;
        let (number, id) = (self.numbered, waiting.id);
        let is_good = |copy: &&Copy| {
            self.is_fresh(copy, cx.now()) && copy.kept.version >= waiting.seen && !waiting.skip
        };
        let copy = self.copies.get(&id).filter(is_good).map(|copy| copy.kept.clone());
        let is_new = matches!(waiting.action, Action::SignIn { .. });
        self.waiting.insert(number, waiting);
        cx.set_timer(Timer::Store(number), wait::STORE);
        match copy {
            _ if is_new => self.act(number, Kept::default(), cx),
            Some(kept) => self.act(number, kept, cx),
            None => cx.send(self.store, Msg::Load { number, id }),
        }
    }
    // ANCHOR_END: on_request

    /// Does what was asked for, on top of what is there.
    fn act(&mut self, number: u64, kept: Kept, cx: &mut Cx) {
        let waiting = self.waiting.get_mut(&number).expect("it waits for the store");
        let Waiting { id, action, .. } = waiting.clone();
        let session = match (kept.session, action) {
            // The same request, a second time.
            (Some(_), Action::SignIn { .. }) => {
                return self.answer(number, Answer::SignedIn, kept.version, cx);
            }
            (None, Action::SignIn { user, .. }) if kept.version == 0 => {
                Some(Session { user, cart: [].into() })
            }
            (None, Action::SignOut) => {
                return self.answer(number, Answer::SignedOut, kept.version, cx);
            }
            (None, _) => return self.answer(number, Answer::SignInPage, kept.version, cx),
            (Some(_), Action::SignOut) => None,
            (Some(session), Action::Look) => {
                return self.answer(number, Answer::Cart(session), kept.version, cx);
            }
            (Some(mut session), Action::Add(item)) => {
                session.cart.insert(item);
                Some(session)
            }
        };
        waiting.saving.clone_from(&session);
        waiting.asked = cx.now();
        cx.send(self.store, Msg::Save { number, id, session, expected: Some(kept.version) });
    }

    fn on_loaded(&mut self, number: u64, kept: Kept, cx: &mut Cx) {
        let Some(waiting) = self.waiting.get(&number) else { return };
        let copy = Copy { kept: kept.clone(), asked: waiting.asked };
        self.copies.insert(waiting.id, copy);
        self.act(number, kept, cx);
    }

    // ANCHOR: on_saved
    fn on_saved(&mut self, number: u64, result: Result<Version, Kept>, cx: &mut Cx) {
        let Some(waiting) = self.waiting.get_mut(&number) else { return };
        match result {
            Ok(version) => {
                let (id, session) = (waiting.id, waiting.saving.take());
                let answer = match (&waiting.action, &session) {
                    (Action::SignIn { .. }, _) => Answer::SignedIn,
                    (_, Some(session)) => Answer::Cart(session.clone()),
                    (_, None) => Answer::SignedOut,
                };
                let copy = Copy { kept: Kept { version, session }, asked: waiting.asked };
                self.copies.insert(id, copy);
                self.answer(number, answer, version, cx);
            }
            // Another request was first: the same again, on top of what it saved.
            Err(kept) => self.on_loaded(number, kept, cx),
        }
    }
    // ANCHOR_END: on_saved

    fn answer(&mut self, number: u64, answer: Answer, version: Version, cx: &mut Cx) {
        let Some(waiting) = self.waiting.remove(&number) else { return };
        cx.cancel_timer(Timer::Store(number));
        let mut set = match answer {
            Answer::SignedIn => {
                vec![SetCookie::Session(Some(waiting.id)), SetCookie::Seen(Some(version))]
            }
            Answer::SignedOut => vec![SetCookie::Session(None), SetCookie::Seen(None)],
            Answer::Cart(_) if version > waiting.seen => vec![SetCookie::Seen(Some(version))],
            Answer::Cart(_) | Answer::SignInPage | Answer::Unavailable => Vec::new(),
        };
        // One more than it has seen is its own change. More, or a change that it did not ask for here, is
        // another request of the same browser.
        let own = u64::from(matches!(waiting.action, Action::Add(_)));
        if matches!(answer, Answer::Cart(_)) && version > waiting.seen.saturating_add(own) {
            set.push(SetCookie::Skip(2 * self.fresh));
        }
        cx.send(waiting.balancer, Msg::Response { number: waiting.number, answer, set });
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Request { number, cookies, action, .. } => {
                let id = match action {
                    Action::SignIn { fresh, .. } => Some(fresh),
                    _ => cookies.session,
                };
                let Some(id) = id else {
                    let (answer, set) = (Answer::SignInPage, Vec::new());
                    return cx.send(from, Msg::Response { number, answer, set });
                };
                let waiting = Waiting {
                    balancer: from,
                    number,
                    id,
                    seen: cookies.seen.unwrap_or(0),
                    skip: cookies.skip,
                    action,
                    saving: None,
                    asked: cx.now(),
                };
                self.on_request(waiting, cx);
            }
            Msg::Loaded { number, kept } => self.on_loaded(number, kept, cx),
            Msg::Saved { number, result } => self.on_saved(number, result, cx),
            Msg::Check => {
                let (fresh, now) = (self.fresh, cx.now());
                self.copies.retain(|_, copy| now.saturating_sub(copy.asked) < fresh);
                cx.send(from, Msg::Healthy { sessions: self.copies.len() as u64 });
            }
            other => shop::ignore(&other),
        }
    }
}

impl Node for Web {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { start } => self.numbered = start << 32,
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(Timer::Store(number)) => {
                self.answer(number, Answer::Unavailable, 0, cx);
            }
            Input::Timeout(_) => unreachable!("a web node sets no other timer"),
            Input::Replay(record) => shop::foreign_record(&record),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let copies = self.copies.iter().map(|(id, copy)| format!("{id} {}", copy.kept));
        let copies: Vec<String> = copies.collect();
        Summary::of(if copies.is_empty() { "no copy".into() } else { copies.join("; ") })
    }
}

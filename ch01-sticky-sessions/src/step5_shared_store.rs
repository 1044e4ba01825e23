//! Step 5: the sessions move out of the web nodes, into a store that all of them ask.
//!
//! Any node can serve anybody, so the balancer is round robin again, and a node may die. Each request loads
//! the session, changes it, and saves it: that is what the session middleware of most web frameworks does.
//!
//! What breaks: two requests of one user at once load the same cart, and the one that saves last takes
//! back what the other one added. A request that is still under way when its user signs out saves the
//! session that was ended. Every request waits for the store, and when the store is down, so is the shop.

use std::collections::BTreeMap;

use lab::{Node, NodeId};

use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{Action, Answer, Kept, Msg, Session, SessionId, SetCookie, Timer, wait};

/// A request that waits for the store.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Waiting {
    balancer: NodeId,
    /// The balancer's number.
    number: u64,
    id: SessionId,
    action: Action,
    /// What to answer once it is saved.
    answer: Option<Answer>,
}

/// A web node that keeps no session.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Web {
    store: NodeId,
    /// By the web node's number.
    waiting: BTreeMap<u64, Waiting>,
    /// Numbers the requests to the store. Answers to an earlier start carry numbers of that start.
    numbered: u64,
}

impl Web {
    /// A web node that asks this store.
    #[must_use]
    pub fn new(store: NodeId) -> Self {
        Self { store, waiting: BTreeMap::new(), numbered: 0 }
    }

    // ANCHOR: on_request
    fn on_request(&mut self, waiting: Waiting, cx: &mut Cx) {
        self.numbered += 1;
        let (number, id) = (self.numbered, waiting.id);
        let action = waiting.action.clone();
        self.waiting.insert(number, waiting);
        cx.set_timer(Timer::Store(number), wait::STORE);
        match action {
            Action::SignIn { user, .. } => {
                let session = Session { user, cart: [].into() };
                self.save(number, Some(session), Answer::SignedIn, cx);
            }
            Action::SignOut => self.save(number, None, Answer::SignedOut, cx),
            Action::Look | Action::Add(_) => cx.send(self.store, Msg::Load { number, id }),
        }
    }

    fn on_loaded(&mut self, number: u64, kept: Kept, cx: &mut Cx) {
        let Some(waiting) = self.waiting.get(&number) else { return };
        match (kept.session, waiting.action.clone()) {
            (None, _) => self.answer(number, Answer::SignInPage, cx),
            (Some(mut session), Action::Add(item)) => {
                session.cart.insert(item);
                let answer = Answer::Cart(session.clone());
                self.save(number, Some(session), answer, cx);
            }
            (Some(session), _) => self.answer(number, Answer::Cart(session), cx),
        }
    }

    fn save(&mut self, number: u64, session: Option<Session>, answer: Answer, cx: &mut Cx) {
        let waiting = self.waiting.get_mut(&number).expect("it waits for the store");
        waiting.answer = Some(answer);
        let id = waiting.id;
        cx.send(self.store, Msg::Save { number, id, session, expected: None });
    }
    // ANCHOR_END: on_request

    fn answer(&mut self, number: u64, answer: Answer, cx: &mut Cx) {
        let Some(waiting) = self.waiting.remove(&number) else { return };
        cx.cancel_timer(Timer::Store(number));
        let set = match answer {
            Answer::SignedIn => vec![SetCookie::Session(Some(waiting.id))],
            Answer::SignedOut => vec![SetCookie::Session(None)],
            Answer::Cart(_) | Answer::SignInPage | Answer::Unavailable => Vec::new(),
        };
        cx.send(waiting.balancer, Msg::Response { number: waiting.number, answer, set });
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Request { number, cookies, action, .. } => {
                let fresh = match action {
                    Action::SignIn { fresh, .. } => Some(fresh),
                    _ => cookies.session,
                };
                let Some(id) = fresh else {
                    let (answer, set) = (Answer::SignInPage, Vec::new());
                    return cx.send(from, Msg::Response { number, answer, set });
                };
                self.on_request(Waiting { balancer: from, number, id, action, answer: None }, cx);
            }
            Msg::Loaded { number, kept } => self.on_loaded(number, kept, cx),
            Msg::Saved { number, .. } => {
                let waiting = self.waiting.get_mut(&number);
                if let Some(answer) = waiting.and_then(|waiting| waiting.answer.take()) {
                    self.answer(number, answer, cx);
                }
            }
            Msg::Check => cx.send(from, Msg::Healthy { sessions: 0 }),
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
            Input::Timeout(Timer::Store(number)) => self.answer(number, Answer::Unavailable, cx),
            Input::Timeout(_) => unreachable!("a web node sets no other timer"),
            Input::Replay(record) => shop::foreign_record(&record),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::of(format!("{} requests wait for the store", self.waiting.len()))
    }
}

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
    /// What to answer once it is saved; while it is loaded, nothing yet.
    answer: Option<Answer>,
}

/// What the store is to keep.
struct Save {
    id: SessionId,
    /// `None` ends it.
    session: Option<Session>,
    /// What the user is told then; `None`: first a session begins.
    answer: Option<Answer>,
}

/// A web node that keeps no session.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Web {
    store: NodeId,
    /// By the number of the question. A second answer to a question finds nothing here.
    waiting: BTreeMap<u64, Waiting>,
    /// Numbers the questions. Answers to an earlier start carry numbers of that start.
    numbered: u64,
}

impl Web {
    /// A web node that asks this store.
    #[must_use]
    pub fn new(store: NodeId) -> Self {
        Self { store, waiting: BTreeMap::new(), numbered: 0 }
    }

    // ANCHOR: on_request
    fn on_request(&mut self, waiting: Waiting, before: Option<SessionId>, cx: &mut Cx) {
        match (&waiting.action, before) {
            // The session that this browser had before ends first.
            (Action::SignIn { .. }, Some(before)) => {
                self.save(waiting, Save { id: before, session: None, answer: None }, cx);
            }
            (Action::SignIn { .. }, None) => self.begin(waiting, cx),
            (Action::SignOut | Action::SignOutEverywhere, _) => {
                let (id, answer) = (waiting.id, Some(Answer::SignedOut));
                self.save(waiting, Save { id, session: None, answer }, cx);
            }
            (Action::Look | Action::Add(_), _) => {
                let (store, id) = (self.store, waiting.id);
                let number = self.wait(waiting, cx);
                cx.send(store, Msg::Load { number, id });
            }
        }
    }

    fn on_loaded(&mut self, waiting: Waiting, kept: Kept, cx: &mut Cx) {
        match (kept.session, waiting.action.clone()) {
            (None, _) => answer(&waiting, Answer::SignInPage, cx),
            (Some(mut session), Action::Add(item)) => {
                if !session.add(item) {
                    return answer(&waiting, Answer::Full, cx);
                }
                let (id, answer) = (waiting.id, Some(Answer::Cart(session.clone())));
                self.save(waiting, Save { id, session: Some(session), answer }, cx);
            }
            (Some(session), _) => answer(&waiting, Answer::Cart(session), cx),
        }
    }

    fn on_saved(&mut self, waiting: Waiting, cx: &mut Cx) {
        match waiting.answer.clone() {
            Some(shown) => answer(&waiting, shown, cx),
            None => self.begin(waiting, cx),
        }
    }
    // ANCHOR_END: on_request

    fn begin(&mut self, waiting: Waiting, cx: &mut Cx) {
        let Action::SignIn { user, .. } = &waiting.action else {
            unreachable!("only who signs in begins a session")
        };
        let (id, session) = (waiting.id, Some(Session::new(user.clone())));
        self.save(waiting, Save { id, session, answer: Some(Answer::SignedIn) }, cx);
    }

    fn save(&mut self, waiting: Waiting, save: Save, cx: &mut Cx) {
        let Save { id, session, answer } = save;
        let number = self.wait(Waiting { answer, ..waiting }, cx);
        cx.send(self.store, Msg::Save { number, id, session, expected: None });
    }

    /// Waits for the store; gives the number of the question.
    fn wait(&mut self, waiting: Waiting, cx: &mut Cx) -> u64 {
        self.numbered += 1;
        cx.set_timer(Timer::Store(self.numbered), wait::STORE);
        self.waiting.insert(self.numbered, waiting);
        self.numbered
    }

    /// The store has answered a question: it is no longer waited for.
    fn take(&mut self, number: u64, cx: &mut Cx) -> Option<Waiting> {
        let waiting = self.waiting.remove(&number)?;
        cx.cancel_timer(Timer::Store(number));
        Some(waiting)
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Request { number, cookies, action, .. } => {
                let (id, before) = match action {
                    Action::SignIn { fresh, .. } => {
                        (Some(fresh), cookies.session.filter(|before| *before != fresh))
                    }
                    _ => (cookies.session, None),
                };
                let Some(id) = id else {
                    let (answer, set) = (Answer::SignInPage, Vec::new());
                    return cx.send(from, Msg::Response { number, answer, set });
                };
                let waiting = Waiting { balancer: from, number, id, action, answer: None };
                self.on_request(waiting, before, cx);
            }
            Msg::Loaded { number, kept } => {
                if let Some(waiting) = self.take(number, cx) {
                    self.on_loaded(waiting, kept, cx);
                }
            }
            Msg::Saved { number, .. } => {
                if let Some(waiting) = self.take(number, cx) {
                    self.on_saved(waiting, cx);
                }
            }
            Msg::Check => cx.send(from, Msg::Healthy { sessions: 0 }),
            other => shop::ignore(&other),
        }
    }
}

fn answer(waiting: &Waiting, answer: Answer, cx: &mut Cx) {
    let set = match answer {
        Answer::SignedIn => vec![SetCookie::Session(Some(waiting.id))],
        Answer::SignedOut => vec![SetCookie::Session(None)],
        Answer::Cart(_) | Answer::Full | Answer::SignInPage | Answer::Unavailable => Vec::new(),
    };
    cx.send(waiting.balancer, Msg::Response { number: waiting.number, answer, set });
}

impl Node for Web {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { start } => self.numbered = start << 32,
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(Timer::Store(number)) => {
                if let Some(waiting) = self.waiting.remove(&number) {
                    answer(&waiting, Answer::Unavailable, cx);
                }
            }
            Input::Timeout(_) => unreachable!("a web node sets no other timer"),
            Input::Replay(record) => shop::foreign_record(&record),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::of(format!("{} requests wait for the store", self.waiting.len()))
    }
}

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
//! - each user has an epoch in the store, which grows by one when they sign out everywhere. The store
//!   compares it whenever it is asked for a session, and a copy counts from that question: so a session that
//!   began in an earlier epoch is shown for `fresh` at most, with nothing sent to other web nodes;
//! - a browser carries the versions that it has seen, and no copy that is older is shown to it. Each is a
//!   cookie of its own, so an answer that arrives late takes nothing back; and each lasts for twice `fresh`,
//!   by when no older copy is left.
//!
//! # Left out
//!
//! Clocks that jump while a cookie or a copy is young. A lifetime that begins anew with each look. Two tabs of
//! which one signs out and the other one in, at once: the later answer decides which session the browser has.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use lab::{Node, NodeId};

use crate::balancer::{Asked, Backend, Route, has_room};
use crate::hash::heaviest;
use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{
    Action, Answer, Cookies, Kept, Msg, Seen, Session, SessionId, SetCookie, Timer, User, Version,
    wait,
};

/// Back to the node in the cookie while it has room; else to the one with the highest weight for the session.
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
        let hint = pool.iter().position(known).filter(room);
        let with_room = || heaviest(key, pool, room);
        hint.or_else(with_room).or_else(|| heaviest(key, pool, |_| true))
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
    /// What the browser has seen of this session.
    seen: BTreeSet<Seen>,
    action: Action,
    question: Question,
    asked: Duration,
}

/// What the store is asked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Question {
    /// What is the session?
    Load,
    /// Keep it like this, if it still has that version.
    Save(Option<Session>, Version),
    /// End this one: its browser signs in once more.
    End(SessionId),
    /// End all sessions of its user.
    Revoke,
}

/// A web node with copies.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Web {
    store: NodeId,
    /// For how long a copy is used.
    fresh: Duration,
    copies: BTreeMap<SessionId, Copy>,
    /// The copies by age, those as well that have been replaced.
    ages: VecDeque<(Duration, SessionId)>,
    /// By the number of the question. A second answer to a question finds nothing here.
    waiting: BTreeMap<u64, Waiting>,
    /// Numbers the questions. Answers to an earlier start carry numbers of that start.
    numbered: u64,
}

impl Web {
    /// A web node that asks this store, and uses a copy for so long.
    #[must_use]
    pub fn new(store: NodeId, fresh: Duration) -> Self {
        let (copies, ages, waiting) = (BTreeMap::new(), VecDeque::new(), BTreeMap::new());
        Self { store, fresh, copies, ages, waiting, numbered: 0 }
    }

    fn is_fresh(&self, asked: Duration, now: Duration) -> bool {
        now.saturating_sub(asked) < self.fresh
    }

    // ANCHOR: on_request
    fn on_request(&mut self, waiting: Waiting, before: Option<SessionId>, cx: &mut Cx) {
        let seen = waiting.seen.last().map_or(0, |seen| seen.version);
        let is_good =
            |copy: &&Copy| self.is_fresh(copy.asked, cx.now()) && copy.kept.version >= seen;
        let copy = self.copies.get(&waiting.id).filter(is_good).map(|copy| copy.kept.clone());
        match (&waiting.action, before, copy) {
            (Action::SignIn { .. }, Some(id), _) => self.ask(waiting, Question::End(id), cx),
            (Action::SignIn { .. }, None, _) => self.act(waiting, Kept::default(), cx),
            (_, _, Some(kept)) => self.act(waiting, kept, cx),
            (_, _, None) => self.ask(waiting, Question::Load, cx),
        }
    }
    // ANCHOR_END: on_request

    /// Asks the store.
    fn ask(&mut self, waiting: Waiting, question: Question, cx: &mut Cx) {
        self.numbered += 1;
        let (number, id) = (self.numbered, waiting.id);
        let msg = match question.clone() {
            Question::Load => Msg::Load { number, id },
            Question::Save(session, version) => {
                Msg::Save { number, id, session, expected: Some(version) }
            }
            Question::End(id) => Msg::Save { number, id, session: None, expected: None },
            Question::Revoke => Msg::Revoke { number, id },
        };
        cx.send(self.store, msg);
        cx.set_timer(Timer::Store(number), wait::STORE);
        self.waiting.insert(number, Waiting { question, asked: cx.now(), ..waiting });
    }

    /// Does what was asked for, on top of what is there.
    fn act(&mut self, waiting: Waiting, kept: Kept, cx: &mut Cx) {
        let session = match (kept.session, waiting.action.clone()) {
            // The same request, a second time.
            (Some(_), Action::SignIn { .. }) => {
                return self.answer(&waiting, Answer::SignedIn, kept.version, cx);
            }
            (None, Action::SignIn { user, .. }) if kept.version == 0 => Some(Session::new(user)),
            (None, Action::SignOut) => {
                return self.answer(&waiting, Answer::SignedOut, kept.version, cx);
            }
            (None, _) => return self.answer(&waiting, Answer::SignInPage, kept.version, cx),
            (Some(_), Action::SignOut) => None,
            (Some(_), Action::SignOutEverywhere) => {
                return self.ask(waiting, Question::Revoke, cx);
            }
            (Some(session), Action::Look) => {
                return self.answer(&waiting, Answer::Cart(session), kept.version, cx);
            }
            (Some(mut session), Action::Add(item)) => {
                if !session.add(item) {
                    return self.answer(&waiting, Answer::Full, kept.version, cx);
                }
                Some(session)
            }
        };
        self.ask(waiting, Question::Save(session, kept.version), cx);
    }

    /// The store has answered a question: it is no longer waited for.
    fn take(&mut self, number: u64, cx: &mut Cx) -> Option<Waiting> {
        let waiting = self.waiting.remove(&number)?;
        cx.cancel_timer(Timer::Store(number));
        Some(waiting)
    }

    fn on_loaded(&mut self, waiting: Waiting, kept: Kept, cx: &mut Cx) {
        self.keep(waiting.id, kept.clone(), waiting.asked, cx.now());
        self.act(waiting, kept, cx);
    }

    // ANCHOR: on_saved
    fn on_saved(&mut self, waiting: Waiting, result: Result<Version, Kept>, cx: &mut Cx) {
        match (waiting.question.clone(), result) {
            (Question::Save(session, _), Ok(version)) => {
                let answer = match (&waiting.action, &session) {
                    (Action::SignIn { .. }, _) => Answer::SignedIn,
                    (_, Some(session)) => Answer::Cart(session.clone()),
                    (_, None) => Answer::SignedOut,
                };
                self.keep(waiting.id, Kept { version, session }, waiting.asked, cx.now());
                self.answer(&waiting, answer, version, cx);
            }
            // Another request was first: the same again, on top of what it saved.
            (_, Err(kept)) => self.on_loaded(waiting, kept, cx),
            // The session before has ended: now the new one begins.
            (_, Ok(_)) => self.act(waiting, Kept::default(), cx),
        }
    }
    // ANCHOR_END: on_saved

    // ANCHOR: on_revoked
    /// Other web nodes may show copies of this user's sessions until those are too old. So may this one, if
    /// an answer was under way: it was asked for before this.
    fn on_revoked(&mut self, waiting: &Waiting, user: Option<&User>, cx: &mut Cx) {
        let Some(user) = user else { return self.answer(waiting, Answer::SignInPage, 0, cx) };
        let of = |copy: &Copy| copy.kept.session.as_ref().is_some_and(|one| one.user == *user);
        self.copies.retain(|_, copy| !of(copy));
        self.answer(waiting, Answer::SignedOut, 0, cx);
    }
    // ANCHOR_END: on_revoked

    /// Keeps a copy, and drops those that are no longer used.
    fn keep(&mut self, id: SessionId, kept: Kept, asked: Duration, now: Duration) {
        while let Some((then, old)) = self.ages.front().copied()
            && !self.is_fresh(then, now)
        {
            self.ages.pop_front();
            if self.copies.get(&old).is_some_and(|copy| copy.asked == then) {
                self.copies.remove(&old);
            }
        }
        self.ages.push_back((asked, id));
        self.copies.insert(id, Copy { kept, asked });
    }

    // ANCHOR: answer
    fn answer(&self, waiting: &Waiting, answer: Answer, version: Version, cx: &mut Cx) {
        let id = waiting.id;
        let before = waiting.seen.iter().copied();
        let set = match answer {
            Answer::SignedOut => {
                let end = [SetCookie::Session(None)].into_iter();
                end.chain(before.map(SetCookie::Forget)).collect()
            }
            Answer::SignedIn | Answer::Cart(_) => {
                let begin = (answer == Answer::SignedIn).then_some(SetCookie::Session(Some(id)));
                let seen = Seen { id, version };
                let new = !waiting.seen.contains(&seen);
                let seen = new.then_some(SetCookie::Seen(seen, 2 * self.fresh));
                let less = before.filter(|seen| new && seen.version < version);
                begin.into_iter().chain(seen).chain(less.map(SetCookie::Forget)).collect()
            }
            Answer::Full | Answer::SignInPage | Answer::Unavailable => Vec::new(),
        };
        cx.send(waiting.balancer, Msg::Response { number: waiting.number, answer, set });
    }
    // ANCHOR_END: answer

    fn on_asked(
        &mut self,
        from: NodeId,
        number: u64,
        cookies: Cookies,
        action: Action,
        cx: &mut Cx,
    ) {
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
        let seen = cookies.seen.into_iter().filter(|seen| seen.id == id).collect();
        let (balancer, question, asked) = (from, Question::Load, cx.now());
        let waiting = Waiting { balancer, number, id, seen, action, question, asked };
        self.on_request(waiting, before, cx);
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Request { number, cookies, action, .. } => {
                self.on_asked(from, number, cookies, action, cx);
            }
            Msg::Loaded { number, kept } => {
                if let Some(waiting) = self.take(number, cx) {
                    self.on_loaded(waiting, kept, cx);
                }
            }
            Msg::Saved { number, result } => {
                if let Some(waiting) = self.take(number, cx) {
                    self.on_saved(waiting, result, cx);
                }
            }
            Msg::Revoked { number, user } => {
                if let Some(waiting) = self.take(number, cx) {
                    self.on_revoked(&waiting, user.as_ref(), cx);
                }
            }
            Msg::Check => cx.send(from, Msg::Healthy { sessions: self.copies.len() as u64 }),
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
                if let Some(waiting) = self.waiting.remove(&number) {
                    self.answer(&waiting, Answer::Unavailable, 0, cx);
                }
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

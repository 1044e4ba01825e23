//! The workload of experiments: thousands of people behind one node, each with a browser of their own.
//!
//! Who clicks when is fixed before a run begins, so every design meets the very same clicks. What was
//! asked and answered is kept, for [`crate::guarantees`] to judge.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lab::{Node, NodeId};

use crate::browser::ELSEWHERE;
use crate::guarantees::{Deed, Told, Visit};
use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{
    Action, Address, Answer, Cookies, Item, Jar, Msg, SessionId, SetCookie, Timer, User,
};

/// One click.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Click {
    /// When, in µs from the beginning.
    pub at: u64,
    /// Whose: the place in the list of people.
    pub who: usize,
    /// What for.
    pub what: What,
}

/// What a click is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum What {
    /// To sign in.
    SignIn,
    /// To look into the cart.
    Look,
    /// To put something into it.
    Add,
    /// To sign out.
    SignOut,
    /// To sign out everywhere.
    SignOutEverywhere,
    /// A thief copies the cookies and, from elsewhere, looks into the cart.
    Copy,
    /// The thief looks again.
    Replay,
}

/// A person with a browser.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Person {
    /// Where from.
    pub address: Address,
    user: User,
    jar: Jar,
    /// The cookies as a thief has copied them.
    copied: Cookies,
    sign_ins: u32,
    /// How many things they wanted to put into a cart.
    items: u32,
    /// How often they were shown the sign-in page.
    pub forced: u32,
    /// How often they were shown a cart.
    pub carts: u32,
    /// How often there was no web node for them.
    pub refused: u32,
}

impl Person {
    /// A user who has not been here before.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self {
            address,
            user: User::new("visitor"),
            jar: Jar::default(),
            copied: Cookies::default(),
            sign_ins: 0,
            items: 0,
            forced: 0,
            carts: 0,
            refused: 0,
        }
    }

    /// The same, who signs in under this name.
    #[must_use]
    pub fn called(self, user: &str) -> Self {
        Self { user: User::new(user), ..self }
    }
}

/// A request under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Open {
    who: usize,
    action: Action,
    /// Of its cookies.
    session: Option<SessionId>,
    is_copied: bool,
    /// When it was asked, by the clock of the crowd.
    asked: Duration,
}

/// The people, and the clicks to come.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Crowd {
    /// Each request goes to the next of them.
    balancers: Arc<[NodeId]>,
    clicks: Arc<[Click]>,
    /// How many have been made.
    made: usize,
    /// How many requests were sent; each has the number of its turn.
    asked: u64,
    /// Requests under way, by number.
    open: BTreeMap<u64, Open>,
    people: Vec<Person>,
    /// What was asked and answered, in the order of the answers.
    visits: Vec<Visit>,
    /// When the crowd began, by its clock.
    began: Duration,
}

impl Crowd {
    /// These people, who will click like this; `clicks` are in the order of time.
    #[must_use]
    pub fn new(balancers: &[NodeId], people: Vec<Person>, clicks: Vec<Click>) -> Self {
        let (clicks, open, balancers) = (clicks.into(), BTreeMap::new(), balancers.into());
        let (visits, began) = (Vec::new(), Duration::ZERO);
        Self { balancers, clicks, made: 0, asked: 0, open, people, visits, began }
    }

    /// What was asked and answered so far, in µs.
    #[must_use]
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// The people, with what they were shown so far.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Makes the click that is due, and waits for the next.
    fn click(&mut self, cx: &mut Cx) {
        let Click { at, who, what } = self.clicks[self.made];
        self.made += 1;
        self.ask(who, what, cx);
        self.wait(at, cx);
    }

    fn wait(&self, since: u64, cx: &mut Cx) {
        if let Some(next) = self.clicks.get(self.made) {
            let after = Duration::from_micros(next.at.saturating_sub(since));
            cx.set_timer(Timer::Next, after..after + Duration::from_micros(1));
        }
    }

    fn ask(&mut self, who: usize, what: What, cx: &mut Cx) {
        let person = &mut self.people[who];
        let is_copied = matches!(what, What::Copy | What::Replay);
        let action = match what {
            What::Look | What::Replay => Action::Look,
            What::Copy => {
                person.copied = Cookies { affinity: None, ..person.jar.send(cx.now()) };
                Action::Look
            }
            What::Add => {
                person.items += 1;
                Action::Add(Item::new(&format!("item-{}", person.items)))
            }
            What::SignOut => Action::SignOut,
            What::SignOutEverywhere => Action::SignOutEverywhere,
            What::SignIn => {
                person.sign_ins += 1;
                Action::SignIn { user: person.user.clone(), fresh: fresh(who, person.sign_ins) }
            }
        };
        let (cookies, address) = if is_copied {
            (person.copied.clone(), ELSEWHERE)
        } else {
            (person.jar.send(cx.now()), person.address)
        };
        self.asked += 1;
        let number = self.asked;
        let (session, asked) = (cookies.sign_in(), cx.now());
        self.open.insert(number, Open { who, action: action.clone(), session, is_copied, asked });
        let balancer = self.balancers[number as usize % self.balancers.len()];
        cx.send(balancer, Msg::Request { number, address, cookies, action });
    }

    /// Who is shown the sign-in page signs in. A thief cannot.
    fn on_response(&mut self, number: u64, answer: &Answer, set: &[SetCookie], cx: &mut Cx) {
        let Some(open) = self.open.remove(&number) else { return };
        self.write_down(&open, answer, cx.now());
        if open.is_copied {
            return;
        }
        let person = &mut self.people[open.who];
        set.iter().for_each(|cookie| person.jar.keep(cookie, cx.now()));
        match answer {
            Answer::SignInPage => {
                person.forced += 1;
                self.ask(open.who, What::SignIn, cx);
            }
            Answer::Cart(_) => person.carts += 1,
            Answer::Unavailable => person.refused += 1,
            Answer::SignedIn | Answer::SignedOut | Answer::Full => {}
        }
    }

    fn write_down(&mut self, open: &Open, answer: &Answer, now: Duration) {
        let session = named(&open.action, open.session);
        let (deed, told) = (deed(&open.action), told(answer));
        let since = |time: Duration| time.saturating_sub(self.began).as_micros() as u64;
        let (asked, answered) = (since(open.asked), since(now));
        let (is_copied, user) = (open.is_copied, self.people[open.who].user.0.as_ref().to_owned());
        self.visits.push(Visit { asked, answered, session, user, deed, is_copied, told });
    }
}

/// The session of a visit: that of its cookies, or the one that a sign-in begins.
pub(crate) fn named(action: &Action, cookie: Option<SessionId>) -> String {
    let session = match action {
        Action::SignIn { fresh, .. } => Some(*fresh),
        Action::Look | Action::Add(_) | Action::SignOut | Action::SignOutEverywhere => cookie,
    };
    session.map(String::from).unwrap_or_default()
}

/// What a request is for, as the judge of histories has it.
pub(crate) fn deed(action: &Action) -> Deed {
    match action {
        Action::SignIn { .. } => Deed::SignIn,
        Action::Look => Deed::Look,
        Action::Add(item) => Deed::Add(item.clone()),
        Action::SignOut => Deed::SignOut,
        Action::SignOutEverywhere => Deed::SignOutEverywhere,
    }
}

/// How it was answered, as the judge of histories has it.
pub(crate) fn told(answer: &Answer) -> Told {
    match answer {
        Answer::Cart(session) => Told::Cart(session.cart.clone()),
        Answer::SignedIn | Answer::SignedOut => Told::Done,
        Answer::SignInPage => Told::SignInPage,
        Answer::Full | Answer::Unavailable => Told::Unknown,
    }
}

/// The name of a person's next session.
fn fresh(who: usize, sign_ins: u32) -> SessionId {
    SessionId((who as u128 + 1) << 32 | u128::from(sign_ins))
}

/// Whose session it is: the place in the list of people.
#[must_use]
pub fn whose(session: SessionId) -> usize {
    (session.0 >> 32) as usize - 1
}

impl Node for Crowd {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } => {
                self.began = cx.now();
                self.wait(0, cx);
            }
            Input::Timeout(_) => self.click(cx),
            Input::Message { msg: Msg::Response { number, answer, set }, .. } => {
                self.on_response(number, &answer, &set, cx);
            }
            Input::Message { msg, .. } => shop::ignore(&msg),
            Input::Replay(record) => shop::foreign_record(&record),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let (made, all) = (self.made, self.clicks.len());
        Summary { line: format!("{made} of {all} clicks"), is_done: made == all }
    }
}

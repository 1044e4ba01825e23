//! The workload of experiments: thousands of people behind one node, each with a browser of their own.
//!
//! Who clicks when is fixed before a run begins, so every design meets the very same clicks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lab::{Node, NodeId};

use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{Action, Address, Answer, Item, Jar, Msg, SessionId, SetCookie, Timer, User};

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
}

/// A person with a browser.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Person {
    /// Where from.
    pub address: Address,
    jar: Jar,
    sign_ins: u32,
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
        Self { address, jar: Jar::default(), sign_ins: 0, forced: 0, carts: 0, refused: 0 }
    }
}

/// The people, and the clicks to come.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Crowd {
    balancer: NodeId,
    clicks: Arc<[Click]>,
    /// How many have been made.
    made: usize,
    /// How many requests were sent; each has the number of its turn.
    asked: u64,
    /// Whose requests are under way, by number.
    open: BTreeMap<u64, usize>,
    people: Vec<Person>,
}

impl Crowd {
    /// These people, who will click like this; `clicks` are in the order of time.
    #[must_use]
    pub fn new(balancer: NodeId, people: Vec<Person>, clicks: Vec<Click>) -> Self {
        let (clicks, open) = (clicks.into(), BTreeMap::new());
        Self { balancer, clicks, made: 0, asked: 0, open, people }
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
        self.asked += 1;
        let number = self.asked;
        self.open.insert(number, who);
        let person = &mut self.people[who];
        let action = match what {
            What::Look => Action::Look,
            What::Add => Action::Add(Item::new("umbrella")),
            What::SignIn => {
                person.sign_ins += 1;
                let fresh = (who as u128 + 1) << 32 | u128::from(person.sign_ins);
                Action::SignIn { user: User::new("visitor"), fresh: SessionId(fresh) }
            }
        };
        let (cookies, address) = (person.jar.send(cx.now()), person.address);
        cx.send(self.balancer, Msg::Request { number, address, cookies, action });
    }

    /// Who is shown the sign-in page signs in.
    fn on_response(&mut self, number: u64, answer: &Answer, set: &[SetCookie], cx: &mut Cx) {
        let Some(who) = self.open.remove(&number) else { return };
        let person = &mut self.people[who];
        set.iter().for_each(|cookie| person.jar.keep(cookie, cx.now()));
        match answer {
            Answer::SignInPage => {
                person.forced += 1;
                self.ask(who, What::SignIn, cx);
            }
            Answer::Cart(_) => person.carts += 1,
            Answer::Unavailable => person.refused += 1,
            Answer::SignedIn | Answer::SignedOut | Answer::Full => {}
        }
    }
}

impl Node for Crowd {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } => self.wait(0, cx),
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

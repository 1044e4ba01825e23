//! The workload of small worlds: browsers, each with one person in front of it.
//!
//! A browser keeps its cookies and does one thing after the other, each until it is answered. When it is
//! shown the sign-in page, the person signs in once more and repeats what they wanted.

use std::collections::{BTreeMap, VecDeque};

use lab::{Node, NodeId};

use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{
    Action, Address, Answer, Cookies, Item, Jar, Msg, SessionId, SetCookie, Timer, User, wait,
};

/// Where copied cookies are used.
pub const ELSEWHERE: Address = Address(u32::from_be_bytes([203, 0, 113, 7]));

/// One thing that a person does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Signs in.
    SignIn,
    /// Looks into the cart.
    Look,
    /// Puts something into the cart.
    Add(Item),
    /// Signs out.
    SignOut,
    /// Two of these at once, in two tabs.
    Both(Box<(Self, Self)>),
    /// Begins this in another tab, and does not wait for it.
    Aside(Box<Self>),
    /// A thief copies the cookies and, from elsewhere, looks into the cart.
    Copy,
    /// The thief looks again.
    Replay,
    /// Does nothing for a moment.
    Wait,
}

impl Op {
    /// Whether it is done with copied cookies.
    fn is_theft(&self) -> bool {
        matches!(self, Self::Copy | Self::Replay)
    }
}

/// A request under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Open {
    op: Op,
    action: Action,
    /// Which of the balancers.
    balancer: NodeId,
    /// Whether the next thing is done before this one is answered.
    is_aside: bool,
}

/// A browser.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Browser {
    /// It asks the first; next time it asks the next.
    balancers: VecDeque<NodeId>,
    address: Address,
    user: User,
    /// What is still to be done, after what is under way.
    ops: VecDeque<Op>,
    jar: Jar,
    /// The cookies as a thief has copied them.
    copied: Cookies,
    open: BTreeMap<u64, Open>,
    /// The number of the last request.
    number: u64,
    /// How often it signed in.
    sign_ins: u64,
    /// What it shows.
    page: Option<Answer>,
}

impl Browser {
    /// A browser of this user, behind that address, which asks these balancers in turn.
    #[must_use]
    pub fn new(balancers: &[NodeId], user: &str, address: Address, ops: &[Op]) -> Self {
        Self {
            balancers: balancers.iter().copied().collect(),
            address,
            user: User::new(user),
            ops: ops.iter().cloned().collect(),
            jar: Jar::default(),
            copied: Cookies::default(),
            open: BTreeMap::new(),
            number: 0,
            sign_ins: 0,
            page: None,
        }
    }

    /// Asks for the next thing that is still to be done.
    fn next(&mut self, cx: &mut Cx) {
        match self.ops.pop_front() {
            Some(Op::Both(both)) => {
                self.begin(both.0, false, cx);
                self.begin(both.1, false, cx);
            }
            Some(Op::Aside(op)) => {
                self.begin(*op, true, cx);
                self.next(cx);
            }
            Some(Op::Wait) => cx.set_timer(Timer::Next, wait::NEXT),
            Some(op) => self.begin(op, false, cx),
            None => {}
        }
    }

    fn begin(&mut self, op: Op, is_aside: bool, cx: &mut Cx) {
        let action = match &op {
            Op::SignIn => {
                self.sign_ins += 1;
                let fresh = SessionId(u128::from(cx.me().0 * 100 + self.sign_ins));
                Action::SignIn { user: self.user.clone(), fresh }
            }
            Op::Add(item) => Action::Add(item.clone()),
            Op::SignOut => Action::SignOut,
            Op::Copy => {
                self.copied = Cookies { affinity: None, ..self.jar.send(cx.now()) };
                Action::Look
            }
            Op::Look | Op::Replay | Op::Both(_) | Op::Aside(_) | Op::Wait => Action::Look,
        };
        self.number += 1;
        let balancer = self.balancers[0];
        self.balancers.rotate_left(1);
        self.open.insert(self.number, Open { op, action, balancer, is_aside });
        self.ask(self.number, cx);
        cx.set_timer(Timer::Retry, wait::RETRY);
    }

    fn ask(&mut self, number: u64, cx: &mut Cx) {
        let own = self.jar.send(cx.now());
        let Open { op, action, balancer, .. } = &self.open[&number];
        let (cookies, address) =
            if op.is_theft() { (self.copied.clone(), ELSEWHERE) } else { (own, self.address) };
        let action = action.clone();
        cx.send(*balancer, Msg::Request { number, address, cookies, action });
    }

    /// Nothing came back for long: all of it once more.
    fn ask_again(&mut self, cx: &mut Cx) {
        let open: Vec<u64> = self.open.keys().copied().collect();
        open.into_iter().for_each(|number| self.ask(number, cx));
        cx.set_timer(Timer::Retry, wait::RETRY);
    }

    fn on_response(&mut self, number: u64, answer: Answer, set: &[SetCookie], cx: &mut Cx) {
        // The timer tries again.
        if answer == Answer::Unavailable {
            return;
        }
        let Some(Open { op, is_aside, .. }) = self.open.remove(&number) else { return };
        if !op.is_theft() {
            set.iter().for_each(|cookie| self.jar.keep(cookie, cx.now()));
        }
        if answer == Answer::SignInPage && matches!(op, Op::Look | Op::Add(_)) {
            self.ops.push_front(op);
            self.ops.push_front(Op::SignIn);
        }
        self.page = Some(answer);
        if self.open.is_empty() {
            cx.cancel_timer(Timer::Retry);
        }
        if !is_aside && self.open.values().all(|other| other.is_aside) {
            self.next(cx);
        }
    }
}

impl Node for Browser {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } | Input::Timeout(Timer::Next) => self.next(cx),
            Input::Timeout(_) => self.ask_again(cx),
            Input::Message { msg: Msg::Response { number, answer, set }, .. } => {
                self.on_response(number, answer, &set, cx);
            }
            Input::Message { msg, .. } => shop::ignore(&msg),
            Input::Replay(record) => shop::foreign_record(&record),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let page = self.page.as_ref().map_or("waits".into(), ToString::to_string);
        let is_done = self.ops.is_empty() && self.open.is_empty();
        Summary { line: format!("{page}{}", self.jar), is_done }
    }
}

//! The workload: clients that want orders done once, and readers.
//!
//! They are nodes like all others and take part in every model: the client who was told "done" is a
//! witness, and some commit bugs can only be seen by asking it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lab::{Node, NodeId};

use crate::shop::{Cx, Input, Shop, Summary};
use crate::types::{Balances, COORD, Key, Msg, Note, Order, Outcome, Timer, wait};

/// Sends one order after the other, each until it is answered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Client {
    /// What is still to be done; the first is being asked for.
    pub orders: VecDeque<(Key, Order)>,
    /// The answers so far.
    pub answers: BTreeMap<Key, Outcome>,
    /// The coordinators it may ask: the first, and after each silence the next.
    pub endpoints: VecDeque<NodeId>,
}

impl Client {
    /// A client with these orders, which asks there.
    #[must_use]
    pub fn new(orders: impl IntoIterator<Item = (Key, Order)>, endpoints: &[NodeId]) -> Self {
        Self {
            orders: orders.into_iter().collect(),
            answers: BTreeMap::new(),
            endpoints: endpoints.iter().copied().collect(),
        }
    }

    fn ask(&self, cx: &mut Cx) {
        if let Some((key, order)) = self.orders.front() {
            cx.send(self.endpoints[0], Msg::Submit { key: key.clone(), order: order.clone() });
            cx.set_timer(Timer::Retry, wait::RETRY);
        }
    }

    fn on_answer(&mut self, key: Key, outcome: Outcome, cx: &mut Cx) {
        let waiting = self.orders.front().is_some_and(|(asked, _)| *asked == key);
        if !waiting || outcome == Outcome::Busy {
            return;
        }
        self.orders.pop_front();
        self.answers.insert(key, outcome);
        cx.cancel_timer(Timer::Retry);
        self.ask(cx);
    }
}

impl Node for Client {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } => self.ask(cx),
            Input::Timeout(_) => {
                self.endpoints.rotate_left(1);
                self.ask(cx);
            }
            Input::Message { msg: Msg::Answer { key, outcome }, .. } => {
                self.on_answer(key, outcome, cx);
            }
            Input::Message { .. } | Input::Replay(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let answers = self.answers.iter();
        let told: Vec<String> = answers.map(|(key, outcome)| format!("{key} {outcome}")).collect();
        let line = if told.is_empty() { "waits".into() } else { told.join("; ") };
        Summary { line, ..Summary::default() }
    }
}

/// How a reader asks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Question {
    /// Each participant for itself.
    Each(BTreeSet<NodeId>),
    /// The coordinator, for balances of one moment (step 4).
    Snapshot(Order),
}

/// Reads from every participant once, and notes what it saw.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reader {
    question: Question,
    seen: BTreeMap<NodeId, Balances>,
    done: bool,
}

impl Reader {
    /// Asks every participant for itself.
    #[must_use]
    pub fn of_each(participants: impl IntoIterator<Item = NodeId>) -> Self {
        let question = Question::Each(participants.into_iter().collect());
        Self { question, seen: BTreeMap::new(), done: false }
    }

    /// Asks the coordinator for balances of one moment.
    #[must_use]
    pub fn snapshot(order: Order) -> Self {
        Self { question: Question::Snapshot(order), seen: BTreeMap::new(), done: false }
    }

    /// Whether it has seen all, or was told that it cannot.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }

    fn ask(&self, cx: &mut Cx) {
        match &self.question {
            Question::Each(participants) => {
                participants.iter().for_each(|&id| cx.send(id, Msg::Read));
            }
            Question::Snapshot(order) => {
                cx.send(COORD, Msg::Submit { key: Key::new("read"), order: order.clone() });
            }
        }
        cx.set_timer(Timer::Retry, wait::RETRY);
    }

    fn on_have(&mut self, from: NodeId, balances: Balances, cx: &mut Cx) {
        self.seen.entry(from).or_insert(balances);
        let Question::Each(participants) = &self.question else { return };
        if participants.iter().all(|id| self.seen.contains_key(id)) {
            self.finish(self.seen.clone(), cx);
        }
    }

    fn on_answer(&mut self, outcome: Outcome, cx: &mut Cx) {
        match outcome {
            Outcome::Done(seen) => self.finish(seen, cx),
            Outcome::Busy => {}
            Outcome::Declined(_) | Outcome::KeyReused => {
                self.done = true;
                cx.cancel_timer(Timer::Retry);
            }
        }
    }

    fn finish(&mut self, seen: BTreeMap<NodeId, Balances>, cx: &mut Cx) {
        if !self.done {
            self.done = true;
            cx.cancel_timer(Timer::Retry);
            cx.note(Note::Saw(seen));
        }
    }
}

impl Node for Reader {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } | Input::Timeout(_) => self.ask(cx),
            Input::Message { from, msg: Msg::Have { balances } } => {
                self.on_have(from, balances, cx)
            }
            Input::Message { msg: Msg::Answer { outcome, .. }, .. } => self.on_answer(outcome, cx),
            Input::Message { .. } | Input::Replay(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let line = if self.done { "has read" } else { "reads" };
        Summary { line: line.into(), ..Summary::default() }
    }
}

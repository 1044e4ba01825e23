//! Step 1: call both, one after the other.
//!
//! `coord` asks `stock` to take the umbrella; when that is done it asks `pay` to take the money; when
//! that is done it tells the client. Every process does what it is told, and writes down what it did
//! before it says so. Nothing here is wrong, line by line.
//!
//! What breaks: `pay` refuses, and the umbrella is gone (half an order). A reply is lost, the
//! client asks again, and everything is done twice. `coord` dies in between, and no process knows
//! what was done.

use std::collections::BTreeSet;

use lab::{Node, NodeId};

use crate::accounts::Accounts;
use crate::shop::{self, ByTx, Cx, Input, Shop, Summary};
use crate::types::{Branch, Key, Msg, Order, Outcome, Record, Refusal, TxId};

/// An order that is being carried out, participant by participant.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Running {
    client: NodeId,
    key: Key,
    order: Order,
    done: BTreeSet<NodeId>,
}

/// Calls one participant after the other.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Coordinator {
    start: u64,
    count: u64,
    running: ByTx<Running>,
}

impl Coordinator {
    // ANCHOR: coordinator
    fn on_submit(&mut self, client: NodeId, key: Key, order: Order, cx: &mut Cx) {
        self.count += 1;
        let tx = TxId { start: self.start, count: self.count, attempt: 1 };
        let running = Running { client, key, order, done: BTreeSet::new() };
        self.running.insert(tx, running);
        self.call_next(tx, cx);
    }

    fn on_applied(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if let Some(running) = self.running.get_mut(&tx) {
            running.done.insert(from);
            self.call_next(tx, cx);
        }
    }

    fn call_next(&mut self, tx: TxId, cx: &mut Cx) {
        let Running { client, key, order, done } = &self.running[&tx];
        match order.0.iter().find(|(id, _)| !done.contains(id)) {
            Some((&id, branch)) => {
                cx.send(id, Msg::Apply { tx, key: key.clone(), branch: branch.clone() });
            }
            None => {
                cx.send(*client, Msg::Answer { key: key.clone(), outcome: Outcome::done() });
                self.running.remove(&tx);
            }
        }
    }
    // ANCHOR_END: coordinator

    fn on_refused(&mut self, tx: TxId, why: Refusal, cx: &mut Cx) {
        if let Some(Running { client, key, .. }) = self.running.remove(&tx) {
            cx.send(client, Msg::Answer { key, outcome: Outcome::Declined(why) });
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Submit { key, order } => self.on_submit(from, key, order, cx),
            Msg::Applied { tx } => self.on_applied(from, tx, cx),
            Msg::Refused { tx, why } => self.on_refused(tx, why, cx),
            other => shop::ignore(&other),
        }
    }
}

impl Node for Coordinator {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { start } => self.start = start,
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Replay(_) | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let running = self.running.keys().copied();
        Summary::coordinator(running.clone(), shop::list("runs", running))
    }
}

/// Does what it is told, and writes it down before it says so.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    accounts: Accounts,
}

impl Participant {
    /// A participant that opened with these accounts.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts }
    }

    // ANCHOR: participant
    fn on_apply(&mut self, from: NodeId, tx: TxId, key: Key, branch: Branch, cx: &mut Cx) {
        if let Err(why) = self.accounts.check(&branch) {
            cx.send(from, Msg::Refused { tx, why });
            return;
        }
        self.accounts.apply(&branch);
        cx.persist(Record::Applied { tx, key, branch });
        cx.send(from, Msg::Applied { tx });
    }
    // ANCHOR_END: participant

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Apply { tx, key, branch } => self.on_apply(from, tx, key, branch, cx),
            Msg::Read => cx.send(from, Msg::Have { balances: self.accounts.balances().clone() }),
            other => shop::ignore(&other),
        }
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(Record::Applied { branch, .. }) => self.accounts.apply(&branch),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Replay(_) | Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::participant(&self.accounts, [], [], String::new())
    }
}

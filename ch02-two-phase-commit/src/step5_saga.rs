//! Step 5: the other promise. Do it, and be ready to take it back.
//!
//! A *saga* (Garcia-Molina and Salem, 1987) commits every branch at once, one participant after the
//! other, and holds nothing. If a later participant refuses, the earlier branches are compensated:
//! a second change that makes up for the first. In the end an order is done or made up for; in
//! between every reader can see half of it.
//!
//! Three things have to hold for that. The coordinator writes down how far it is, in the same log
//! that releases its messages (an *outbox*), so a restart goes on where it was. A participant does
//! each branch once, however often it is told (*idempotency*). And what was taken back is never done
//! later by a message that was slow: the participant keeps a row for every attempt it undid, done or
//! not (a *barrier*).
//!
//! What breaks: nothing that it promises. It promises less: no isolation. And a compensation must be
//! possible: so what can always be taken back goes first, and what cannot goes last.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Node, NodeId};

use crate::accounts::Accounts;
use crate::shop::{self, ByTx, Cx, Input, Shop, Summary};
use crate::types::{Branch, Change, Key, Msg, Order, Outcome, Record, Refusal, Timer, TxId, wait};

/// A saga on its way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Saga {
    /// Unknown after a restart, until the client asks again.
    client: Option<NodeId>,
    key: Key,
    order: Order,
    /// Who has done its branch; once turned back, who has taken it back.
    answered: BTreeSet<NodeId>,
    /// Set once it goes backwards.
    turned_back: Option<Refusal>,
}

/// How a request ended, and what was asked for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Decided {
    order: Order,
    outcome: Outcome,
}

/// Drives sagas forwards, or back.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Coordinator {
    start: u64,
    count: u64,
    running: ByTx<Saga>,
    decided: BTreeMap<Key, Decided>,
}

impl Coordinator {
    fn on_submit(&mut self, client: NodeId, key: Key, order: Order, cx: &mut Cx) {
        if let Some(decided) = self.decided.get(&key) {
            let same = decided.order == order;
            let outcome = if same { decided.outcome.clone() } else { Outcome::KeyReused };
            cx.send(client, Msg::Answer { key, outcome });
            return;
        }
        if let Some(saga) = self.running.values_mut().find(|saga| saga.key == key) {
            saga.client = Some(client);
            return;
        }
        self.count += 1;
        let tx = TxId { start: self.start, count: self.count, attempt: 1 };
        cx.persist(Record::Begun { tx, key: key.clone(), order: order.clone() });
        self.begin(tx, key, order, Some(client));
        self.go_on(tx, cx);
    }

    /// Tells the next participant; when none is left, the saga has ended.
    fn go_on(&mut self, tx: TxId, cx: &mut Cx) {
        let saga = &self.running[&tx];
        let missing = saga.order.0.iter().find(|(id, _)| !saga.answered.contains(id));
        match (missing, &saga.turned_back) {
            (Some((&id, branch)), None) => {
                cx.send(id, Msg::Apply { tx, key: saga.key.clone(), branch: branch.clone() });
                cx.set_timer(Timer::Resend(tx), wait::RESEND);
            }
            (Some((&id, _)), Some(_)) => {
                cx.send(id, Msg::Undo { tx });
                cx.set_timer(Timer::Resend(tx), wait::RESEND);
            }
            (None, None) => self.decide(tx, Outcome::done(), cx),
            (None, Some(why)) => self.decide(tx, Outcome::Declined(why.clone()), cx),
        }
    }

    fn on_applied(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if let Some(saga) = self.running.get_mut(&tx)
            && saga.turned_back.is_none()
        {
            saga.answered.insert(from);
            self.go_on(tx, cx);
        }
    }

    fn on_refused(&mut self, tx: TxId, why: Refusal, cx: &mut Cx) {
        if let Some(saga) = self.running.get_mut(&tx)
            && saga.turned_back.is_none()
        {
            cx.persist(Record::TurnedBack { tx, why: why.clone() });
            saga.turn_back(why);
            self.go_on(tx, cx);
        }
    }

    fn on_undone(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if let Some(saga) = self.running.get_mut(&tx)
            && saga.turned_back.is_some()
        {
            saga.answered.insert(from);
            self.go_on(tx, cx);
        }
    }

    fn decide(&mut self, tx: TxId, outcome: Outcome, cx: &mut Cx) {
        let Saga { client, key, order, .. } = self.running.remove(&tx).expect("it was running");
        cx.cancel_timer(Timer::Resend(tx));
        let decided = Decided { order: order.clone(), outcome: outcome.clone() };
        self.decided.insert(key.clone(), decided);
        cx.persist(Record::Decided { tx, key: key.clone(), order, outcome: outcome.clone() });
        if let Some(client) = client {
            cx.send(client, Msg::Answer { key, outcome });
        }
    }

    fn begin(&mut self, tx: TxId, key: Key, order: Order, client: Option<NodeId>) {
        let answered = BTreeSet::new();
        self.running.insert(tx, Saga { client, key, order, answered, turned_back: None });
    }

    fn on_replay(&mut self, record: Record) {
        match record {
            Record::Begun { tx, key, order } => self.begin(tx, key, order, None),
            Record::TurnedBack { tx, why } => {
                self.running.get_mut(&tx).expect("begun before").turn_back(why);
            }
            Record::Decided { tx, key, order, outcome } => {
                self.running.remove(&tx);
                self.decided.insert(key, Decided { order, outcome });
            }
            other => shop::foreign_record(&other),
        }
    }

    fn on_boot(&mut self, start: u64, cx: &mut Cx) {
        self.start = start;
        let running: Vec<TxId> = self.running.keys().copied().collect();
        running.into_iter().for_each(|tx| self.go_on(tx, cx));
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Submit { key, order } => self.on_submit(from, key, order, cx),
            Msg::Applied { tx } => self.on_applied(from, tx, cx),
            Msg::Refused { tx, why } => self.on_refused(tx, why, cx),
            Msg::Undone { tx } => self.on_undone(from, tx, cx),
            other => shop::ignore(&other),
        }
    }

    fn on_timeout(&mut self, timer: &Timer, cx: &mut Cx) {
        let Timer::Resend(tx) = timer else { unreachable!("sagas only say things again") };
        self.go_on(*tx, cx);
    }
}

impl Saga {
    /// From now on every participant takes back: those that did their branch, and those that did
    /// not, so that they never will.
    fn turn_back(&mut self, why: Refusal) {
        self.answered.clear();
        self.turned_back = Some(why);
    }
}

impl Node for Coordinator {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record),
            Input::Boot { start } => self.on_boot(start, cx),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(timer) => self.on_timeout(&timer, cx),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let back = self.running.iter().filter(|(_, saga)| saga.turned_back.is_some());
        let on = self.running.iter().filter(|(_, saga)| saga.turned_back.is_none());
        let back = shop::list("takes back", back.map(|(tx, _)| tx));
        let line = shop::join([shop::list("runs", on.map(|(tx, _)| tx)), back]);
        Summary::coordinator(self.running.keys().copied(), line)
    }
}

/// Does each branch once, and takes back once what it is told to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    accounts: Accounts,
    /// The barrier: for each attempt what was done, or nothing if it is taken back for good.
    rows: BTreeMap<TxId, Option<Branch>>,
}

impl Participant {
    /// A participant that opened with these accounts.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts, rows: BTreeMap::new() }
    }

    // ANCHOR: participant
    fn on_apply(&mut self, from: NodeId, tx: TxId, key: Key, branch: Branch, cx: &mut Cx) {
        match self.rows.get(&tx) {
            Some(Some(_)) => cx.send(from, Msg::Applied { tx }),
            Some(None) => {}
            None => match self.accounts.check(&branch) {
                Err(why) => cx.send(from, Msg::Refused { tx, why }),
                Ok(()) => {
                    self.apply(tx, branch.clone());
                    cx.persist(Record::Applied { tx, key, branch });
                    cx.send(from, Msg::Applied { tx });
                }
            },
        }
    }

    fn on_undo(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if let Some(Some(branch)) = self.rows.get(&tx)
            && self.accounts.check(&inverse(branch)).is_err()
        {
            // Another order has spent it. No answer: the coordinator asks again, and it may be
            // back.
            return;
        }
        if self.rows.get(&tx) != Some(&None) {
            self.undo(tx);
            cx.persist(Record::Undone { tx });
        }
        cx.send(from, Msg::Undone { tx });
    }
    // ANCHOR_END: participant

    fn apply(&mut self, tx: TxId, branch: Branch) {
        self.accounts.apply(&branch);
        self.rows.insert(tx, Some(branch));
    }

    fn undo(&mut self, tx: TxId) {
        if let Some(Some(branch)) = self.rows.insert(tx, None) {
            self.accounts.apply(&inverse(&branch));
        }
    }

    fn on_replay(&mut self, record: Record) {
        match record {
            Record::Applied { tx, branch, .. } => self.apply(tx, branch),
            Record::Undone { tx } => self.undo(tx),
            other => shop::foreign_record(&other),
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Apply { tx, key, branch } => self.on_apply(from, tx, key, branch, cx),
            Msg::Undo { tx } => self.on_undo(from, tx, cx),
            Msg::Read => cx.send(from, Msg::Have { balances: self.accounts.balances().clone() }),
            other => shop::ignore(&other),
        }
    }
}

/// The change that makes up for a change.
fn inverse(branch: &Branch) -> Vec<Change> {
    let back = |change: &Change| Change { account: change.account.clone(), by: -change.by };
    branch.iter().map(back).collect()
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::participant(&self.accounts, [], [], String::new())
    }
}

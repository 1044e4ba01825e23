//! A coordinator whose log is elsewhere, and may belong to another coordinator by now.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Node, NodeId};

use super::STORE;
use super::store::Store;
use crate::deeper::Msg as Deeper;
use crate::shop::{self, ByTx, Cx, Input, Shop, Summary};
use crate::types::{COORD, Key, Msg, Order, Outcome, Record, Refusal, Timer, TxId, Vote, wait};

/// An order that waits for votes, or for the store.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Pending {
    client: NodeId,
    key: Key,
    order: Order,
    yes: BTreeSet<NodeId>,
    /// What the store is asked to write.
    writing: Option<Record>,
}

/// One that coordinates, or did.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Server {
    /// The epoch in which it takes over.
    epoch: u64,
    /// Whether the store has answered that the log is its.
    leads: bool,
    /// Another coordinator took over since then. It stays out until it is started again: an old
    /// *yours* that is still on its way must not bring it back with an old log.
    is_out: bool,
    count: u64,
    /// Orders that came before the store's answer.
    early: BTreeMap<Key, (NodeId, Order)>,
    decided: BTreeMap<Key, (Order, Outcome)>,
    open: ByTx<Pending>,
    committed: ByTx<BTreeSet<NodeId>>,
}

/// What a process of this program is: its own id says it, at its first input.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
enum Kind {
    #[default]
    Asleep,
    Server(Server),
    Store(Store),
}

/// `coord`, `coord-2` or `store`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Coordinator(Kind);

impl Server {
    fn send(&self, to: NodeId, msg: Msg, cx: &mut Cx) {
        let (epoch, msg) = (self.epoch, Box::new(msg));
        cx.send(to, Msg::Deeper(Deeper::Fenced { epoch, msg }));
    }

    fn take_over(&self, cx: &mut Cx) {
        cx.send(STORE, Msg::Deeper(Deeper::TakeOver { epoch: self.epoch }));
        cx.set_timer(Timer::Retry, wait::RETRY);
    }

    fn on_yours(&mut self, epoch: u64, log: Vec<Record>, cx: &mut Cx) {
        if epoch != self.epoch || self.leads || self.is_out {
            return;
        }
        self.leads = true;
        cx.cancel_timer(Timer::Retry);
        log.into_iter().for_each(|record| self.learn(record));
        self.committed.keys().for_each(|&tx| self.tell_commit(tx, cx));
        for (key, (client, order)) in std::mem::take(&mut self.early) {
            self.on_submit(client, key, order, cx);
        }
    }

    /// The store answers that another coordinator has taken over.
    fn on_fenced_off(&mut self, epoch: u64, cx: &mut Cx) {
        if epoch > self.epoch {
            self.leads = false;
            self.is_out = true;
            self.early.clear();
            cx.cancel_timer(Timer::Retry);
            for (tx, _) in std::mem::take(&mut self.open) {
                cx.cancel_timer(Timer::Votes(tx));
                cx.cancel_timer(Timer::Resend(tx));
            }
            for (tx, _) in std::mem::take(&mut self.committed) {
                cx.cancel_timer(Timer::Resend(tx));
            }
        }
    }

    fn learn(&mut self, record: Record) {
        match record {
            Record::Decided { tx, key, order, outcome } => {
                if outcome == Outcome::done() {
                    self.committed.insert(tx, order.participants().collect());
                }
                self.decided.insert(key, (order, outcome));
            }
            other => shop::foreign_record(&other),
        }
    }

    fn on_submit(&mut self, client: NodeId, key: Key, order: Order, cx: &mut Cx) {
        if !self.leads {
            // It may be about to take over; if it is out, the coordinator that took over answers.
            if !self.is_out {
                self.early.insert(key, (client, order));
            }
            return;
        }
        if let Some((decided, outcome)) = self.decided.get(&key) {
            let outcome = if *decided == order { outcome.clone() } else { Outcome::KeyReused };
            cx.send(client, Msg::Answer { key, outcome });
            return;
        }
        if let Some(open) = self.open.values_mut().find(|open| open.key == key) {
            open.client = client;
            return;
        }
        self.count += 1;
        let tx = TxId { start: self.epoch, count: self.count, attempt: 1 };
        for (&id, branch) in order.0.iter() {
            self.send(id, Msg::Prepare { tx, key: key.clone(), branch: branch.clone() }, cx);
        }
        cx.set_timer(Timer::Votes(tx), wait::VOTES);
        self.open.insert(tx, Pending { client, key, order, yes: BTreeSet::new(), writing: None });
    }

    fn on_vote(&mut self, from: NodeId, tx: TxId, vote: Vote, cx: &mut Cx) {
        let Some(open) = self.open.get_mut(&tx).filter(|open| open.writing.is_none()) else {
            return;
        };
        match vote {
            Vote::No(why) => self.abort(tx, why, cx),
            Vote::Yes(_) => {
                open.yes.insert(from);
                if open.order.participants().all(|id| open.yes.contains(&id)) {
                    self.decide(tx, Outcome::done(), cx);
                }
            }
        }
    }

    fn abort(&mut self, tx: TxId, why: Refusal, cx: &mut Cx) {
        for id in self.open[&tx].order.participants() {
            self.send(id, Msg::Abort { tx }, cx);
        }
        self.decide(tx, Outcome::Declined(why), cx);
    }

    /// It is sent to no process before the store has it.
    fn decide(&mut self, tx: TxId, outcome: Outcome, cx: &mut Cx) {
        cx.cancel_timer(Timer::Votes(tx));
        let open = self.open.get_mut(&tx).expect("still open");
        let (key, order) = (open.key.clone(), open.order.clone());
        open.writing = Some(Record::Decided { tx, key, order, outcome });
        self.write(tx, cx);
    }

    fn write(&self, tx: TxId, cx: &mut Cx) {
        let record = self.open[&tx].writing.clone().expect("decided");
        let (epoch, record) = (self.epoch, Box::new(record));
        cx.send(STORE, Msg::Deeper(Deeper::Write { epoch, record }));
        cx.set_timer(Timer::Resend(tx), wait::RESEND);
    }

    fn on_written(&mut self, record: Record, cx: &mut Cx) {
        let Record::Decided { tx, key, outcome, .. } = record.clone() else { return };
        let Some(open) = self.open.remove(&tx) else { return };
        cx.cancel_timer(Timer::Resend(tx));
        self.learn(record);
        cx.send(open.client, Msg::Answer { key, outcome: outcome.clone() });
        if outcome == Outcome::done() {
            self.tell_commit(tx, cx);
        }
    }

    fn tell_commit(&self, tx: TxId, cx: &mut Cx) {
        self.committed[&tx].iter().for_each(|&id| self.send(id, Msg::Commit { tx }, cx));
        cx.set_timer(Timer::Resend(tx), wait::RESEND);
    }

    fn on_ack(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        let Some(missing) = self.committed.get_mut(&tx) else { return };
        missing.remove(&from);
        if missing.is_empty() {
            self.committed.remove(&tx);
            cx.cancel_timer(Timer::Resend(tx));
        }
    }

    fn on_inquire(&self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if self.committed.contains_key(&tx) {
            self.send(from, Msg::Commit { tx }, cx);
        } else if self.leads && !self.open.contains_key(&tx) {
            self.send(from, Msg::Abort { tx }, cx);
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Submit { key, order } => self.on_submit(from, key, order, cx),
            Msg::Vote { tx, vote } => self.on_vote(from, tx, vote, cx),
            Msg::Ack { tx } => self.on_ack(from, tx, cx),
            Msg::Inquire { tx } => self.on_inquire(from, tx, cx),
            Msg::Deeper(Deeper::Yours { epoch, log }) => self.on_yours(epoch, log, cx),
            Msg::Deeper(Deeper::TakeOver { epoch }) => self.on_fenced_off(epoch, cx),
            Msg::Deeper(Deeper::Written { record, .. }) => self.on_written(*record, cx),
            other => shop::ignore(&other),
        }
    }

    /// Each start of each of the two has an epoch that no other has: odd ones are `coord`'s.
    fn on_boot(&mut self, start: u64, cx: &mut Cx) {
        if cx.me() == COORD {
            self.epoch = 2 * start - 1;
            self.take_over(cx);
        } else {
            // It waits, and takes over when it thinks that `coord` is gone. It may be wrong.
            self.epoch = 2 * start;
            cx.set_timer(Timer::Retry, wait::RETRY);
        }
    }

    fn summary(&self) -> Summary {
        let open = self.open.keys().copied();
        if !self.leads {
            return Summary::coordinator(open, "does not lead".into());
        }
        let voting = shop::list("voting on", self.open.keys());
        let committed = shop::list("committed", self.committed.keys());
        let line = shop::join([format!("leads, epoch {}", self.epoch), voting, committed]);
        Summary::coordinator(open, line)
    }

    fn on_timeout(&mut self, timer: Timer, cx: &mut Cx) {
        match timer {
            Timer::Retry => self.take_over(cx),
            Timer::Votes(tx) => self.abort(tx, Refusal::NoVote, cx),
            Timer::Resend(tx) if self.open.contains_key(&tx) => self.write(tx, cx),
            Timer::Resend(tx) => self.tell_commit(tx, cx),
            Timer::Ask(_) => unreachable!("only participants ask"),
        }
    }
}

impl Node for Coordinator {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        if self.0 == Kind::Asleep {
            let store = cx.me() == STORE;
            self.0 =
                if store { Kind::Store(Store::default()) } else { Kind::Server(Server::default()) };
        }
        match (&mut self.0, input) {
            (Kind::Store(store), Input::Replay(Record::Deeper(record))) => store.on_replay(record),
            (Kind::Store(store), Input::Message { from, msg: Msg::Deeper(msg) }) => match msg {
                Deeper::TakeOver { epoch } => store.on_take_over(from, epoch, cx),
                Deeper::Write { epoch, record } => store.on_write(from, epoch, record, cx),
                other => shop::ignore(&Msg::Deeper(other)),
            },
            (Kind::Server(server), Input::Boot { start }) => server.on_boot(start, cx),
            (Kind::Server(server), Input::Message { from, msg }) => {
                server.on_message(from, msg, cx);
            }
            (Kind::Server(server), Input::Timeout(timer)) => server.on_timeout(timer, cx),
            _ => {}
        }
    }

    fn summary(&self) -> Summary {
        match &self.0 {
            Kind::Asleep => Summary::default(),
            Kind::Store(store) => Summary::coordinator([], store.line()),
            Kind::Server(server) => server.summary(),
        }
    }
}

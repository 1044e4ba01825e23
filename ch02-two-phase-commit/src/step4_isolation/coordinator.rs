//! The coordinator: collects votes, decides, and gives a younger attempt up for an older one.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Node, NodeId};

use crate::shop::{self, ByTx, Cx, Input, Shop, Summary};
use crate::types::{Balances, Key, Msg, Order, Outcome, Record, Refusal, Timer, TxId, Vote, wait};

/// So many orders may be open at a time; more are refused, and may be sent again later.
pub const MOST_OPEN: usize = 1_024;

/// An order that waits for votes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Voting {
    client: NodeId,
    key: Key,
    order: Order,
    yes: BTreeMap<NodeId, Balances>,
    /// Participants that asked about it since they were last waited for: they are up, and wait for
    /// locks.
    asked: BTreeSet<NodeId>,
    /// It was given up for this older one, and is prepared again when that has ended.
    after: Option<TxId>,
}

impl Voting {
    fn new(client: NodeId, key: Key, order: Order) -> Self {
        let (yes, asked) = (BTreeMap::new(), BTreeSet::new());
        Self { client, key, order, yes, asked, after: None }
    }

    /// Not decided yet. If its vote was lost, it votes again. If it waits for a lock, that is no
    /// silence: while each participant that has not voted asks, the coordinator goes on waiting. Not for
    /// a read: what it saw was in the vote, and a participant that was restarted since has it no more.
    fn on_inquire(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if self.yes.contains_key(&from) || self.after.is_some() || self.order.is_read() {
            return;
        }
        let branch = self.order.0[&from].clone();
        cx.send_ahead(from, Msg::Prepare { tx, key: self.key.clone(), branch });
        self.asked.insert(from);
        let is_up = |id| self.yes.contains_key(&id) || self.asked.contains(&id);
        if self.order.participants().all(is_up) {
            self.asked.clear();
            cx.set_timer(Timer::Votes(tx), wait::VOTES);
        }
    }
}

/// How a request ended, and what was asked for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Decided {
    order: Order,
    outcome: Outcome,
}

/// Collects votes and decides. Its decisions are on disk before any other process is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Coordinator {
    start: u64,
    count: u64,
    /// How each request ended, for clients that ask again.
    decided: BTreeMap<Key, Decided>,
    voting: ByTx<Voting>,
    /// Committed, and these have not acknowledged.
    committed: ByTx<BTreeSet<NodeId>>,
}

impl Coordinator {
    fn on_submit(&mut self, client: NodeId, key: Key, order: Order, cx: &mut Cx) {
        if let Some(decided) = self.decided.get(&key) {
            let same = decided.order == order;
            let outcome = if same { decided.outcome.clone() } else { Outcome::KeyReused };
            cx.send(client, Msg::Answer { key, outcome });
            return;
        }
        if let Some(voting) = self.voting.values_mut().find(|voting| voting.key == key) {
            if voting.order == order {
                voting.client = client;
            } else {
                cx.send(client, Msg::Answer { key, outcome: Outcome::KeyReused });
            }
            return;
        }
        if self.voting.len() >= MOST_OPEN {
            cx.send(client, Msg::Answer { key, outcome: Outcome::Busy });
            return;
        }
        self.count += 1;
        let tx = TxId { start: self.start, count: self.count, attempt: 1 };
        self.prepare(tx, Voting::new(client, key, order), cx);
    }

    fn prepare(&mut self, tx: TxId, voting: Voting, cx: &mut Cx) {
        // A question promises nothing: it need not wait for what is sent about earlier orders.
        for (&id, branch) in voting.order.0.iter() {
            cx.send_ahead(id, Msg::Prepare { tx, key: voting.key.clone(), branch: branch.clone() });
        }
        cx.set_timer(Timer::Votes(tx), wait::VOTES);
        self.voting.insert(tx, voting);
    }

    fn on_vote(&mut self, from: NodeId, tx: TxId, vote: Vote, cx: &mut Cx) {
        let Some(voting) = self.voting.get_mut(&tx) else { return };
        match vote {
            Vote::No(why) => self.abort(tx, why, cx),
            Vote::Yes(seen) => {
                voting.yes.insert(from, seen);
                if voting.order.participants().all(|id| voting.yes.contains_key(&id)) {
                    if voting.order.is_read() { self.seen(tx, cx) } else { self.commit(tx, cx) }
                }
            }
        }
    }

    // ANCHOR: seen
    /// All participants have it locked, so this is one moment. Nothing was changed: there is
    /// nothing to commit, and no record means *abort*, which releases the locks.
    fn seen(&mut self, tx: TxId, cx: &mut Cx) {
        let Voting { client, key, order, yes, .. } =
            self.voting.remove(&tx).expect("all votes are in");
        cx.cancel_timer(Timer::Votes(tx));
        cx.send(client, Msg::Answer { key, outcome: Outcome::Done(yes) });
        order.participants().for_each(|id| cx.send(id, Msg::Abort { tx }));
        self.resume(tx, cx);
    }
    // ANCHOR_END: seen

    // ANCHOR: on_wound
    /// An older transaction waits for what this one holds somewhere. Not decided yet: give it up.
    /// It keeps its age, and begins again when the older one has ended.
    fn on_wound(&mut self, from: NodeId, tx: TxId, by: TxId, cx: &mut Cx) {
        let Some(Voting { client, key, order, .. }) = self.voting.remove(&tx) else {
            return self.on_inquire(from, tx, cx);
        };
        cx.cancel_timer(Timer::Votes(tx));
        order.participants().for_each(|id| cx.send(id, Msg::Abort { tx }));
        let again = Voting::new(client, key, order);
        if self.voting.keys().any(|open| open.same_order(by)) {
            self.voting.insert(tx.again(), Voting { after: Some(by), ..again });
        } else {
            self.prepare(tx.again(), again, cx);
        }
    }

    /// An order has ended: those that were given up for it begin again.
    fn resume(&mut self, ended: TxId, cx: &mut Cx) {
        let is_next = |voting: &Voting| voting.after.is_some_and(|by| by.same_order(ended));
        let next = self.voting.iter().filter(|(_, voting)| is_next(voting));
        for tx in next.map(|(tx, _)| *tx).collect::<Vec<_>>() {
            let voting = self.voting.remove(&tx).expect("just found");
            self.prepare(tx, Voting { after: None, ..voting }, cx);
        }
    }
    // ANCHOR_END: on_wound

    fn commit(&mut self, tx: TxId, cx: &mut Cx) {
        let voting = self.voting.remove(&tx).expect("all votes are in");
        cx.cancel_timer(Timer::Votes(tx));
        self.committed.insert(tx, voting.order.participants().collect());
        self.answer(tx, voting, Outcome::done(), cx);
        self.tell_commit(tx, cx);
        self.resume(tx, cx);
    }

    fn abort(&mut self, tx: TxId, why: Refusal, cx: &mut Cx) {
        let voting = self.voting.remove(&tx).expect("still voting");
        cx.cancel_timer(Timer::Votes(tx));
        voting.order.participants().for_each(|id| cx.send(id, Msg::Abort { tx }));
        self.answer(tx, voting, Outcome::Declined(why), cx);
        self.resume(tx, cx);
    }

    fn answer(&mut self, tx: TxId, voting: Voting, outcome: Outcome, cx: &mut Cx) {
        let Voting { client, key, order, .. } = voting;
        let decided = Decided { order: order.clone(), outcome: outcome.clone() };
        self.decided.insert(key.clone(), decided);
        cx.persist(Record::Decided { tx, key: key.clone(), order, outcome: outcome.clone() });
        cx.send(client, Msg::Answer { key, outcome });
    }

    fn tell_commit(&self, tx: TxId, cx: &mut Cx) {
        self.committed[&tx].iter().for_each(|&id| cx.send(id, Msg::Commit { tx }));
        cx.set_timer(Timer::Resend(tx), wait::RESEND);
    }

    fn on_ack(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        let Some(missing) = self.committed.get_mut(&tx) else { return };
        missing.remove(&from);
        if missing.is_empty() {
            self.committed.remove(&tx);
            cx.cancel_timer(Timer::Resend(tx));
            cx.persist(Record::Ended { tx });
        }
    }

    fn on_inquire(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if self.committed.contains_key(&tx) {
            cx.send(from, Msg::Commit { tx });
        } else if let Some(voting) = self.voting.get_mut(&tx) {
            voting.on_inquire(from, tx, cx);
        } else {
            cx.send(from, Msg::Abort { tx });
        }
    }

    fn on_replay(&mut self, record: Record) {
        match record {
            Record::Decided { tx, key, order, outcome } => {
                if outcome == Outcome::done() {
                    self.committed.insert(tx, order.participants().collect());
                }
                self.decided.insert(key, Decided { order, outcome });
            }
            Record::Ended { tx } => {
                self.committed.remove(&tx);
            }
            other => shop::foreign_record(&other),
        }
    }

    fn on_boot(&mut self, start: u64, cx: &mut Cx) {
        self.start = start;
        self.committed.keys().for_each(|&tx| self.tell_commit(tx, cx));
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Submit { key, order } => self.on_submit(from, key, order, cx),
            Msg::Vote { tx, vote } => self.on_vote(from, tx, vote, cx),
            Msg::Ack { tx } => self.on_ack(from, tx, cx),
            Msg::Inquire { tx } => self.on_inquire(from, tx, cx),
            Msg::Wound { tx, by } => self.on_wound(from, tx, by, cx),
            Msg::Status => cx.send(from, self.status()),
            other => shop::ignore(&other),
        }
    }

    fn status(&self) -> Msg {
        let open = self.voting.keys().chain(self.committed.keys());
        Msg::StatusIs { in_doubt: open.copied().collect(), locked: Vec::new() }
    }

    fn on_timeout(&mut self, timer: Timer, cx: &mut Cx) {
        match timer {
            Timer::Votes(tx) => self.abort(tx, Refusal::NoVote, cx),
            Timer::Resend(tx) => self.tell_commit(tx, cx),
            Timer::Ask(_) | Timer::Retry => {
                unreachable!("only participants ask, only clients retry")
            }
        }
    }
}

impl Node for Coordinator {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record),
            Input::Boot { start } => self.on_boot(start, cx),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(timer) => self.on_timeout(timer, cx),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let voting = shop::list("voting on", self.voting.keys());
        let committed = shop::list("committed", self.committed.keys());
        Summary::coordinator(self.voting.keys().copied(), shop::join([voting, committed]))
    }
}

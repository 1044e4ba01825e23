//! A coordinator whose decisions are rows of a store: it collects votes, and asks the store to decide.

use std::collections::{BTreeMap, BTreeSet};

use lab::NodeId;

use super::{COORD_2, STORE, owner};
use crate::deeper::Msg as Deeper;
use crate::shop::{self, ByTx, Cx, Summary};
use crate::step4_isolation::MOST_OPEN;
use crate::types::{
    Balances, COORD, Key, Msg, Order, Outcome, Record, Refusal, Timer, TxId, Vote, wait,
};

/// An order that waits for votes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Voting {
    client: NodeId,
    key: Key,
    order: Order,
    yes: BTreeMap<NodeId, Balances>,
    /// Participants that asked since they were last waited for: they are up, and wait for locks.
    asked: BTreeSet<NodeId>,
    /// It was given up for this older one, and is prepared again when that has ended.
    after: Option<TxId>,
}

/// An order whose end the store is asked to keep.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Deciding {
    client: NodeId,
    key: Key,
    order: Order,
    outcome: Outcome,
}

/// What participants ask about, and only the store knows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Doubt {
    key: Key,
    askers: BTreeSet<NodeId>,
}

/// The row of a key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Row {
    tx: TxId,
    order: Order,
    outcome: Outcome,
}

impl Row {
    /// Whether this attempt is the one that was committed.
    fn commits(&self, tx: TxId) -> bool {
        self.tx == tx && self.outcome == Outcome::done()
    }

    /// What a client is answered that wants this. A row that ends a doubt does not know its order.
    fn answer(&self, order: &Order) -> Outcome {
        let same = self.order == *order || self.order.0.is_empty();
        if same { self.outcome.clone() } else { Outcome::KeyReused }
    }
}

/// Collects votes. What it knows is also in the store, or binds no process.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Server {
    start: u64,
    count: u64,
    voting: ByTx<Voting>,
    deciding: ByTx<Deciding>,
    /// Committed, and these have not acknowledged.
    committed: ByTx<BTreeSet<NodeId>>,
    doubts: ByTx<Doubt>,
    /// Rows that it has seen.
    rows: BTreeMap<Key, Row>,
}

impl Server {
    /// Each start of each of the two has a number that no other has.
    pub(super) fn on_boot(&mut self, start: u64, cx: &mut Cx) {
        self.start = if cx.me() == COORD { 2 * start - 1 } else { 2 * start };
    }

    fn on_submit(&mut self, client: NodeId, key: Key, order: Order, cx: &mut Cx) {
        if let Some(row) = self.rows.get(&key) {
            cx.send(client, Msg::Answer { outcome: row.answer(&order), key });
            return;
        }
        let voting = self.voting.values_mut().map(|v| (&v.key, &v.order, &mut v.client));
        let deciding = self.deciding.values_mut().map(|d| (&d.key, &d.order, &mut d.client));
        if let Some((_, begun, waits)) = voting.chain(deciding).find(|(of, ..)| **of == key) {
            match *begun == order {
                true => *waits = client,
                false => cx.send(client, Msg::Answer { key, outcome: Outcome::KeyReused }),
            }
            return;
        }
        if self.voting.len() + self.deciding.len() >= MOST_OPEN {
            cx.send(client, Msg::Answer { key, outcome: Outcome::Busy });
            return;
        }
        self.count += 1;
        let tx = TxId { start: self.start, count: self.count, attempt: 1 };
        let (yes, asked) = (BTreeMap::new(), BTreeSet::new());
        self.prepare(tx, Voting { client, key, order, yes, asked, after: None }, cx);
    }

    fn prepare(&mut self, tx: TxId, voting: Voting, cx: &mut Cx) {
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
                    match voting.order.is_read() {
                        true => self.seen(tx, cx),
                        false => self.decide(tx, Outcome::done(), cx),
                    }
                }
            }
        }
    }

    /// A read is of one moment, and has nothing to decide.
    fn seen(&mut self, tx: TxId, cx: &mut Cx) {
        let Voting { client, key, order, yes, .. } =
            self.voting.remove(&tx).expect("all votes are in");
        cx.cancel_timer(Timer::Votes(tx));
        cx.send(client, Msg::Answer { key, outcome: Outcome::Done(yes) });
        order.participants().for_each(|id| cx.send(id, Msg::Abort { tx }));
        self.resume(tx, cx);
    }

    /// No other coordinator ever asks for its commit, so it may abort at once. The client waits for the
    /// row: another coordinator may have done the same request.
    fn abort(&mut self, tx: TxId, why: Refusal, cx: &mut Cx) {
        for id in self.voting[&tx].order.participants() {
            cx.send(id, Msg::Abort { tx });
        }
        self.decide(tx, Outcome::Declined(why), cx);
    }

    /// It is sent to no participant before the store has answered.
    fn decide(&mut self, tx: TxId, outcome: Outcome, cx: &mut Cx) {
        let Voting { client, key, order, .. } = self.voting.remove(&tx).expect("still voting");
        cx.cancel_timer(Timer::Votes(tx));
        self.deciding.insert(tx, Deciding { client, key, order, outcome });
        self.ask_store(tx, cx);
    }

    fn on_decision(&mut self, key: &Key, row: Row, cx: &mut Cx) {
        let own = self.deciding.iter().find(|(_, deciding)| deciding.key == *key);
        if let Some(tx) = own.map(|(tx, _)| *tx) {
            let Deciding { client, order, .. } = self.deciding.remove(&tx).expect("just found");
            cx.cancel_timer(Timer::Resend(tx));
            cx.send(client, Msg::Answer { key: key.clone(), outcome: row.answer(&order) });
            if row.commits(tx) {
                self.committed.insert(tx, order.participants().collect());
                self.tell_commit(tx, cx);
            } else {
                // Another row was first, or this one is off.
                order.participants().for_each(|id| cx.send(id, Msg::Abort { tx }));
            }
            self.resume(tx, cx);
        }
        self.doubts.retain(|tx, doubt| {
            if doubt.key == *key {
                cx.cancel_timer(Timer::Resend(*tx));
                doubt.askers.iter().for_each(|id| cx.send(*id, verdict(&row, *tx)));
            }
            doubt.key != *key
        });
        self.rows.insert(key.clone(), row);
    }

    // ANCHOR: ask_store
    /// For its own order how it should end; for what participants doubt, that it should not be done.
    fn ask_store(&self, tx: TxId, cx: &mut Cx) {
        let (key, order, outcome) = match (self.deciding.get(&tx), self.doubts.get(&tx)) {
            (Some(own), _) => (own.key.clone(), own.order.clone(), own.outcome.clone()),
            (None, Some(doubt)) => {
                (doubt.key.clone(), Order::new(&[]), Outcome::Declined(Refusal::NoVote))
            }
            (None, None) => return,
        };
        let record = Box::new(Record::Decided { tx, key, order, outcome });
        cx.send(STORE, Msg::Deeper(Deeper::Decide { record }));
        cx.set_timer(Timer::Resend(tx), wait::RESEND);
    }
    // ANCHOR_END: ask_store

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
        }
    }

    fn on_inquire(&mut self, from: NodeId, tx: TxId, key: Key, cx: &mut Cx) {
        if let Some(row) = self.rows.get(&key) {
            cx.send(from, verdict(row, tx));
        } else if let Some(voting) = self.voting.get_mut(&tx) {
            voting.on_inquire(from, tx, cx);
            Self::send_still_open(tx, cx);
        } else if self.deciding.contains_key(&tx) {
            Self::send_still_open(tx, cx);
        } else if tx.start == self.start {
            // Given up since this start, and nobody else asks for its commit.
            cx.send(from, Msg::Abort { tx });
        } else if let Some(doubt) = self.doubts.get_mut(&tx) {
            doubt.askers.insert(from);
        } else {
            self.doubts.insert(tx, Doubt { key, askers: BTreeSet::from([from]) });
            match owner(tx) == cx.me() {
                // Of an earlier start of this process: no coordinator is at it any more.
                true => self.ask_store(tx, cx),
                // The other coordinator may be at it, and then sends *still open*.
                false => cx.set_timer(Timer::Resend(tx), wait::VOTES),
            }
        }
    }

    /// The participant asks the other coordinator as well, which would not wait for ever.
    fn send_still_open(tx: TxId, cx: &mut Cx) {
        let other = if cx.me() == COORD { COORD_2 } else { COORD };
        cx.send(other, Msg::Deeper(Deeper::StillOpen { tx }));
    }

    /// As in step 4: not decided yet, so it is given up for the older one.
    fn on_wound(&mut self, tx: TxId, by: TxId, cx: &mut Cx) {
        let Some(voting) = self.voting.remove(&tx) else { return };
        cx.cancel_timer(Timer::Votes(tx));
        voting.order.participants().for_each(|id| cx.send(id, Msg::Abort { tx }));
        let (yes, asked) = (BTreeMap::new(), BTreeSet::new());
        let again = Voting { yes, asked, ..voting };
        if self.voting.keys().any(|open| open.same_order(by)) {
            self.voting.insert(tx.again(), Voting { after: Some(by), ..again });
        } else {
            self.prepare(tx.again(), again, cx);
        }
    }

    fn resume(&mut self, ended: TxId, cx: &mut Cx) {
        let is_next = |voting: &Voting| voting.after.is_some_and(|by| by.same_order(ended));
        let next = self.voting.iter().filter(|(_, voting)| is_next(voting));
        for tx in next.map(|(tx, _)| *tx).collect::<Vec<_>>() {
            let voting = self.voting.remove(&tx).expect("just found");
            self.prepare(tx, Voting { after: None, ..voting }, cx);
        }
    }

    pub(super) fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Submit { key, order } => self.on_submit(from, key, order, cx),
            Msg::Vote { tx, vote } => self.on_vote(from, tx, vote, cx),
            Msg::Ack { tx } => self.on_ack(from, tx, cx),
            Msg::Wound { tx, by } => self.on_wound(tx, by, cx),
            Msg::Deeper(Deeper::InquireAbout { tx, key }) => self.on_inquire(from, tx, key, cx),
            Msg::Deeper(Deeper::StillOpen { tx }) => {
                if self.doubts.contains_key(&tx) {
                    cx.set_timer(Timer::Resend(tx), wait::VOTES);
                }
            }
            Msg::Deeper(Deeper::Decision { record }) => match *record {
                Record::Decided { tx, key, order, outcome } => {
                    self.on_decision(&key, Row { tx, order, outcome }, cx);
                }
                other => shop::foreign_record(&other),
            },
            Msg::Status => {
                let in_doubt = self.open().collect();
                cx.send(from, Msg::StatusIs { in_doubt, locked: Vec::new() });
            }
            other => shop::ignore(&other),
        }
    }

    pub(super) fn on_timeout(&mut self, timer: Timer, cx: &mut Cx) {
        match timer {
            Timer::Votes(tx) => self.abort(tx, Refusal::NoVote, cx),
            Timer::Resend(tx) if self.committed.contains_key(&tx) => self.tell_commit(tx, cx),
            Timer::Resend(tx) => self.ask_store(tx, cx),
            Timer::Ask(_) | Timer::Retry => {
                unreachable!("only participants ask, only clients retry")
            }
        }
    }

    fn open(&self) -> impl Iterator<Item = TxId> + '_ {
        let mine = self.voting.keys().chain(self.deciding.keys());
        mine.chain(self.committed.keys()).chain(self.doubts.keys()).copied()
    }

    pub(super) fn summary(&self) -> Summary {
        let voting = shop::list("voting on", self.voting.keys());
        let deciding = shop::list("deciding", self.deciding.keys());
        let committed = shop::list("committed", self.committed.keys());
        let open = self.voting.keys().chain(self.deciding.keys()).copied();
        Summary::coordinator(open, shop::join([voting, deciding, committed]))
    }
}

impl Voting {
    /// As in step 4: a participant whose vote was lost votes again, and one that waits for a lock is
    /// waited for.
    fn on_inquire(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if self.yes.contains_key(&from) || self.after.is_some() || self.order.is_read() {
            return;
        }
        let Some(branch) = self.order.0.get(&from).cloned() else { return };
        cx.send_ahead(from, Msg::Prepare { tx, key: self.key.clone(), branch });
        self.asked.insert(from);
        let is_up = |id| self.yes.contains_key(&id) || self.asked.contains(&id);
        if self.order.participants().all(is_up) {
            self.asked.clear();
            cx.set_timer(Timer::Votes(tx), wait::VOTES);
        }
    }
}

/// What a participant gets that asks about an attempt, once the row of its key is known.
fn verdict(row: &Row, tx: TxId) -> Msg {
    if row.commits(tx) { Msg::Commit { tx } } else { Msg::Abort { tx } }
}

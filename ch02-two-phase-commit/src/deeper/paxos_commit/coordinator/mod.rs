//! A coordinator as its clients and participants see it: it begins orders and answers how they
//! ended. How the votes are kept and counted is in `ballots.rs`.

mod ballots;
mod reads;
mod recovery;

use std::collections::{BTreeMap, BTreeSet};

use lab::NodeId;

use self::ballots::{Leading, others};
use self::reads::ReadState;
use super::COORD_2;
use super::acceptor::Acceptor;
use crate::deeper::{Msg as Deeper, Peers, Phase};
use crate::shop::{self, ByTx, Cx, Summary};
use crate::step4_isolation::MOST_OPEN;
use crate::types::{COORD, Key, Msg, Order, Outcome, Record, Refusal, Timer, TxId, wait};

/// An order that this coordinator began and that is not decided.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Begun {
    /// Who waits for it; `None` after a restart, until it asks again.
    client: Option<NodeId>,
    key: Key,
    order: Order,
    /// For an order that only reads. It needs no decision.
    read: ReadState,
    /// This older transaction waits for what this one holds: once this one is off, and that one has
    /// ended, it begins again.
    after: Option<TxId>,
    /// Whether it is off, and waits for the older one to end.
    is_off: bool,
}

/// Keeps votes, and counts them. What a majority has written down is the decision.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Coordinator {
    start: u64,
    count: u64,
    decided: BTreeMap<Key, (Order, Outcome)>,
    begun: ByTx<Begun>,
    /// Committed, and these have not acknowledged.
    committed: ByTx<BTreeSet<NodeId>>,
    acceptors: ByTx<Acceptor>,
    leading: ByTx<Leading>,
    /// Those it was told of since this start. A participant in doubt about any other asks again.
    watched: BTreeSet<TxId>,
    /// How each attempt ended: `true` is commit.
    ended: ByTx<bool>,
}

impl Coordinator {
    fn on_submit(&mut self, client: NodeId, key: Key, order: Order, cx: &mut Cx) {
        if cx.me() != COORD {
            return;
        }
        if let Some((decided, outcome)) = self.decided.get(&key) {
            let outcome = if *decided == order { outcome.clone() } else { Outcome::KeyReused };
            cx.send(client, Msg::Answer { key, outcome });
            return;
        }
        if let Some(begun) = self.begun.values_mut().find(|begun| begun.key == key) {
            if begun.order == order {
                begun.client = Some(client);
            } else {
                cx.send(client, Msg::Answer { key, outcome: Outcome::KeyReused });
            }
            return;
        }
        if self.begun.len() >= MOST_OPEN {
            cx.send(client, Msg::Answer { key, outcome: Outcome::Busy });
            return;
        }
        self.count += 1;
        let tx = TxId { start: self.start, count: self.count, attempt: 1 };
        let (client, read) = (Some(client), ReadState::default());
        self.begin(tx, Begun { client, key, order, read, after: None, is_off: false }, cx);
    }

    /// The record keeps the key from ever standing for two attempts at once. The paper has no keys,
    /// and one fsync less.
    fn begin(&mut self, tx: TxId, begun: Begun, cx: &mut Cx) {
        let (key, order) = (&begun.key, &begun.order);
        if !order.is_read() {
            cx.persist(Record::Begun { tx, key: key.clone(), order: order.clone() });
        }
        let peers: Peers = order.participants().collect();
        for (&id, branch) in order.0.iter() {
            let (key, branch, peers) = (key.clone(), branch.clone(), peers.clone());
            cx.send(id, Msg::Deeper(Deeper::Prepare { tx, key, branch, peers }));
        }
        self.lead(tx, 0);
        cx.set_timer(Timer::Votes(tx), wait::VOTES);
        self.begun.insert(tx, begun);
    }

    fn end(&mut self, tx: TxId, commit: bool, why: Refusal, cx: &mut Cx) {
        let peers = self.peers(tx).expect("it was begun or led");
        self.leading.remove(&tx);
        cx.cancel_timer(Timer::Votes(tx));
        if self.ended.insert(tx, commit).is_some() {
            return;
        }
        let outcome = if commit { Outcome::done() } else { Outcome::Declined(why) };
        let begun = self.begun.remove(&tx);
        if let Some(begun) = begun.as_ref().filter(|begun| begun.after.is_none() || commit) {
            answer(begun.client, begun.key.clone(), outcome.clone(), cx);
        }
        if commit {
            self.committed.insert(tx, peers.iter().copied().collect());
            self.tell_commit(tx, cx);
        } else {
            peers.iter().for_each(|&id| cx.send(id, Msg::Abort { tx }));
        }
        tell_ended(tx, commit, cx);
        match begun {
            Some(begun) if begun.after.is_some() && !commit => {
                self.begin_again(tx.again(), begun, cx);
                return;
            }
            // No message waits for this record: the votes hold the same, and it only saves asking.
            Some(Begun { key, order, .. }) => {
                self.decided.insert(key.clone(), (order.clone(), outcome.clone()));
                cx.persist(Record::Decided { tx, key, order, outcome });
            }
            None => {}
        }
        self.resume(tx, cx);
    }

    /// Begins another attempt, unless the older transaction that it was given up for is still open.
    fn begin_again(&mut self, tx: TxId, begun: Begun, cx: &mut Cx) {
        let begun = Begun { read: ReadState::default(), ..begun };
        let waits_for = |open: &TxId| begun.after.is_some_and(|by| by.same_order(*open));
        if self.begun.keys().any(waits_for) {
            self.begun.insert(tx, Begun { is_off: true, ..begun });
        } else {
            self.begin(tx, Begun { after: None, is_off: false, ..begun }, cx);
        }
    }

    /// An order has ended: those that were given up for it begin again.
    fn resume(&mut self, ended: TxId, cx: &mut Cx) {
        let is_next =
            |begun: &Begun| begun.is_off && begun.after.is_some_and(|by| by.same_order(ended));
        let next = self.begun.iter().filter(|(_, begun)| is_next(begun));
        for tx in next.map(|(tx, _)| *tx).collect::<Vec<_>>() {
            let begun = self.begun.remove(&tx).expect("just found");
            self.begin(tx, Begun { after: None, is_off: false, ..begun }, cx);
        }
    }

    fn summary(&self) -> Summary {
        let in_doubt = self.begun.keys().chain(self.leading.keys()).copied();
        let begun = shop::list("voting on", self.begun.keys());
        let accepted = self.acceptors.iter().filter(|(_, a)| a.accepted().is_some());
        let accepted = shop::list("accepted", accepted.map(|(tx, _)| tx));
        let committed = shop::list("committed", self.committed.keys());
        Summary::coordinator(in_doubt, shop::join([begun, accepted, committed]))
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
}

fn answer(client: Option<NodeId>, key: Key, outcome: Outcome, cx: &mut Cx) {
    if let Some(client) = client {
        cx.send(client, Msg::Answer { key, outcome });
    }
}

/// A coordinator that received votes need not take over any more: the second, as long as the first
/// leads.
fn tell_ended(tx: TxId, commit: bool, cx: &mut Cx) {
    let phase = if commit { Phase::Committed } else { Phase::Aborted };
    let me = cx.me();
    for other in others(me).filter(|id| me != COORD || *id == COORD_2) {
        cx.send(other, Msg::Deeper(Deeper::StateReply { tx, phase }));
    }
}

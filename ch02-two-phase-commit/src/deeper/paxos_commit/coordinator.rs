//! A coordinator as its clients and participants see it: it begins orders and says how they ended.
//! How the votes are kept and counted is in `ballots.rs`.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Cx, Input, Node, NodeId};

use super::acceptor::Acceptor;
use super::ballots::{Leading, others};
use super::{COORD_2, COORD_3};
use crate::deeper::{Msg as Deeper, Peers, Phase, Record as Kept};
use crate::shop::{self, Open};
use crate::types::{
    Balances, COORD, Key, Msg, Note, Order, Outcome, Record, Refusal, Timer, TxId, Vote, wait,
};

/// An order that this coordinator began and that is not decided.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Begun {
    /// Who waits for it; `None` after a restart, until it asks again.
    client: Option<NodeId>,
    key: Key,
    pub(super) order: Order,
    /// For an order that only looks: what was seen. It needs no decision.
    seen: BTreeMap<NodeId, Balances>,
    /// An older transaction waits for what this one holds: once it is off, try again.
    again: bool,
}

/// Keeps votes, and counts them. What a majority has written down is the decision.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Coordinator {
    start: u64,
    count: u64,
    decided: BTreeMap<Key, (Order, Outcome)>,
    pub(super) begun: Open<Begun>,
    /// Committed, and these have not acknowledged.
    committed: Open<BTreeSet<NodeId>>,
    pub(super) acceptors: Open<Acceptor>,
    pub(super) leading: Open<Leading>,
    /// How each attempt ended: `true` is commit.
    pub(super) ended: Open<bool>,
}

impl Coordinator {
    fn on_submit(&mut self, client: NodeId, key: Key, order: Order, cx: &mut Cx<Self>) {
        if cx.me() != COORD {
            return;
        }
        if let Some((decided, outcome)) = self.decided.get(&key) {
            let outcome = if *decided == order { outcome.clone() } else { Outcome::KeyReused };
            cx.send(client, Msg::Answer { key, outcome });
            return;
        }
        if let Some(begun) = self.begun.values_mut().find(|begun| begun.key == key) {
            begun.client = Some(client);
            return;
        }
        self.count += 1;
        let tx = TxId { start: self.start, count: self.count, attempt: 1 };
        let (client, seen) = (Some(client), BTreeMap::new());
        self.begin(tx, Begun { client, key, order, seen, again: false }, cx);
    }

    // ANCHOR: begin
    /// The record keeps the key from ever standing for two attempts at once. The paper has no keys,
    /// and one forced write less.
    fn begin(&mut self, tx: TxId, begun: Begun, cx: &mut Cx<Self>) {
        let (key, order) = (&begun.key, &begun.order);
        if !order.is_look() {
            cx.persist(Record::Begun { tx, key: key.clone(), order: order.clone() });
        }
        let peers: Peers = order.participants().collect();
        for (&id, part) in order.0.iter() {
            let (key, part, peers) = (key.clone(), part.clone(), peers.clone());
            cx.send(id, Msg::Deeper(Deeper::Prepare { tx, key, part, peers }));
        }
        self.lead(tx, 0);
        cx.set_timer(Timer::Votes(tx), wait::VOTES);
        self.begun.insert(tx, begun);
    }
    // ANCHOR_END: begin

    /// A participant's own *no* needs no count: it will never say yes to this attempt. And a look
    /// needs no decision.
    fn on_vote(&mut self, from: NodeId, tx: TxId, vote: Vote, cx: &mut Cx<Self>) {
        let Some(begun) = self.begun.get_mut(&tx) else { return };
        match vote {
            Vote::No(why) => self.end(tx, false, why, cx),
            Vote::Yes(seen) if begun.order.is_look() => {
                begun.seen.insert(from, seen);
                if begun.order.participants().all(|id| begun.seen.contains_key(&id)) {
                    let seen = std::mem::take(&mut begun.seen);
                    self.forget_look(tx, Outcome::Done(seen), cx);
                }
            }
            Vote::Yes(_) => {}
        }
    }

    fn forget_look(&mut self, tx: TxId, outcome: Outcome, cx: &mut Cx<Self>) {
        let begun = self.begun.remove(&tx).expect("it was begun");
        self.leading.remove(&tx);
        cx.cancel_timer(Timer::Votes(tx));
        answer(begun.client, begun.key, outcome, cx);
        begun.order.participants().for_each(|id| cx.send(id, Msg::Abort { tx }));
    }

    pub(super) fn end(&mut self, tx: TxId, commit: bool, why: Refusal, cx: &mut Cx<Self>) {
        let peers = self.peers(tx).expect("it was begun or led");
        self.leading.remove(&tx);
        cx.cancel_timer(Timer::Votes(tx));
        if self.ended.insert(tx, commit).is_some() {
            return;
        }
        let outcome = if commit { Outcome::done() } else { Outcome::Declined(why) };
        let begun = self.begun.remove(&tx);
        if let Some(begun) = begun.as_ref().filter(|begun| !begun.again || commit) {
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
            Some(begun) if begun.again && !commit => {
                let next = TxId { attempt: tx.attempt + 1, ..tx };
                self.begin(next, Begun { again: false, ..begun }, cx);
            }
            // Nobody waits for this record: the votes say the same, and it only saves asking.
            Some(Begun { key, order, .. }) => {
                self.decided.insert(key.clone(), (order.clone(), outcome.clone()));
                cx.persist(Record::Decided { tx, key, order, outcome });
            }
            None => {}
        }
    }

    fn tell_commit(&self, tx: TxId, cx: &mut Cx<Self>) {
        self.committed[&tx].iter().for_each(|&id| cx.send(id, Msg::Commit { tx }));
        cx.set_timer(Timer::Resend(tx), wait::RESEND);
    }

    fn on_ack(&mut self, from: NodeId, tx: TxId, cx: &mut Cx<Self>) {
        let Some(missing) = self.committed.get_mut(&tx) else { return };
        missing.remove(&from);
        if missing.is_empty() {
            self.committed.remove(&tx);
            cx.cancel_timer(Timer::Resend(tx));
            cx.persist(Record::Ended { tx });
        }
    }

    fn on_so_far(&mut self, tx: TxId, phase: Phase, cx: &mut Cx<Self>) {
        if !self.begun.contains_key(&tx) {
            self.leading.remove(&tx);
            self.ended.insert(tx, phase == Phase::Committed);
            cx.cancel_timer(Timer::Votes(tx));
        }
    }

    fn on_inquire(&mut self, from: NodeId, tx: TxId, cx: &mut Cx<Self>) {
        match self.ended.get(&tx) {
            Some(true) => cx.send(from, Msg::Commit { tx }),
            Some(false) => cx.send(from, Msg::Abort { tx }),
            None if self.peers(tx).is_none() && tx.start < self.start => {
                // A look from before a restart: nobody will ever decide it.
                cx.send(from, Msg::Abort { tx });
            }
            None => {}
        }
    }

    fn on_wound(&mut self, tx: TxId, cx: &mut Cx<Self>) {
        let Some(begun) = self.begun.get_mut(&tx).filter(|begun| !begun.again) else { return };
        begun.again = true;
        if begun.order.is_look() {
            let begun = self.begun.remove(&tx).expect("just found");
            self.leading.remove(&tx);
            cx.cancel_timer(Timer::Votes(tx));
            let next = TxId { attempt: tx.attempt + 1, ..tx };
            return self.begin(next, Begun { again: false, seen: BTreeMap::new(), ..begun }, cx);
        }
        self.take_over(tx, cx);
    }

    fn on_silence(&mut self, tx: TxId, cx: &mut Cx<Self>) {
        if self.begun.get(&tx).is_some_and(|begun| begun.order.is_look()) {
            return self.forget_look(tx, Outcome::Declined(Refusal::NoVote), cx);
        }
        if !self.ended.contains_key(&tx) {
            self.take_over(tx, cx);
        }
    }

    fn on_replay(&mut self, record: Record) {
        match record {
            Record::Begun { tx, key, order } => {
                let (client, seen) = (None, BTreeMap::new());
                self.begun.insert(tx, Begun { client, key, order, seen, again: false });
            }
            Record::Decided { tx, key, order, outcome } => {
                let commit = outcome == Outcome::done();
                if commit {
                    self.committed.insert(tx, order.participants().collect());
                }
                self.begun.remove(&tx);
                self.ended.insert(tx, commit);
                self.decided.insert(key, (order, outcome));
            }
            Record::Ended { tx } => {
                self.committed.remove(&tx);
                self.ended.insert(tx, true);
            }
            Record::Deeper(Kept::Promised { tx, peers, ballot }) => {
                self.remembered(tx, peers).promise(ballot);
            }
            Record::Deeper(Kept::Accepted { tx, peers, ballot, votes }) => {
                self.remembered(tx, peers).accept(ballot, votes);
            }
            other => shop::not_my_record(&other),
        }
    }

    fn remembered(&mut self, tx: TxId, peers: Peers) -> &mut Acceptor {
        self.acceptors.entry(tx).or_insert_with(|| Acceptor::new(peers))
    }

    fn on_boot(&mut self, start: u64, cx: &mut Cx<Self>) {
        self.start = start;
        self.committed.keys().for_each(|&tx| self.tell_commit(tx, cx));
        let open = self.begun.keys().chain(self.acceptors.keys());
        for &tx in open.filter(|tx| !self.ended.contains_key(tx)) {
            cx.set_timer(Timer::Votes(tx), wait::VOTES);
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx<Self>) {
        match msg {
            Msg::Submit { key, order } => self.on_submit(from, key, order, cx),
            Msg::Vote { tx, vote } => self.on_vote(from, tx, vote, cx),
            Msg::Ack { tx } => self.on_ack(from, tx, cx),
            Msg::Inquire { tx } => self.on_inquire(from, tx, cx),
            Msg::Wound { tx } => self.on_wound(tx, cx),
            Msg::Status => cx.send(from, self.status()),
            Msg::Deeper(msg) => self.on_deeper(from, msg, cx),
            other => shop::not_for_me(&other),
        }
    }

    fn on_deeper(&mut self, from: NodeId, msg: Deeper, cx: &mut Cx<Self>) {
        match msg {
            Deeper::Propose { tx, peers, ballot, votes } => {
                self.on_propose(from, (tx, peers), ballot, votes, cx);
            }
            Deeper::Accepted { tx, ballot, votes } => {
                self.on_accepted(from, tx, ballot, &votes, cx)
            }
            Deeper::Lead { tx, peers, ballot } => self.on_lead(from, tx, &peers, ballot, cx),
            Deeper::Promise { tx, ballot, accepted } => {
                self.on_promise(from, tx, ballot, accepted, cx);
            }
            Deeper::SoFar { tx, phase } => self.on_so_far(tx, phase, cx),
            other => shop::not_for_me(&Msg::Deeper(other)),
        }
    }

    fn status(&self) -> Msg {
        let open = self.begun.keys().chain(self.committed.keys());
        Msg::StatusIs { in_doubt: open.copied().collect(), locked: Vec::new() }
    }

    fn on_timeout(&mut self, timer: Timer, cx: &mut Cx<Self>) {
        match timer {
            Timer::Votes(tx) => self.on_silence(tx, cx),
            Timer::Resend(tx) => self.tell_commit(tx, cx),
            Timer::Ask(_) | Timer::Retry => {
                unreachable!("only participants ask, only clients retry")
            }
        }
    }
}

fn answer(client: Option<NodeId>, key: Key, outcome: Outcome, cx: &mut Cx<Coordinator>) {
    if let Some(client) = client {
        cx.send(client, Msg::Answer { key, outcome });
    }
}

/// Whoever has heard votes need not take over any more: the second, as long as the first leads.
fn tell_ended(tx: TxId, commit: bool, cx: &mut Cx<Coordinator>) {
    let phase = if commit { Phase::Committed } else { Phase::Aborted };
    let me = cx.me();
    for other in others(me).filter(|id| me != COORD || *id == COORD_2) {
        cx.send(other, Msg::Deeper(Deeper::SoFar { tx, phase }));
    }
}

impl Node for Coordinator {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        match input {
            Input::Replay(record) => self.on_replay(record),
            Input::Boot { start } => self.on_boot(start, cx),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(timer) => self.on_timeout(timer, cx),
            Input::Gone(_) => {}
        }
    }
}

impl shop::Coordinator for Coordinator {
    const BESIDE: &'static [(NodeId, &'static str)] = &[(COORD_2, "coord-2"), (COORD_3, "coord-3")];

    fn new() -> Self {
        Self {
            start: 0,
            count: 0,
            decided: BTreeMap::new(),
            begun: Open::new(),
            committed: Open::new(),
            acceptors: Open::new(),
            leading: Open::new(),
            ended: Open::new(),
        }
    }
}

impl shop::Part for Coordinator {
    fn in_doubt(&self) -> Vec<TxId> {
        self.begun.keys().chain(self.leading.keys()).copied().collect()
    }

    fn line(&self) -> String {
        let begun = shop::list("voting on", self.begun.keys());
        let accepted = self.acceptors.iter().filter(|(_, a)| a.accepted().is_some());
        let accepted = shop::list("accepted", accepted.map(|(tx, _)| tx));
        shop::join([begun, accepted, shop::list("committed", self.committed.keys())])
    }
}

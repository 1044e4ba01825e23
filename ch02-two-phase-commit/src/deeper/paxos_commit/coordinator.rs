//! A coordinator: acceptor for all votes, and leader where it began the order or takes over.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Cx, Input, Node, NodeId};

use super::acceptor::Acceptor;
use super::{ALL, COORD_2, COORD_3, MAJORITY};
use crate::deeper::{Ballot, Msg as Deeper, Peers, Phase, Record as Kept, Votes};
use crate::shop::{self, Open};
use crate::types::{
    Balances, COORD, Key, Msg, Note, Order, Outcome, Record, Refusal, Timer, TxId, Vote, wait,
};

/// An order that this coordinator began and that is not decided.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Begun {
    /// Who waits for it; `None` after a restart, until it asks again.
    client: Option<NodeId>,
    key: Key,
    order: Order,
    /// For an order that only looks: what was seen. It needs no decision.
    seen: BTreeMap<NodeId, Balances>,
    /// An older transaction waits for what this one holds: once it is off, try again.
    again: bool,
}

/// One ballot that this coordinator leads.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Leading {
    ballot: Ballot,
    promises: BTreeMap<NodeId, Option<(Ballot, Votes)>>,
    accepted: BTreeSet<NodeId>,
}

/// Keeps votes, and counts them. What a majority has written down is the decision.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Coordinator {
    start: u64,
    count: u64,
    decided: BTreeMap<Key, (Order, Outcome)>,
    begun: Open<Begun>,
    /// Committed, and these have not acknowledged.
    committed: Open<BTreeSet<NodeId>>,
    acceptors: Open<Acceptor>,
    leading: Open<Leading>,
    /// How each attempt ended: `true` is commit.
    ended: Open<bool>,
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

    fn lead(&mut self, tx: TxId, ballot: Ballot) {
        let (promises, accepted) = (BTreeMap::new(), BTreeSet::new());
        self.leading.insert(tx, Leading { ballot, promises, accepted });
    }

    fn acceptor(&mut self, tx: TxId, peers: &Peers, cx: &mut Cx<Self>) -> &mut Acceptor {
        if !self.acceptors.contains_key(&tx) {
            cx.set_timer(Timer::Votes(tx), wait::VOTES);
        }
        self.acceptors.entry(tx).or_insert_with(|| Acceptor::new(peers.clone()))
    }

    // ANCHOR: on_propose
    fn on_propose(
        &mut self,
        from: NodeId,
        (tx, peers): (TxId, Peers),
        ballot: Ballot,
        votes: Votes,
        cx: &mut Cx<Self>,
    ) {
        if ballot > 0 {
            return self.accept(from, tx, &peers, ballot, votes, cx);
        }
        if let Some(&commit) = self.ended.get(&tx) {
            cx.send(from, if commit { Msg::Commit { tx } } else { Msg::Abort { tx } });
            return;
        }
        if let Some(all) = self.acceptor(tx, &peers, cx).hear(votes) {
            self.accept(COORD, tx, &peers, 0, all, cx);
        }
    }

    /// Phase 2b: write the votes down, then tell the one that leads.
    fn accept(
        &mut self,
        leader: NodeId,
        tx: TxId,
        peers: &Peers,
        ballot: Ballot,
        votes: Votes,
        cx: &mut Cx<Self>,
    ) {
        let acceptor = self.acceptor(tx, peers, cx);
        let known = acceptor.accepted().is_some_and(|(old, _)| *old == ballot);
        if !acceptor.accept(ballot, votes.clone()) {
            return;
        }
        if !known {
            let (peers, votes) = (peers.clone(), votes.clone());
            cx.persist(Record::Deeper(Kept::Accepted { tx, peers, ballot, votes }));
        }
        if leader == cx.me() {
            self.on_accepted(leader, tx, ballot, &votes, cx);
        } else {
            cx.send(leader, Msg::Deeper(Deeper::Accepted { tx, ballot, votes }));
        }
    }

    fn on_accepted(
        &mut self,
        from: NodeId,
        tx: TxId,
        ballot: Ballot,
        votes: &Votes,
        cx: &mut Cx<Self>,
    ) {
        let Some(leading) = self.leading.get_mut(&tx) else { return };
        if leading.ballot == ballot && leading.accepted.insert(from) {
            let chosen = leading.accepted.len() >= MAJORITY;
            if chosen {
                let all_yes = votes.values().all(|yes| *yes);
                self.end(tx, all_yes, Refusal::NoVote, cx);
            }
        }
    }
    // ANCHOR_END: on_propose

    // ANCHOR: take_over
    /// Phase 1a: a newer ballot of its own. Nobody who promises it will take anything older.
    fn take_over(&mut self, tx: TxId, cx: &mut Cx<Self>) {
        let Some(peers) = self.peers(tx) else { return };
        let me = ALL.iter().position(|id| *id == cx.me()).expect("a coordinator") as Ballot;
        let newest = self.acceptors.get(&tx).map_or(0, Acceptor::promised);
        let ballot = (newest / 3 + 1) * 3 + me;
        self.lead(tx, ballot);
        for other in others(cx.me()) {
            cx.send(other, Msg::Deeper(Deeper::Lead { tx, peers: peers.clone(), ballot }));
        }
        self.on_lead(cx.me(), tx, &peers, ballot, cx);
        cx.set_timer(Timer::Votes(tx), wait::VOTES);
    }

    /// Phase 1b.
    fn on_lead(
        &mut self,
        from: NodeId,
        tx: TxId,
        peers: &Peers,
        ballot: Ballot,
        cx: &mut Cx<Self>,
    ) {
        let acceptor = self.acceptor(tx, peers, cx);
        if !acceptor.promise(ballot) {
            return;
        }
        let accepted = acceptor.accepted().cloned();
        cx.persist(Record::Deeper(Kept::Promised { tx, peers: peers.clone(), ballot }));
        if from == cx.me() {
            self.on_promise(from, tx, ballot, accepted, cx);
        } else {
            cx.send(from, Msg::Deeper(Deeper::Promise { tx, ballot, accepted }));
        }
    }

    /// Phase 2a: whatever a majority may have chosen already has to be chosen again. Each vote that
    /// none of them has can be anything now, so it is *no*.
    fn on_promise(
        &mut self,
        from: NodeId,
        tx: TxId,
        ballot: Ballot,
        accepted: Option<(Ballot, Votes)>,
        cx: &mut Cx<Self>,
    ) {
        let Some(leading) = self.leading.get_mut(&tx).filter(|l| l.ballot == ballot) else {
            return;
        };
        leading.promises.insert(from, accepted);
        if leading.promises.len() != MAJORITY {
            return;
        }
        let newest = leading.promises.values().flatten().max_by_key(|(ballot, _)| *ballot);
        let newest = newest.map(|(_, votes)| votes.clone()).unwrap_or_default();
        let peers = self.peers(tx).expect("it leads");
        let vote = |peer: &NodeId| (*peer, newest.get(peer).copied().unwrap_or(false));
        let votes: Votes = peers.iter().map(vote).collect();
        for other in others(cx.me()) {
            let (peers, votes) = (peers.clone(), votes.clone());
            cx.send(other, Msg::Deeper(Deeper::Propose { tx, peers, ballot, votes }));
        }
        self.accept(cx.me(), tx, &peers, ballot, votes, cx);
    }
    // ANCHOR_END: take_over

    fn peers(&self, tx: TxId) -> Option<Peers> {
        let begun = self.begun.get(&tx).map(|begun| begun.order.participants().collect());
        begun.or_else(|| self.acceptors.get(&tx).map(|acceptor| acceptor.peers.clone()))
    }

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

    fn end(&mut self, tx: TxId, commit: bool, why: Refusal, cx: &mut Cx<Self>) {
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

fn others(me: NodeId) -> impl Iterator<Item = NodeId> {
    ALL.into_iter().filter(move |id| *id != me)
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

//! The coordinator: collects votes, tells the participants that all voted yes, then decides.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Node, NodeId};

use crate::deeper::{Msg as Deeper, Peers, Phase};
use crate::shop::{self, ByTx, Cx, Input, Shop, Summary};
use crate::types::{Key, Msg, Order, Outcome, Record, Refusal, Timer, TxId, Vote, wait};

/// An order on its way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Voting {
    client: NodeId,
    key: Key,
    order: Order,
    yes: BTreeSet<NodeId>,
    /// Who has acknowledged *pre-commit*; `None` before it is sent.
    knows: Option<BTreeSet<NodeId>>,
}

/// Collects votes, tells the participants that all voted yes, then decides.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Coordinator {
    start: u64,
    count: u64,
    decided: BTreeMap<Key, (Order, Outcome)>,
    voting: ByTx<Voting>,
    /// Begun before a crash. The participants may have decided meanwhile: it asks them.
    begun: ByTx<(Key, Order)>,
    committed: ByTx<BTreeSet<NodeId>>,
}

impl Coordinator {
    fn on_submit(&mut self, client: NodeId, key: Key, order: Order, cx: &mut Cx) {
        if let Some((decided, outcome)) = self.decided.get(&key) {
            let outcome = if *decided == order { outcome.clone() } else { Outcome::KeyReused };
            cx.send(client, Msg::Answer { key, outcome });
            return;
        }
        if let Some(voting) = self.voting.values_mut().find(|voting| voting.key == key) {
            voting.client = client;
            return;
        }
        if self.begun.values().any(|(begun, _)| *begun == key) {
            return;
        }
        self.count += 1;
        let tx = TxId { start: self.start, count: self.count, attempt: 1 };
        cx.persist(Record::Begun { tx, key: key.clone(), order: order.clone() });
        let peers: Peers = order.participants().collect();
        for (&id, branch) in order.0.iter() {
            let (key, branch, peers) = (key.clone(), branch.clone(), peers.clone());
            cx.send(id, Msg::Deeper(Deeper::Prepare { tx, key, branch, peers }));
        }
        cx.set_timer(Timer::Votes(tx), wait::VOTES);
        self.voting.insert(tx, Voting { client, key, order, yes: BTreeSet::new(), knows: None });
    }

    fn on_vote(&mut self, from: NodeId, tx: TxId, vote: Vote, cx: &mut Cx) {
        let Some(voting) = self.voting.get_mut(&tx).filter(|v| v.knows.is_none()) else { return };
        match vote {
            Vote::No(why) => self.end(tx, Outcome::Declined(why), cx),
            Vote::Yes(_) => {
                voting.yes.insert(from);
                if voting.order.participants().all(|id| voting.yes.contains(&id)) {
                    self.pre_commit(tx, cx);
                }
            }
        }
    }

    // ANCHOR: pre_commit
    fn pre_commit(&mut self, tx: TxId, cx: &mut Cx) {
        let voting = self.voting.get_mut(&tx).expect("all votes are in");
        voting.knows = Some(BTreeSet::new());
        for id in voting.order.participants() {
            cx.send(id, Msg::Deeper(Deeper::PreCommit { tx }));
        }
        cx.set_timer(Timer::Votes(tx), wait::VOTES);
    }

    fn on_pre_ack(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        let Some(voting) = self.voting.get_mut(&tx) else { return };
        let Some(knows) = &mut voting.knows else { return };
        knows.insert(from);
        if voting.order.participants().all(|id| knows.contains(&id)) {
            self.end(tx, Outcome::done(), cx);
        }
    }
    // ANCHOR_END: pre_commit

    fn on_silence(&mut self, tx: TxId, cx: &mut Cx) {
        let Some(voting) = self.voting.get(&tx) else { return };
        // A participant that has not acknowledged is considered failed; the others all know.
        let outcome = match voting.knows {
            Some(_) => Outcome::done(),
            None => Outcome::Declined(Refusal::NoVote),
        };
        self.end(tx, outcome, cx);
    }

    fn end(&mut self, tx: TxId, outcome: Outcome, cx: &mut Cx) {
        let Voting { client, key, order, .. } = self.voting.remove(&tx).expect("still open");
        cx.cancel_timer(Timer::Votes(tx));
        self.decide(tx, key.clone(), order, outcome.clone(), cx);
        cx.send(client, Msg::Answer { key, outcome });
    }

    fn decide(&mut self, tx: TxId, key: Key, order: Order, outcome: Outcome, cx: &mut Cx) {
        self.decided.insert(key.clone(), (order.clone(), outcome.clone()));
        let participants: BTreeSet<NodeId> = order.participants().collect();
        cx.persist(Record::Decided { tx, key, order, outcome: outcome.clone() });
        if outcome == Outcome::done() {
            self.committed.insert(tx, participants);
            self.tell_commit(tx, cx);
        } else {
            participants.iter().for_each(|&id| cx.send(id, Msg::Abort { tx }));
        }
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

    fn on_inquire(&self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if self.committed.contains_key(&tx) {
            cx.send(from, Msg::Commit { tx });
        } else if !self.voting.contains_key(&tx) && !self.begun.contains_key(&tx) {
            cx.send(from, Msg::Abort { tx });
        }
    }

    fn ask(&self, tx: TxId, cx: &mut Cx) {
        for id in self.begun[&tx].1.participants() {
            cx.send(id, Msg::Deeper(Deeper::StateQuery { tx }));
        }
        cx.set_timer(Timer::Resend(tx), wait::RESEND);
    }

    fn on_state_reply(&mut self, tx: TxId, phase: Phase, cx: &mut Cx) {
        let outcome = match phase {
            Phase::Committed => Outcome::done(),
            Phase::Aborted => Outcome::Declined(Refusal::NoVote),
            Phase::Prepared | Phase::PreCommitted => return,
        };
        if let Some((key, order)) = self.begun.remove(&tx) {
            cx.cancel_timer(Timer::Resend(tx));
            self.decide(tx, key, order, outcome, cx);
        }
    }

    fn on_replay(&mut self, record: Record) {
        match record {
            Record::Begun { tx, key, order } => {
                self.begun.insert(tx, (key, order));
            }
            Record::Decided { tx, key, order, outcome } => {
                self.begun.remove(&tx);
                if outcome == Outcome::done() {
                    self.committed.insert(tx, order.participants().collect());
                }
                self.decided.insert(key, (order, outcome));
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
        self.begun.keys().for_each(|&tx| self.ask(tx, cx));
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Submit { key, order } => self.on_submit(from, key, order, cx),
            Msg::Vote { tx, vote } => self.on_vote(from, tx, vote, cx),
            Msg::Deeper(Deeper::PreAck { tx }) => self.on_pre_ack(from, tx, cx),
            Msg::Ack { tx } => self.on_ack(from, tx, cx),
            Msg::Inquire { tx } => self.on_inquire(from, tx, cx),
            Msg::Deeper(Deeper::StateReply { tx, phase }) => self.on_state_reply(tx, phase, cx),
            other => shop::ignore(&other),
        }
    }

    fn on_timeout(&mut self, timer: Timer, cx: &mut Cx) {
        match timer {
            Timer::Votes(tx) => self.on_silence(tx, cx),
            Timer::Resend(tx) if self.begun.contains_key(&tx) => self.ask(tx, cx),
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
        let in_doubt = self.voting.keys().chain(self.begun.keys()).copied();
        let voting = shop::list("voting on", self.voting.keys());
        let begun = shop::list("asks about", self.begun.keys());
        let committed = shop::list("committed", self.committed.keys());
        Summary::coordinator(in_doubt, shop::join([voting, begun, committed]))
    }
}

//! Step 3: write it down before you say it.
//!
//! A participant writes *prepared* before it votes yes, so a yes survives a restart. The
//! coordinator writes *decided* before it tells any other process, so a decision does. About an
//! attempt with no record the coordinator answers *abort*, and may: had it decided otherwise, there
//! would be a record. This is *presumed abort* (Mohan, Lindsay and Obermarck, 1986): aborts of
//! participants need no waiting on disks and no acknowledgement.
//!
//! What breaks: nothing is ever half done. But a participant that voted yes has to wait for the
//! coordinator, however long it is gone. And a reader that comes between the two commits sees an
//! umbrella sold and not paid for.
//!
//! Left out: forgetting. Answers and the ids of ended attempts grow with the number of orders.

use std::collections::{BTreeMap, BTreeSet};

use lab::{Node, NodeId};

use crate::accounts::Accounts;
use crate::shop::{self, ByTx, Cx, Input, Shop, Summary};
use crate::types::{
    Branch, COORD, Key, Msg, Note, Order, Outcome, Record, Refusal, Timer, TxId, Vote, wait,
};

/// An order that waits for votes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Voting {
    client: NodeId,
    key: Key,
    order: Order,
    yes: BTreeSet<NodeId>,
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
            voting.client = client;
            return;
        }
        self.count += 1;
        let tx = TxId { start: self.start, count: self.count, attempt: 1 };
        for (&id, branch) in order.0.iter() {
            cx.send(id, Msg::Prepare { tx, key: key.clone(), branch: branch.clone() });
        }
        cx.set_timer(Timer::Votes(tx), wait::VOTES);
        self.voting.insert(tx, Voting { client, key, order, yes: BTreeSet::new() });
    }

    fn on_vote(&mut self, from: NodeId, tx: TxId, vote: Vote, cx: &mut Cx) {
        let Some(voting) = self.voting.get_mut(&tx) else { return };
        match vote {
            Vote::No(why) => self.abort(tx, why, cx),
            Vote::Yes(_) => {
                voting.yes.insert(from);
                if voting.order.participants().all(|id| voting.yes.contains(&id)) {
                    self.commit(tx, cx);
                }
            }
        }
    }

    fn commit(&mut self, tx: TxId, cx: &mut Cx) {
        let voting = self.voting.remove(&tx).expect("all votes are in");
        cx.cancel_timer(Timer::Votes(tx));
        self.committed.insert(tx, voting.order.participants().collect());
        self.answer(tx, voting, Outcome::done(), cx);
        self.tell_commit(tx, cx);
    }

    fn abort(&mut self, tx: TxId, why: Refusal, cx: &mut Cx) {
        let voting = self.voting.remove(&tx).expect("still voting");
        cx.cancel_timer(Timer::Votes(tx));
        voting.order.participants().for_each(|id| cx.send(id, Msg::Abort { tx }));
        self.answer(tx, voting, Outcome::Declined(why), cx);
    }

    // ANCHOR: answer
    fn answer(&mut self, tx: TxId, voting: Voting, outcome: Outcome, cx: &mut Cx) {
        let Voting { client, key, order, .. } = voting;
        let decided = Decided { order: order.clone(), outcome: outcome.clone() };
        self.decided.insert(key.clone(), decided);
        cx.persist(Record::Decided { tx, key: key.clone(), order, outcome: outcome.clone() });
        cx.send(client, Msg::Answer { key, outcome });
    }
    // ANCHOR_END: answer

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
        } else if !self.voting.contains_key(&tx) {
            cx.send(from, Msg::Abort { tx });
        }
    }

    // ANCHOR: recover
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
    // ANCHOR_END: recover

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Submit { key, order } => self.on_submit(from, key, order, cx),
            Msg::Vote { tx, vote } => self.on_vote(from, tx, vote, cx),
            Msg::Ack { tx } => self.on_ack(from, tx, cx),
            Msg::Inquire { tx } => self.on_inquire(from, tx, cx),
            other => shop::ignore(&other),
        }
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

/// Votes, sets aside, and does as decided. Its promises are on disk before any other process is
/// told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    accounts: Accounts,
    prepared: ByTx<Branch>,
    /// What it ended, and whether by commit: it must not begin any of these again.
    ended: BTreeMap<TxId, bool>,
}

impl Participant {
    /// A participant that opened with these accounts.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts, prepared: ByTx::new(), ended: BTreeMap::new() }
    }

    // ANCHOR: on_prepare
    fn on_prepare(&mut self, from: NodeId, tx: TxId, key: Key, branch: Branch, cx: &mut Cx) {
        if self.ended.contains_key(&tx) {
            return;
        }
        if !self.prepared.contains_key(&tx) {
            if let Err(why) = self.accounts.check(&branch) {
                self.ended.insert(tx, false);
                cx.send(from, Msg::Vote { tx, vote: Vote::No(why) });
                return;
            }
            self.prepare(tx, branch.clone());
            cx.persist(Record::Prepared { tx, key, branch });
            cx.set_timer(Timer::Ask(tx), wait::ASK);
        }
        cx.send(from, Msg::Vote { tx, vote: Vote::Yes(BTreeMap::new()) });
    }
    // ANCHOR_END: on_prepare

    fn on_commit(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if self.prepared.contains_key(&tx) {
            cx.cancel_timer(Timer::Ask(tx));
            cx.persist(Record::Committed { tx });
            self.commit(tx);
        }
        if self.ended.get(&tx) == Some(&true) {
            cx.send(from, Msg::Ack { tx });
        }
    }

    fn on_abort(&mut self, tx: TxId, cx: &mut Cx) {
        if self.prepared.contains_key(&tx) {
            cx.cancel_timer(Timer::Ask(tx));
            cx.persist(Record::Aborted { tx });
            cx.note(Note::LetGo(tx));
            self.release(tx);
        }
    }

    fn prepare(&mut self, tx: TxId, branch: Branch) {
        self.accounts.set_aside(tx, &branch);
        self.prepared.insert(tx, branch);
    }

    fn commit(&mut self, tx: TxId) {
        let branch = self.prepared.remove(&tx).expect("only what is prepared commits");
        self.accounts.release(tx);
        self.accounts.apply(&branch);
        self.ended.insert(tx, true);
    }

    fn release(&mut self, tx: TxId) {
        self.prepared.remove(&tx);
        self.accounts.release(tx);
        self.ended.insert(tx, false);
    }

    fn on_replay(&mut self, record: Record) {
        match record {
            Record::Prepared { tx, branch, .. } => self.prepare(tx, branch),
            Record::Committed { tx } => self.commit(tx),
            Record::Aborted { tx } => self.release(tx),
            other => shop::foreign_record(&other),
        }
    }

    fn ask(tx: TxId, cx: &mut Cx) {
        cx.send(COORD, Msg::Inquire { tx });
        cx.set_timer(Timer::Ask(tx), wait::ASK);
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Prepare { tx, key, branch } => self.on_prepare(from, tx, key, branch, cx),
            Msg::Commit { tx } => self.on_commit(from, tx, cx),
            Msg::Abort { tx } => self.on_abort(tx, cx),
            Msg::Read => cx.send(from, Msg::Have { balances: self.accounts.balances().clone() }),
            other => shop::ignore(&other),
        }
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record),
            Input::Boot { .. } => self.prepared.keys().for_each(|&tx| Self::ask(tx, cx)),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(Timer::Ask(tx)) => Self::ask(tx, cx),
            Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let in_doubt = self.prepared.keys().copied();
        let set_aside = self.prepared.values().flat_map(shop::accounts_of);
        let line = shop::list("in doubt:", in_doubt.clone());
        Summary::participant(&self.accounts, in_doubt, set_aside, line)
    }
}

//! Step 2: ask first, then do.
//!
//! `coord` asks every participant whether it can (*prepare*), and each answers with a vote. Only if
//! all vote yes do they do it (*commit*); one no, or one vote that does not come, and it is off
//! (*abort*). A yes is a promise: what it needs stays set aside until the decision comes.
//!
//! What breaks: promises and decision are kept in memory. A process that dies and comes back has
//! forgotten what it promised, or what it decided, and acts as if it never had.

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

/// Collects votes and decides. Keeps all of it in memory.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Coordinator {
    start: u64,
    count: u64,
    /// How each request ended, for clients that ask again.
    answers: BTreeMap<Key, Outcome>,
    voting: ByTx<Voting>,
    /// Committed, and these have not acknowledged.
    committed: ByTx<BTreeSet<NodeId>>,
}

impl Coordinator {
    fn on_submit(&mut self, client: NodeId, key: Key, order: Order, cx: &mut Cx) {
        if let Some(outcome) = self.answers.get(&key) {
            cx.send(client, Msg::Answer { key, outcome: outcome.clone() });
            return;
        }
        if self.voting.values().any(|voting| voting.key == key) {
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

    // ANCHOR: on_vote
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
    // ANCHOR_END: on_vote

    // ANCHOR: decide
    fn commit(&mut self, tx: TxId, cx: &mut Cx) {
        let Voting { client, key, order, .. } = self.voting.remove(&tx).expect("all votes are in");
        cx.cancel_timer(Timer::Votes(tx));
        self.answers.insert(key.clone(), Outcome::done());
        self.committed.insert(tx, order.participants().collect());
        cx.send(client, Msg::Answer { key, outcome: Outcome::done() });
        self.tell_commit(tx, cx);
    }

    fn abort(&mut self, tx: TxId, why: Refusal, cx: &mut Cx) {
        let Voting { client, key, order, .. } = self.voting.remove(&tx).expect("still voting");
        cx.cancel_timer(Timer::Votes(tx));
        order.participants().for_each(|id| cx.send(id, Msg::Abort { tx }));
        let outcome = Outcome::Declined(why);
        self.answers.insert(key.clone(), outcome.clone());
        cx.send(client, Msg::Answer { key, outcome });
    }
    // ANCHOR_END: decide

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

    // ANCHOR: on_inquire
    fn on_inquire(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if self.committed.contains_key(&tx) {
            cx.send(from, Msg::Commit { tx });
        } else if !self.voting.contains_key(&tx) {
            cx.send(from, Msg::Abort { tx });
        }
    }
    // ANCHOR_END: on_inquire

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
            Input::Boot { start } => self.start = start,
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(timer) => self.on_timeout(timer, cx),
            Input::Replay(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let voting = shop::list("voting on", self.voting.keys());
        let committed = shop::list("committed", self.committed.keys());
        Summary::coordinator(self.voting.keys().copied(), shop::join([voting, committed]))
    }
}

/// Votes, sets aside, and does as decided. Keeps its promises in memory.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    accounts: Accounts,
    prepared: ByTx<(Key, Branch)>,
    committed: BTreeSet<TxId>,
}

impl Participant {
    /// A participant that opened with these accounts.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts, prepared: ByTx::new(), committed: BTreeSet::new() }
    }

    // ANCHOR: on_prepare
    fn on_prepare(&mut self, from: NodeId, tx: TxId, key: Key, branch: Branch, cx: &mut Cx) {
        if self.committed.contains(&tx) {
            return;
        }
        if !self.prepared.contains_key(&tx) {
            if let Err(why) = self.accounts.check(&branch) {
                cx.send(from, Msg::Vote { tx, vote: Vote::No(why) });
                return;
            }
            self.accounts.set_aside(tx, &branch);
            self.prepared.insert(tx, (key, branch));
            cx.set_timer(Timer::Ask(tx), wait::ASK);
        }
        cx.send(from, Msg::Vote { tx, vote: Vote::Yes(BTreeMap::new()) });
    }
    // ANCHOR_END: on_prepare

    fn on_commit(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if let Some((key, branch)) = self.prepared.remove(&tx) {
            self.accounts.release(tx);
            self.accounts.apply(&branch);
            self.committed.insert(tx);
            cx.cancel_timer(Timer::Ask(tx));
            cx.persist(Record::Applied { tx, key, branch });
        }
        if self.committed.contains(&tx) {
            cx.send(from, Msg::Ack { tx });
        }
    }

    fn on_abort(&mut self, tx: TxId, cx: &mut Cx) {
        if self.prepared.remove(&tx).is_some() {
            self.accounts.release(tx);
            cx.cancel_timer(Timer::Ask(tx));
            cx.note(Note::LetGo(tx));
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

    fn on_timeout(timer: &Timer, cx: &mut Cx) {
        let Timer::Ask(tx) = timer else { unreachable!("participants only ask") };
        Self::ask(*tx, cx);
    }

    fn on_replay(&mut self, record: Record) {
        if let Record::Applied { tx, branch, .. } = record {
            self.accounts.apply(&branch);
            self.committed.insert(tx);
        }
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(timer) => Self::on_timeout(&timer, cx),
            Input::Boot { .. } | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let in_doubt = self.prepared.keys().copied();
        let set_aside = self.prepared.values().flat_map(|(_, branch)| shop::accounts_of(branch));
        let line = shop::list("in doubt:", in_doubt.clone());
        Summary::participant(&self.accounts, in_doubt, set_aside, line)
    }
}

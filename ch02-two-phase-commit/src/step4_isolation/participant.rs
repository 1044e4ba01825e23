//! A participant: locks, votes, and releases its locks when it is over.

use std::collections::BTreeMap;

use lab::{Node, NodeId};

use super::locks::{Locks, conflict};
use crate::accounts::Accounts;
use crate::shop::{self, ByTx, Cx, Input, Shop, Summary};
use crate::types::{Balances, Branch, COORD, Key, Msg, Note, Record, Timer, TxId, Vote, wait};

/// Votes, locks, and does as decided. Its promises are on disk before any other process is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    accounts: Accounts,
    locks: Locks,
    /// Not voted yet: another transaction holds what they need. Oldest first.
    waiting: ByTx<(Key, Branch)>,
    prepared: ByTx<Branch>,
    /// What it ended, and whether by commit: it must not begin any of these again.
    ended: BTreeMap<TxId, bool>,
}

impl Participant {
    /// A participant that opened with these accounts.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self {
            accounts,
            locks: Locks::default(),
            waiting: ByTx::new(),
            prepared: ByTx::new(),
            ended: BTreeMap::new(),
        }
    }

    fn on_prepare(&mut self, tx: TxId, key: Key, branch: Branch, cx: &mut Cx) {
        if self.ended.contains_key(&tx) || self.knows_later_attempt(tx) {
            return;
        }
        for earlier in self.earlier_attempts(tx) {
            self.on_abort(earlier, cx);
        }
        if let Some(branch) = self.prepared.get(&tx) {
            let vote = Vote::Yes(self.balances_read(branch));
            cx.send(COORD, Msg::Vote { tx, vote });
            return;
        }
        self.waiting.insert(tx, (key, branch));
        cx.set_timer(Timer::Ask(tx), wait::ASK);
        self.try_to_vote(tx, cx);
    }

    /// Locks are given by age. A transaction waits for an older one that waits for the same lock,
    /// and for an older one that holds it. For a younger one that holds it, it asks `coord` to give
    /// the younger one up.
    fn try_to_vote(&mut self, tx: TxId, cx: &mut Cx) {
        let (_, branch) = &self.waiting[&tx];
        let mut older = self.waiting.range(..tx).map(|(_, (_, branch))| branch);
        if older.any(|older| conflict(older, branch)) {
            return;
        }
        if let Err(holders) = self.locks.acquire(tx, branch) {
            let younger = holders.into_iter().filter(|holder| *holder > tx);
            younger.for_each(|holder| cx.send(COORD, Msg::Wound { tx: holder, by: tx }));
            return;
        }
        let (key, branch) = self.waiting.remove(&tx).expect("it was waiting");
        let vote = match self.accounts.check(&branch) {
            Ok(()) => Vote::Yes(self.balances_read(&branch)),
            Err(why) => Vote::No(why),
        };
        if let Vote::Yes(_) = vote {
            self.prepared.insert(tx, branch.clone());
            cx.persist(Record::Prepared { tx, key, branch });
        } else {
            self.locks.release(tx, &branch);
            self.ended.insert(tx, false);
            cx.cancel_timer(Timer::Ask(tx));
        }
        cx.send(COORD, Msg::Vote { tx, vote });
    }

    fn on_commit(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if self.prepared.contains_key(&tx) {
            cx.cancel_timer(Timer::Ask(tx));
            cx.persist(Record::Committed { tx });
            self.commit(tx);
            self.wake(cx);
        }
        if self.ended.get(&tx) == Some(&true) {
            cx.send(from, Msg::Ack { tx });
        }
    }

    fn on_abort(&mut self, tx: TxId, cx: &mut Cx) {
        if self.ended.contains_key(&tx) {
            return;
        }
        if self.prepared.contains_key(&tx) {
            cx.persist(Record::Aborted { tx });
            cx.note(Note::LetGo(tx));
        }
        cx.cancel_timer(Timer::Ask(tx));
        self.release(tx);
        self.wake(cx);
    }

    /// Locks were released: those that wait may try, the oldest first.
    fn wake(&mut self, cx: &mut Cx) {
        let waiting: Vec<TxId> = self.waiting.keys().copied().collect();
        waiting.into_iter().for_each(|tx| self.try_to_vote(tx, cx));
    }

    fn prepare(&mut self, tx: TxId, branch: Branch) {
        self.locks.acquire(tx, &branch).expect("what was locked once can be locked again");
        self.prepared.insert(tx, branch);
    }

    fn commit(&mut self, tx: TxId) {
        let branch = self.prepared.remove(&tx).expect("only what is prepared commits");
        self.accounts.apply(&branch);
        self.locks.release(tx, &branch);
        self.ended.insert(tx, true);
    }

    /// Also for what it does not know: an abort may overtake its prepare.
    fn release(&mut self, tx: TxId) {
        self.waiting.remove(&tx);
        if let Some(branch) = self.prepared.remove(&tx) {
            self.locks.release(tx, &branch);
        }
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

    /// A new attempt means that the earlier ones at the same order are off.
    fn earlier_attempts(&self, tx: TxId) -> Vec<TxId> {
        let earlier = TxId { attempt: 0, ..tx }..tx;
        let waiting = self.waiting.range(earlier.clone()).map(|(tx, _)| *tx);
        waiting.chain(self.prepared.range(earlier).map(|(tx, _)| *tx)).collect()
    }

    fn knows_later_attempt(&self, tx: TxId) -> bool {
        let later = TxId { attempt: tx.attempt + 1, ..tx }..=TxId { attempt: u32::MAX, ..tx };
        let open =
            self.waiting.range(later.clone()).count() + self.prepared.range(later.clone()).count();
        open + self.ended.range(later).count() > 0
    }

    /// The balances that a branch only reads.
    fn balances_read(&self, branch: &Branch) -> Balances {
        let reads: Vec<_> = branch.iter().filter(|change| change.by == 0).cloned().collect();
        self.accounts.read(&reads)
    }

    fn ask(tx: TxId, cx: &mut Cx) {
        cx.send(COORD, Msg::Inquire { tx });
        cx.set_timer(Timer::Ask(tx), wait::ASK);
    }

    fn on_timeout(&mut self, timer: &Timer, cx: &mut Cx) {
        let Timer::Ask(tx) = timer else { unreachable!("participants only ask") };
        Self::ask(*tx, cx);
        if self.waiting.contains_key(tx) {
            self.try_to_vote(*tx, cx);
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Prepare { tx, key, branch } => self.on_prepare(tx, key, branch, cx),
            Msg::Commit { tx } => self.on_commit(from, tx, cx),
            Msg::Abort { tx } => self.on_abort(tx, cx),
            Msg::Read => cx.send(from, Msg::Have { balances: self.accounts.balances().clone() }),
            Msg::Status => cx.send(from, self.status()),
            other => shop::ignore(&other),
        }
    }

    fn status(&self) -> Msg {
        let in_doubt = self.prepared.keys().copied().collect();
        Msg::StatusIs { in_doubt, locked: self.locks.accounts() }
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record),
            Input::Boot { .. } => self.prepared.keys().for_each(|&tx| Self::ask(tx, cx)),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(timer) => self.on_timeout(&timer, cx),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let in_doubt = self.prepared.keys().copied();
        let waiting = shop::list("waiting:", self.waiting.keys());
        let locked = shop::list("locked:", self.locks.accounts());
        let line = shop::join([shop::list("in doubt:", in_doubt.clone()), locked, waiting]);
        Summary::participant(&self.accounts, in_doubt, self.locks.accounts(), line)
    }
}

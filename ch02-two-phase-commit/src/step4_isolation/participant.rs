//! A participant: locks, votes, and lets go when it is over.

use std::collections::BTreeMap;

use lab::{Node, NodeId};

use super::locks::Locks;
use crate::accounts::Accounts;
use crate::shop::{self, Cx, Input, Open, Shop, Summary};
use crate::types::{Balances, COORD, Key, Msg, Note, Part, Record, Timer, TxId, Vote, wait};

/// Votes, locks, and does as decided. Its promises are on disk before anybody hears of them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    accounts: Accounts,
    locks: Locks,
    /// Not voted yet: somebody else holds what they need. Oldest first.
    waiting: Open<(Key, Part)>,
    prepared: Open<Part>,
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
            waiting: Open::new(),
            prepared: Open::new(),
            ended: BTreeMap::new(),
        }
    }

    fn on_prepare(&mut self, tx: TxId, key: Key, part: Part, cx: &mut Cx) {
        if self.ended.contains_key(&tx) || self.knows_later_attempt(tx) {
            return;
        }
        for earlier in self.earlier_attempts(tx) {
            self.on_abort(earlier, cx);
        }
        if let Some(part) = self.prepared.get(&tx) {
            let vote = Vote::Yes(self.looked_at(part));
            cx.send(COORD, Msg::Vote { tx, vote });
            return;
        }
        self.waiting.insert(tx, (key, part));
        cx.set_timer(Timer::Ask(tx), wait::ASK);
        self.try_to_vote(tx, cx);
    }

    fn try_to_vote(&mut self, tx: TxId, cx: &mut Cx) {
        let (_, part) = &self.waiting[&tx];
        if let Err(holders) = self.locks.acquire(tx, part) {
            let younger = holders.into_iter().filter(|holder| *holder > tx);
            younger.for_each(|tx| cx.send(COORD, Msg::Wound { tx }));
            return;
        }
        let (key, part) = self.waiting.remove(&tx).expect("it was waiting");
        let vote = match self.accounts.check(&part) {
            Ok(()) => Vote::Yes(self.looked_at(&part)),
            Err(why) => Vote::No(why),
        };
        if let Vote::Yes(_) = vote {
            self.prepared.insert(tx, part.clone());
            cx.persist(Record::Prepared { tx, key, part });
        } else {
            self.locks.release(tx, &part);
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
        self.let_go(tx);
        self.wake(cx);
    }

    /// Locks were let go: whoever waits may try, the oldest first.
    fn wake(&mut self, cx: &mut Cx) {
        let waiting: Vec<TxId> = self.waiting.keys().copied().collect();
        waiting.into_iter().for_each(|tx| self.try_to_vote(tx, cx));
    }

    fn prepare(&mut self, tx: TxId, part: Part) {
        self.locks.acquire(tx, &part).expect("what was locked once can be locked again");
        self.prepared.insert(tx, part);
    }

    fn commit(&mut self, tx: TxId) {
        let part = self.prepared.remove(&tx).expect("only what is prepared commits");
        self.accounts.apply(&part);
        self.locks.release(tx, &part);
        self.ended.insert(tx, true);
    }

    /// Also for what it never heard of: an abort may overtake its prepare.
    fn let_go(&mut self, tx: TxId) {
        self.waiting.remove(&tx);
        if let Some(part) = self.prepared.remove(&tx) {
            self.locks.release(tx, &part);
        }
        self.ended.insert(tx, false);
    }

    fn on_replay(&mut self, record: Record) {
        match record {
            Record::Prepared { tx, part, .. } => self.prepare(tx, part),
            Record::Committed { tx } => self.commit(tx),
            Record::Aborted { tx } => self.let_go(tx),
            other => shop::not_my_record(&other),
        }
    }

    /// A new attempt says that the earlier ones at the same order are off.
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

    /// The balances that a part only looks at.
    fn looked_at(&self, part: &Part) -> Balances {
        let looks: Vec<_> = part.iter().filter(|change| change.by == 0).cloned().collect();
        self.accounts.read(&looks)
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
            Msg::Prepare { tx, key, part } => self.on_prepare(tx, key, part, cx),
            Msg::Commit { tx } => self.on_commit(from, tx, cx),
            Msg::Abort { tx } => self.on_abort(tx, cx),
            Msg::Look => cx.send(from, Msg::Have { balances: self.accounts.balances().clone() }),
            Msg::Status => cx.send(from, self.status()),
            other => shop::not_for_me(&other),
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

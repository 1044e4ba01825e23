//! # Build the participant
//! stars: 3
//! Write a participant of two-phase commit that survives restarts: prepare, commit, abort, and what it
//! does with its log and after a start. `coord` is the one of step 3. Set aside what a yes needs with
//! `accounts.set_aside`, and end that with `accounts.release`.
//! hint 1: Which of your four records does a restart need, and before which message must each be written?
//! hint 2: After a start, everything that is prepared and not ended is in doubt: ask, and arm the timer again.
//! hint 3: A commit for something that you have committed already is acknowledged again; one that you never prepared gets no answer.
//! harmless: true for !self.prepared.contains_key(&tx): A second vote counts only before the decision.
//! harmless: without cx.persist(Record::Aborted { tx });: After a start it asks again, and is told the same.

use std::collections::BTreeMap;

use ch02_two_phase_commit::accounts::Accounts;
use ch02_two_phase_commit::shop::{self, AnyNode, Cx, Input, Shop, Summary};
use ch02_two_phase_commit::types::{
    COORD, Key, Msg, Note, Branch, Record, Timer, TxId, Vote, wait,
};
use lab::Node;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    accounts: Accounts,
    prepared: BTreeMap<TxId, Branch>,
    /// What ended, and whether by commit.
    ended: BTreeMap<TxId, bool>,
}

impl Participant {
    /// Vote. A yes is a promise.
    fn on_prepare(&mut self, tx: TxId, key: Key, branch: Branch, cx: &mut Cx) {
        // SOLUTION-BEGIN
        if self.ended.contains_key(&tx) {
            return;
        }
        if !self.prepared.contains_key(&tx) {
            if let Err(why) = self.accounts.check(&branch) {
                self.ended.insert(tx, false);
                cx.send(COORD, Msg::Vote { tx, vote: Vote::No(why) });
                return;
            }
            self.prepare(tx, branch.clone());
            cx.persist(Record::Prepared { tx, key, branch });
            cx.set_timer(Timer::Ask(tx), wait::ASK);
        }
        cx.send(COORD, Msg::Vote { tx, vote: Vote::Yes(BTreeMap::new()) });
        // SOLUTION-END
    }

    /// Do it, and acknowledge. A commit may come twice.
    fn on_commit(&mut self, tx: TxId, cx: &mut Cx) {
        // SOLUTION-BEGIN
        if self.prepared.contains_key(&tx) {
            cx.cancel_timer(Timer::Ask(tx));
            cx.persist(Record::Committed { tx });
            self.commit(tx);
        }
        if self.ended.get(&tx) == Some(&true) {
            cx.send(COORD, Msg::Ack { tx });
        }
        // SOLUTION-END
    }

    /// Release it.
    fn on_abort(&mut self, tx: TxId, cx: &mut Cx) {
        // SOLUTION-BEGIN
        if self.prepared.contains_key(&tx) {
            cx.cancel_timer(Timer::Ask(tx));
            cx.persist(Record::Aborted { tx });
            cx.note(Note::LetGo(tx));
            self.release(tx);
        }
        // SOLUTION-END
    }

    /// One record of the log, oldest first. No effects here.
    fn on_replay(&mut self, record: Record) {
        // SOLUTION-BEGIN
        match record {
            Record::Prepared { tx, branch, .. } => self.prepare(tx, branch),
            Record::Committed { tx } => self.commit(tx),
            Record::Aborted { tx } => self.release(tx),
            other => panic!("not a participant's record: {other}"),
        }
        // SOLUTION-END
    }

    /// The log is read, the process begins.
    fn on_boot(&self, cx: &mut Cx) {
        // SOLUTION-BEGIN
        self.prepared.keys().for_each(|&tx| Self::ask(tx, cx));
        // SOLUTION-END
    }

    // SOLUTION-BEGIN
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
    // SOLUTION-END

    fn ask(tx: TxId, cx: &mut Cx) {
        cx.send(COORD, Msg::Inquire { tx });
        cx.set_timer(Timer::Ask(tx), wait::ASK);
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record),
            Input::Boot { .. } => self.on_boot(cx),
            Input::Timeout(Timer::Ask(tx)) => Self::ask(tx, cx),
            Input::Message { msg: Msg::Prepare { tx, key, branch }, .. } => {
                self.on_prepare(tx, key, branch, cx);
            }
            Input::Message { msg: Msg::Commit { tx }, .. } => self.on_commit(tx, cx),
            Input::Message { msg: Msg::Abort { tx }, .. } => self.on_abort(tx, cx),
            Input::Message { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let in_doubt = self.prepared.keys().copied();
        let line = shop::list("in doubt:", in_doubt.clone());
        let locked = self.prepared.values().flat_map(shop::accounts_of);
        Summary::participant(&self.accounts, in_doubt, locked, line)
    }
}

impl Participant {
    fn new(accounts: Accounts) -> Self {
        Self { accounts, prepared: BTreeMap::new(), ended: BTreeMap::new() }
    }
}

pub fn check() -> Result<String, String> {
    ch02_two_phase_commit::exercises::participant(|accounts| AnyNode::new(Participant::new(accounts)))
}

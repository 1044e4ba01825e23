//! Wrong: a crash between the two lines forgets a promise that is already on its way.

use std::collections::BTreeMap;

use ch02_two_phase_commit::accounts::Accounts;
use ch02_two_phase_commit::shop::{self, AnyNode, Cx, Input, Shop, Summary};
use ch02_two_phase_commit::types::{
    COORD, Key, Msg, Note, Part, Record, Timer, TxId, Vote, wait,
};
use lab::Node;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    accounts: Accounts,
    prepared: BTreeMap<TxId, Part>,
    /// What ended, and whether by commit.
    ended: BTreeMap<TxId, bool>,
}

impl Participant {
    /// Vote. A yes is a promise.
    fn on_prepare(&mut self, tx: TxId, key: Key, part: Part, cx: &mut Cx) {
        if self.ended.contains_key(&tx) {
            return;
        }
        if !self.prepared.contains_key(&tx) {
            if let Err(why) = self.accounts.check(&part) {
                self.ended.insert(tx, false);
                cx.send(COORD, Msg::Vote { tx, vote: Vote::No(why) });
                return;
            }
            self.prepare(tx, part.clone());
            cx.send(COORD, Msg::Vote { tx, vote: Vote::Yes(BTreeMap::new()) });
            cx.persist(Record::Prepared { tx, key, part });
            cx.set_timer(Timer::Ask(tx), wait::ASK);
            return;
        }
        cx.send(COORD, Msg::Vote { tx, vote: Vote::Yes(BTreeMap::new()) });
    }

    /// Do it, and acknowledge. A commit may come twice.
    fn on_commit(&mut self, tx: TxId, cx: &mut Cx) {
        if self.prepared.contains_key(&tx) {
            cx.cancel_timer(Timer::Ask(tx));
            cx.persist(Record::Committed { tx });
            self.commit(tx);
        }
        if self.ended.get(&tx) == Some(&true) {
            cx.send(COORD, Msg::Ack { tx });
        }
    }

    /// Let go.
    fn on_abort(&mut self, tx: TxId, cx: &mut Cx) {
        if self.prepared.contains_key(&tx) {
            cx.cancel_timer(Timer::Ask(tx));
            cx.persist(Record::Aborted { tx });
            cx.note(Note::LetGo(tx));
            self.let_go(tx);
        }
    }

    /// One record of the log, oldest first. No effects here.
    fn on_replay(&mut self, record: Record) {
        match record {
            Record::Prepared { tx, part, .. } => self.prepare(tx, part),
            Record::Committed { tx } => self.commit(tx),
            Record::Aborted { tx } => self.let_go(tx),
            other => panic!("not a participant's record: {other}"),
        }
    }

    /// The log is read, the process begins.
    fn on_boot(&self, cx: &mut Cx) {
        self.prepared.keys().for_each(|&tx| Self::ask(tx, cx));
    }

    fn prepare(&mut self, tx: TxId, part: Part) {
        self.accounts.set_aside(tx, &part);
        self.prepared.insert(tx, part);
    }

    fn commit(&mut self, tx: TxId) {
        let part = self.prepared.remove(&tx).expect("only what is prepared commits");
        self.accounts.release(tx);
        self.accounts.apply(&part);
        self.ended.insert(tx, true);
    }

    fn let_go(&mut self, tx: TxId) {
        self.prepared.remove(&tx);
        self.accounts.release(tx);
        self.ended.insert(tx, false);
    }

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
            Input::Message { msg: Msg::Prepare { tx, key, part }, .. } => {
                self.on_prepare(tx, key, part, cx);
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

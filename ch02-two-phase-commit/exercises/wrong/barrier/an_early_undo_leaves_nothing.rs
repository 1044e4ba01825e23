//! Wrong: the apply that was overtaken is done later, for good.

use std::collections::BTreeMap;

use ch02_two_phase_commit::accounts::Accounts;
use ch02_two_phase_commit::shop;
use ch02_two_phase_commit::types::{
    Account, Change, Key, Msg, Note, Part, Record, Timer, TxId,
};
use lab::{Cx, Input, Node, NodeId};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    accounts: Accounts,
    /// For each attempt what was done, or nothing if it is taken back for good.
    rows: BTreeMap<TxId, Option<Part>>,
}

impl Participant {
    /// Answer `Applied` if the part is done, `Refused` if it cannot be done.
    fn on_apply(&mut self, from: NodeId, tx: TxId, key: Key, part: Part, cx: &mut Cx<Self>) {
        match self.rows.get(&tx) {
            Some(Some(_)) => cx.send(from, Msg::Applied { tx }),
            Some(None) => {}
            None => match self.accounts.check(&part) {
                Err(why) => cx.send(from, Msg::Refused { tx, why }),
                Ok(()) => {
                    self.apply(tx, part.clone());
                    cx.persist(Record::Applied { tx, key, part });
                    cx.send(from, Msg::Applied { tx });
                }
            },
        }
    }

    /// Answer `Undone` once the part is taken back for good.
    fn on_undo(&mut self, from: NodeId, tx: TxId, cx: &mut Cx<Self>) {
        if let Some(Some(_)) = self.rows.get(&tx) {
            self.undo(tx);
            cx.persist(Record::Undone { tx });
        }
        cx.send(from, Msg::Undone { tx });
    }

    /// Makes the change and keeps the row.
    fn apply(&mut self, tx: TxId, part: Part) {
        self.accounts.apply(&part);
        self.rows.insert(tx, Some(part));
    }

    /// Makes up for the change, if there was one, and keeps the row.
    fn undo(&mut self, tx: TxId) {
        if let Some(Some(part)) = self.rows.insert(tx, None) {
            let back = |c: &Change| Change { account: c.account.clone(), by: -c.by };
            self.accounts.apply(&part.iter().map(back).collect::<Vec<_>>());
        }
    }
}

impl Node for Participant {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        match input {
            Input::Replay(Record::Applied { tx, part, .. }) => self.apply(tx, part),
            Input::Replay(Record::Undone { tx }) => self.undo(tx),
            Input::Message { from, msg: Msg::Apply { tx, key, part } } => {
                self.on_apply(from, tx, key, part, cx);
            }
            Input::Message { from, msg: Msg::Undo { tx } } => self.on_undo(from, tx, cx),
            Input::Message { .. }
            | Input::Replay(_)
            | Input::Boot { .. }
            | Input::Timeout(_)
            | Input::Gone(_) => {}
        }
    }
}

impl shop::Participant for Participant {
    fn new(accounts: Accounts) -> Self {
        Self { accounts, rows: BTreeMap::new() }
    }
    fn accounts(&self) -> &Accounts {
        &self.accounts
    }
    fn locked(&self) -> Vec<Account> {
        Vec::new()
    }
}

impl shop::Part for Participant {
    fn in_doubt(&self) -> Vec<TxId> {
        Vec::new()
    }
    fn line(&self) -> String {
        String::new()
    }
}

pub fn check() -> Result<String, String> {
    ch02_two_phase_commit::exercises::barrier::<Participant>()
}

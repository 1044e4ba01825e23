//! # Done once, taken back once
//! stars: 2
//! Write the two handlers of a saga's participant. Any message may come twice, late, or in the wrong
//! order: an *undo* may even come before its *apply*. Use `rows`, and write down before you answer.
//! hint 1: For each attempt there are three cases: not known, done, taken back.
//! hint 2: An undo for an attempt that you do not know must leave something behind.
//! hint 3: `self.rows.insert(tx, None)` is what it leaves; an apply that finds it does nothing.
//! harmless: true for self.rows.get(&tx) != Some(&None): A second undo finds nothing to take back.

use std::collections::BTreeMap;

use ch02_two_phase_commit::accounts::Accounts;
use ch02_two_phase_commit::shop::{AnyNode, Cx, Input, Shop, Summary};
use ch02_two_phase_commit::types::{
    Change, Key, Msg, Branch, Record, TxId,
};
use lab::{Node, NodeId};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    accounts: Accounts,
    /// For each attempt what was done, or nothing if it is taken back for good.
    rows: BTreeMap<TxId, Option<Branch>>,
}

impl Participant {
    /// Answer `Applied` if the branch is done, `Refused` if it cannot be done.
    fn on_apply(&mut self, from: NodeId, tx: TxId, key: Key, branch: Branch, cx: &mut Cx) {
        // SOLUTION-BEGIN
        match self.rows.get(&tx) {
            Some(Some(_)) => cx.send(from, Msg::Applied { tx }),
            Some(None) => {}
            None => match self.accounts.check(&branch) {
                Err(why) => cx.send(from, Msg::Refused { tx, why }),
                Ok(()) => {
                    self.apply(tx, branch.clone());
                    cx.persist(Record::Applied { tx, key, branch });
                    cx.send(from, Msg::Applied { tx });
                }
            },
        }
        // SOLUTION-END
        // STARTER: self.apply(tx, branch.clone());
        // STARTER: cx.persist(Record::Applied { tx, key, branch });
        // STARTER: cx.send(from, Msg::Applied { tx });
    }

    /// Answer `Undone` once the branch is taken back for good.
    fn on_undo(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        // SOLUTION-BEGIN
        if self.rows.get(&tx) != Some(&None) {
            self.undo(tx);
            cx.persist(Record::Undone { tx });
        }
        cx.send(from, Msg::Undone { tx });
        // SOLUTION-END
        // STARTER: cx.send(from, Msg::Undone { tx });
    }

    /// Makes the change and keeps the row.
    fn apply(&mut self, tx: TxId, branch: Branch) {
        self.accounts.apply(&branch);
        self.rows.insert(tx, Some(branch));
    }

    /// Makes up for the change, if there was one, and keeps the row.
    fn undo(&mut self, tx: TxId) {
        if let Some(Some(branch)) = self.rows.insert(tx, None) {
            let back = |c: &Change| Change { account: c.account.clone(), by: -c.by };
            self.accounts.apply(&branch.iter().map(back).collect::<Vec<_>>());
        }
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(Record::Applied { tx, branch, .. }) => self.apply(tx, branch),
            Input::Replay(Record::Undone { tx }) => self.undo(tx),
            Input::Message { from, msg: Msg::Apply { tx, key, branch } } => {
                self.on_apply(from, tx, key, branch, cx);
            }
            Input::Message { from, msg: Msg::Undo { tx } } => self.on_undo(from, tx, cx),
            Input::Message { .. }
            | Input::Replay(_)
            | Input::Boot { .. }
            | Input::Timeout(_)
            | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::participant(&self.accounts, [], [], String::new())
    }
}

impl Participant {
    fn new(accounts: Accounts) -> Self {
        Self { accounts, rows: BTreeMap::new() }
    }
}

pub fn check() -> Result<String, String> {
    ch02_two_phase_commit::exercises::barrier(|accounts| AnyNode::new(Participant::new(accounts)))
}

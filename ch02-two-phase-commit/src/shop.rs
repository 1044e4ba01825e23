//! The vocabulary of this chapter, and what its nodes have in common.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use lab::Protocol;

use crate::accounts::Accounts;
use crate::types::{Account, Balances, Branch, Msg, Note, Record, Timer, TxId};
use crate::words;

/// What `coord`, `stock`, `pay` and their clients exchange, write down, wait for and note.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Shop;

impl Protocol for Shop {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;
    type Summary = Summary;
}

/// What a node may ask for in a step.
pub type Cx<'a> = lab::Cx<'a, Shop>;
/// What a node takes.
pub type Input = lab::Input<Shop>;
/// What a node asks for.
pub type Effect = lab::Effect<Shop>;
/// Any node of this chapter.
pub type AnyNode = lab::AnyNode<Shop>;

/// What properties, logs and pages may ask about a node of this chapter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Attempts whose outcome it waits for.
    pub in_doubt: Vec<TxId>,
    /// The balances of a participant; `None` at others.
    pub balances: Option<Balances>,
    /// Accounts that no other transaction may touch now.
    pub locked: Vec<Account>,
    /// The rest of its line.
    pub line: String,
}

impl Summary {
    /// Of a node without accounts.
    #[must_use]
    pub fn coordinator(in_doubt: impl IntoIterator<Item = TxId>, line: String) -> Self {
        let (in_doubt, locked) = (in_doubt.into_iter().collect(), Vec::new());
        Self { in_doubt, balances: None, locked, line }
    }

    /// Of a node with accounts.
    #[must_use]
    pub fn participant(
        accounts: &Accounts,
        in_doubt: impl IntoIterator<Item = TxId>,
        locked: impl IntoIterator<Item = Account>,
        line: String,
    ) -> Self {
        let (in_doubt, locked) = (in_doubt.into_iter().collect(), locked.into_iter().collect());
        Self { in_doubt, balances: Some(accounts.balances().clone()), locked, line }
    }

    /// The same, with something more in its line.
    #[must_use]
    pub fn and(self, more: String) -> Self {
        Self { line: join([self.line, more]), ..self }
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let balances = self.balances.as_ref().map(words::balances).unwrap_or_default();
        f.write_str(&join([balances, self.line.clone()]))
    }
}

/// The accounts that a branch touches.
pub fn accounts_of(branch: &Branch) -> impl Iterator<Item = Account> + '_ {
    branch.iter().map(|change| change.account.clone())
}

/// `in doubt: tx 1.1`, or nothing.
pub fn list<T: ToString>(label: &str, items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { String::new() } else { format!("{label} {}", items.join(", ")) }
}

/// The lines that are not empty, joined.
pub fn join(lines: impl IntoIterator<Item = String>) -> String {
    let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

/// Drops a message that this role does not take in this step. The network may lose any message, so
/// dropping one is never wrong; answering one that was not understood would be.
pub fn ignore(_msg: &Msg) {}

/// A log holds only what its own role wrote in this step.
pub fn foreign_record(record: &Record) {
    unreachable!("this log was written by another role or another step: {record}");
}

/// What is kept for each transaction.
pub type ByTx<T> = BTreeMap<TxId, T>;

//! The cast: a coordinator, its participants, and clients, as one kind of node for one world.

use std::collections::BTreeMap;

use lab::node::delegate;
use lab::{Cx, Input, Node, NodeId};

use crate::accounts::Accounts;
use crate::client::{Client, Reader};
use crate::types::{Account, COORD, Msg, Note, Record, Timer, TxId};
use crate::words;

/// A node of this chapter: it speaks the chapter's words.
pub trait Part: Node<Msg = Msg, Timer = Timer, Record = Record, Note = Note> {
    /// Attempts whose outcome it waits for.
    fn in_doubt(&self) -> Vec<TxId>;

    /// Its state in one line.
    fn line(&self) -> String;
}

/// A participant, as worlds make it.
pub trait Participant: Part {
    /// A participant that opened with these accounts.
    fn new(accounts: Accounts) -> Self;

    /// What it protects.
    fn accounts(&self) -> &Accounts;

    /// Accounts that nobody else may touch now.
    fn locked(&self) -> Vec<Account>;
}

/// A coordinator, as worlds make it.
pub trait Coordinator: Part {
    /// Who else runs this program beside [`COORD`], where there is more than one: id and name.
    const BESIDE: &'static [(NodeId, &'static str)] = &[];

    /// Whom clients ask.
    const DOORS: &'static [NodeId] = &[COORD];

    /// A coordinator that never did anything.
    fn new() -> Self;
}

/// What properties may ask a participant.
pub trait Keeper: Part {
    /// What it protects.
    fn accounts(&self) -> &Accounts;

    /// Accounts that nobody else may touch now.
    fn locked(&self) -> Vec<Account>;
}

impl<P: Participant> Keeper for P {
    fn accounts(&self) -> &Accounts {
        Participant::accounts(self)
    }

    fn locked(&self) -> Vec<Account> {
        Participant::locked(self)
    }
}

/// Any node of the shop, for one step's coordinator `C` and participant `P`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Shop<C, P> {
    /// `coord`.
    Coordinator(C),
    /// `stock`, `pay`.
    Participant(P),
    /// `web-1`: orders.
    Client(Client),
    /// `web-2`: looks.
    Reader(Reader),
}

impl<C: Part, P: Keeper> Node for Shop<C, P> {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        match self {
            Self::Coordinator(node) => delegate(node, input, cx),
            Self::Participant(node) => delegate(node, input, cx),
            Self::Client(node) => delegate(node, input, cx),
            Self::Reader(node) => delegate(node, input, cx),
        }
    }
}

impl<C: Part, P: Keeper> Shop<C, P> {
    /// Its state in one line, for logs and the page.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Coordinator(node) => node.line(),
            Self::Participant(node) => {
                let balances = words::balances(node.accounts().balances());
                let line = node.line();
                if line.is_empty() { balances } else { format!("{balances}; {line}") }
            }
            Self::Client(client) => {
                let told: Vec<String> = client
                    .answers
                    .iter()
                    .map(|(key, outcome)| format!("{key} {outcome}"))
                    .collect();
                if told.is_empty() { "waits".into() } else { told.join("; ") }
            }
            Self::Reader(reader) => if reader.is_done() { "has looked" } else { "looks" }.into(),
        }
    }
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
pub fn not_for_me(_msg: &Msg) {}

/// A log holds only what its own role wrote in this step.
pub fn not_my_record(record: &Record) {
    unreachable!("this log was written by another role or another step: {record}");
}

/// A map of what is open, as the parts of a step keep it.
pub type Open<T> = BTreeMap<TxId, T>;

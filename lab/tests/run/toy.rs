//! A ledger with one backup: the smallest node that persists, then sends, then waits for a peer.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::Duration;

use lab::{Cx, Input, Node, NodeId};
use serde::{Deserialize, Serialize};

/// Takes numbers from clients; answers once the backup has them too.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Ledger {
    pub(crate) backup: NodeId,
    entries: Vec<u64>,
    open: BTreeMap<usize, NodeId>,
    checkpoint_every: usize,
}

impl Ledger {
    pub(crate) fn new(backup: NodeId) -> Self {
        Self { backup, entries: Vec::new(), open: BTreeMap::new(), checkpoint_every: usize::MAX }
    }

    pub(crate) fn with_checkpoints(self, every: usize) -> Self {
        Self { checkpoint_every: every, ..self }
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Msg {
    /// A client adds a number.
    Add(u64),
    /// A client has a number kept, and wants no answer.
    Jot(u64),
    /// To the backup: entry `at` is this number.
    Copy { at: usize, number: u64 },
    /// From the backup: the entry is durable.
    Kept { at: usize },
    /// To the client: durable on both; this is its place.
    Added { at: usize },
    /// A client asks, and is told without waiting for the disk.
    Ask,
    /// How many entries, and their sum.
    Sum { entries: usize, sum: u64 },
    /// A client asks for the backup's sum through the primary.
    AskBackup,
    /// The primary passes the question on: answer the client yourself.
    AskFor { client: NodeId },
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Record {
    Entry { at: usize, number: u64 },
    All(Vec<u64>),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Retry;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Note {
    Left(NodeId),
}

macro_rules! display_as_debug {
    ($($t:ty),*) => {$(impl Display for $t {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{self:?}") }
    })*};
}
display_as_debug!(Msg, Record, Retry, Note);

const PATIENCE: std::ops::Range<Duration> = Duration::from_millis(20)..Duration::from_millis(40);

impl Node for Ledger {
    type Msg = Msg;
    type Timer = Retry;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        match input {
            Input::Replay(Record::Entry { at, number }) => self.keep(at, number),
            Input::Replay(Record::All(entries)) => self.entries = entries,
            // Nobody waits: what a crash left uncopied is copied when its client asks again.
            Input::Boot { .. } => {}
            Input::Timeout(Retry) => {
                for &at in self.open.keys() {
                    cx.send(self.backup, Msg::Copy { at, number: self.entries[at] });
                }
                if !self.open.is_empty() {
                    cx.set_timer(Retry, PATIENCE);
                }
            }
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Gone(client) => {
                self.open.retain(|_, c| *c != client);
                cx.note(Note::Left(client));
            }
        }
    }
}

impl Ledger {
    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx<Self>) {
        match msg {
            Msg::Add(number) => {
                let at = self.entries.len();
                self.entries.push(number);
                self.open.insert(at, from);
                cx.persist(Record::Entry { at, number });
                cx.send(self.backup, Msg::Copy { at, number });
                cx.set_timer(Retry, PATIENCE);
                if self.entries.len().is_multiple_of(self.checkpoint_every) {
                    cx.checkpoint(Record::All(self.entries.clone()));
                }
            }
            Msg::Jot(number) => {
                let at = self.entries.len();
                self.entries.push(number);
                cx.persist(Record::Entry { at, number });
            }
            Msg::Copy { at, number } => {
                self.keep(at, number);
                cx.persist(Record::Entry { at, number });
                cx.send(from, Msg::Kept { at });
            }
            Msg::Kept { at } => {
                if let Some(client) = self.open.remove(&at) {
                    cx.send(client, Msg::Added { at });
                }
            }
            Msg::Ask => cx.send_ahead(from, self.sum()),
            Msg::AskBackup => cx.send_ahead(self.backup, Msg::AskFor { client: from }),
            Msg::AskFor { client } => cx.send_ahead(client, self.sum()),
            Msg::Added { .. } | Msg::Sum { .. } => unreachable!("only clients hear this"),
        }
    }

    fn keep(&mut self, at: usize, number: u64) {
        if self.entries.len() <= at {
            self.entries.resize(at + 1, 0);
        }
        self.entries[at] = number;
    }

    fn sum(&self) -> Msg {
        Msg::Sum { entries: self.entries.len(), sum: self.entries.iter().sum() }
    }
}

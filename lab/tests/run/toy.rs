//! A ledger with one backup: the smallest node that persists, then sends, then waits for a peer.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::Duration;

use lab::{Cx, Input, Mark, Node, NodeId, Protocol};
use serde::{Deserialize, Serialize};

/// Takes numbers from clients; answers once the backup has them too.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Ledger {
    pub(crate) backup: NodeId,
    entries: Vec<u64>,
    open: BTreeMap<usize, NodeId>,
    snapshot_every: usize,
    /// The snapshot under way: its mark, and the entry that comes next.
    snapshot: Option<(Mark, usize)>,
}

impl Ledger {
    pub(crate) fn new(backup: NodeId) -> Self {
        let (entries, open) = (Vec::new(), BTreeMap::new());
        Self { backup, entries, open, snapshot_every: usize::MAX, snapshot: None }
    }

    /// Takes a snapshot after so many entries, a few of them in each step.
    pub(crate) fn with_snapshots(self, every: usize) -> Self {
        Self { snapshot_every: every, ..self }
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Msg {
    /// A client adds a number.
    Add(u64),
    /// A client has a number kept, and needs no answer.
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
pub(crate) struct Record {
    pub(crate) at: usize,
    pub(crate) number: u64,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Retry;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Note {
    Left(NodeId),
    /// This entry is kept.
    Jotted(usize),
}

macro_rules! display_as_debug {
    ($($t:ty),*) => {$(impl Display for $t {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{self:?}") }
    })*};
}
display_as_debug!(Msg, Record, Retry, Note);

/// How many entries of a snapshot one step writes.
const CHUNK: usize = 3;

const PATIENCE: std::ops::Range<Duration> = Duration::from_millis(20)..Duration::from_millis(40);

/// The vocabulary of a ledger and its backup.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Words;

impl Protocol for Words {
    type Msg = Msg;
    type Timer = Retry;
    type Record = Record;
    type Note = Note;
    type Summary = String;
}

impl Node for Ledger {
    type Protocol = Words;

    fn step(&mut self, input: Input<Words>, cx: &mut Cx<'_, Words>) {
        match input {
            Input::Replay(Record { at, number }) => self.keep(at, number),
            // No input waits: what a crash left uncopied is copied when its client asks again.
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
            Input::Disconnected(client) => {
                self.open.retain(|_, c| *c != client);
                cx.note(Note::Left(client));
            }
        }
    }

    fn summary(&self) -> String {
        format!("{} entries", self.entries.len())
    }
}

impl Ledger {
    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx<'_, Words>) {
        match msg {
            Msg::Add(number) => {
                let at = self.entries.len();
                self.entries.push(number);
                self.open.insert(at, from);
                cx.persist(Record { at, number });
                cx.send(self.backup, Msg::Copy { at, number });
                cx.set_timer(Retry, PATIENCE);
                self.go_on_with_snapshot(cx);
            }
            Msg::Jot(number) => {
                let at = self.entries.len();
                self.entries.push(number);
                cx.persist(Record { at, number });
                cx.note(Note::Jotted(at));
            }
            Msg::Copy { at, number } => {
                self.keep(at, number);
                cx.persist(Record { at, number });
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
            Msg::Added { .. } | Msg::Sum { .. } => unreachable!("only clients receive this"),
        }
    }

    fn go_on_with_snapshot(&mut self, cx: &mut Cx<'_, Words>) {
        if self.snapshot.is_none() && self.entries.len().is_multiple_of(self.snapshot_every) {
            self.snapshot = Some((cx.mark(), 0));
        }
        let Some((mark, next)) = self.snapshot else { return };
        let end = (next + CHUNK).min(self.entries.len());
        for at in next..end {
            cx.persist(Record { at, number: self.entries[at] });
        }
        self.snapshot = Some((mark, end));
        if end == self.entries.len() {
            cx.discard_before(mark);
            self.snapshot = None;
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

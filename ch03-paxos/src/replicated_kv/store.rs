//! Keys and values: what a command does, the same on every replica.
//!
//! # Left out
//!
//! Lists, sets, time to live, and whatever else a database of this kind has.

use std::collections::BTreeMap;
use std::sync::Arc;

use lab::NodeId;

use super::sessions::Sessions;
use crate::types::kv::{Blob, Chunk, Command, Head, MAX_VALUE, Op, Outcome};
use crate::types::log::Slot;

/// The state that is replicated: equal on all replicas that have executed as many slots.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Machine {
    /// Keys and values.
    pub store: Store,
    /// Who has a session, and what each was answered last.
    pub sessions: Sessions,
    /// Which replicas are the group, from the next slot on.
    pub members: Arc<[NodeId]>,
    /// How often the group has changed.
    pub changes: u64,
}

impl Machine {
    /// An empty store of these replicas, for so many sessions.
    #[must_use]
    pub fn new(sessions: usize, members: Arc<[NodeId]>) -> Self {
        let sessions = Sessions::new(sessions);
        Self { store: Store::default(), sessions, members, changes: 0 }
    }

    /// What a snapshot begins with, for so many sessions.
    #[must_use]
    pub fn of(head: &Head, sessions: usize) -> Self {
        let (members, changes) = (head.members.clone(), head.changes);
        Self { store: Store::default(), sessions: Sessions::of(head, sessions), members, changes }
    }

    /// Which state it is, after every slot before this one.
    #[must_use]
    pub fn head(&self, open: Slot) -> Head {
        let (opened, uses) = self.sessions.counts();
        Head { open, opened, uses, members: self.members.clone(), changes: self.changes }
    }

    /// Puts back what a chunk of the snapshot holds.
    pub fn restore(&mut self, chunk: &Chunk) {
        for (key, value) in &chunk.keys {
            self.store.put(key.clone(), value.clone());
        }
        for (id, session) in &chunk.sessions {
            self.sessions.restore(*id, session.clone());
        }
    }

    /// Does what a command says, unless that was done already.
    pub fn execute(&mut self, command: &Command) -> Outcome {
        let Self { store, sessions, members, changes } = self;
        let mut execute = |op: &Op| match op {
            Op::Replace { old, new } => replace((members, changes), *old, *new),
            op => store.execute(op),
        };
        match (command.id, &command.op) {
            (None, Op::OpenSession) => Outcome::Opened(sessions.open()),
            (None, op) => execute(op),
            (Some(id), op) => sessions.once(id, || execute(op)),
        }
    }
}

/// Puts one replica into another one's place.
fn replace(
    (members, changes): (&mut Arc<[NodeId]>, &mut u64),
    old: NodeId,
    new: NodeId,
) -> Outcome {
    if !members.contains(&old) || members.contains(&new) {
        return Outcome::Nothing;
    }
    *members = members.iter().map(|id| if *id == old { new } else { *id }).collect();
    *changes += 1;
    Outcome::Done
}

/// Keys and values.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Store {
    values: BTreeMap<Blob, Blob>,
    /// Bytes of all of them.
    bytes: u64,
}

impl Store {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &Blob) -> Option<&Blob> {
        self.values.get(key)
    }

    /// How many keys have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether no key has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many bytes keys and values have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All keys with their values.
    pub(super) fn all(&self) -> &BTreeMap<Blob, Blob> {
        &self.values
    }

    /// Gives a key a value.
    pub(super) fn put(&mut self, key: Blob, value: Blob) {
        self.bytes += value.len() as u64;
        let len = key.len() as u64;
        match self.values.insert(key, value) {
            Some(old) => self.bytes -= old.len() as u64,
            None => self.bytes += len,
        }
    }

    /// Takes a key's value away, if it has one.
    fn remove(&mut self, key: &Blob) -> Option<Blob> {
        let old = self.values.remove(key)?;
        self.bytes -= (key.len() + old.len()) as u64;
        Some(old)
    }

    /// Does what is asked for.
    pub fn execute(&mut self, op: &Op) -> Outcome {
        match op {
            Op::Get { key } => self.get(key).cloned().map_or(Outcome::Nothing, Outcome::Value),
            Op::Set { key, only_new: true, .. } if self.get(key).is_some() => Outcome::Nothing,
            Op::Set { value, .. } if value.len() > MAX_VALUE => Outcome::TooLong,
            Op::Set { key, value, .. } => {
                self.put(key.clone(), value.clone());
                Outcome::Done
            }
            Op::Delete { keys } => {
                count(keys.iter().filter(|key| self.remove(key).is_some()).count())
            }
            Op::Increment { key } => self.increment(key),
            Op::Append { key, value } => self.append(key, value),
            Op::CompareAndSet { to, .. } if to.len() > MAX_VALUE => Outcome::TooLong,
            Op::CompareAndSet { key, from, to } => match self.get(key) {
                None => Outcome::Nothing,
                Some(value) if value == from => {
                    self.put(key.clone(), to.clone());
                    Outcome::Number(1)
                }
                Some(_) => Outcome::Number(0),
            },
            // These are done beside the store; a session is not opened within another one.
            Op::OpenSession | Op::Replace { .. } => Outcome::Nothing,
        }
    }

    fn increment(&mut self, key: &Blob) -> Outcome {
        let number = self.get(key).map_or(Some(0), Blob::number);
        let Some(number) = number.and_then(|number| number.checked_add(1)) else {
            return Outcome::NotANumber;
        };
        self.put(key.clone(), number.into());
        Outcome::Number(number)
    }

    fn append(&mut self, key: &Blob, value: &Blob) -> Outcome {
        let known = self.get(key).map_or(&[][..], |known| &known.0);
        let len = known.len() + value.len();
        if len > MAX_VALUE {
            return Outcome::TooLong;
        }
        let value = Blob([known, &value.0].concat().into());
        self.put(key.clone(), value);
        count(len)
    }
}

fn count(of: usize) -> Outcome {
    Outcome::Number(i64::try_from(of).expect("fewer than 2^63"))
}

//! The state as it was at one moment, given away piece by piece while commands go on changing it.
//!
//! To stop the group for a snapshot would be simple, and as long as the state is large. To copy all of
//! it at once would be as long. So nothing is copied at first. The pieces are read from the living state,
//! key by key, and a command that is about to change a key that was not read yet saves its old value
//! first. A snapshot costs as much memory as is written while it is taken, and commands wait for nothing.
//!
//! Operating systems do the same with pages after `fork` (*copy on write*), and Redis takes its snapshots
//! that way.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::store::Machine;
use crate::types::kv::{Blob, Chunk, Command, Head, Op, Outcome, Session, SessionId};
use crate::types::log::Slot;

/// What an item costs beside its bytes.
const ALLOWANCE: usize = 64;

/// A state as it was, as far as it is not given away yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Frozen {
    head: Head,
    keys: Rest<Blob, Blob>,
    sessions: Rest<SessionId, Session>,
}

/// A map as it was, as far as it is not given away yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Rest<K, V> {
    /// What was given away last.
    last: Option<K>,
    /// Whether that was all.
    is_over: bool,
    /// What keys behind it had, if they were changed since.
    old: BTreeMap<K, Option<V>>,
}

impl<K: Ord + Clone, V: Clone> Rest<K, V> {
    fn all() -> Self {
        Self { last: None, is_over: false, old: BTreeMap::new() }
    }

    /// A key may be changed, and has this value still.
    fn keep(&mut self, key: &K, value: Option<&V>) {
        let is_given = self.is_over || self.last.as_ref().is_some_and(|last| key <= last);
        if !is_given && !self.old.contains_key(key) {
            self.old.insert(key.clone(), value.cloned());
        }
    }

    /// The key of the next entry; `now` is the map as it has become. Keys that are new since are passed over.
    fn peek(&mut self, now: &BTreeMap<K, V>) -> Option<K> {
        while !self.is_over {
            let behind = self.last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let there = now.range((behind, Bound::Unbounded)).next().map(|(key, _)| key);
            let kept = self.old.first_key_value().map(|(key, _)| key);
            let Some(key) = there.into_iter().chain(kept).min().cloned() else {
                self.is_over = true;
                break;
            };
            if !matches!(self.old.get(&key), Some(None)) {
                return Some(key);
            }
            self.old.remove(&key);
            self.last = Some(key);
        }
        None
    }

    /// The next entry.
    fn next(&mut self, now: &BTreeMap<K, V>) -> Option<(K, V)> {
        let key = self.peek(now)?;
        let value = self.old.remove(&key).unwrap_or_else(|| now.get(&key).cloned())?;
        self.last = Some(key.clone());
        Some((key, value))
    }
}

impl Frozen {
    /// The state as it is now, in which every slot before `open` is executed.
    #[must_use]
    pub fn new(machine: &Machine, open: Slot) -> Self {
        let head = machine.head(open);
        Self { head, keys: Rest::all(), sessions: Rest::all() }
    }

    /// Which state it is.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// To be called before each command is executed.
    pub fn before(&mut self, machine: &Machine, command: &Command) {
        for key in command.op.writes() {
            self.keys.keep(key, machine.store.get(key));
        }
        let (next, oldest) = machine.sessions.next();
        let changed = match (command.id, &command.op) {
            (Some(id), _) => [Some(id.session), None],
            (None, Op::OpenSession) => [Some(next), oldest],
            (None, _) => [None, None],
        };
        for id in changed.iter().flatten() {
            self.sessions.keep(id, machine.sessions.all().get(id));
        }
    }

    /// The next piece, and whether it is the last. It holds no more than so many bytes beside its last
    /// item. `machine` is the state as it has become; what it was decides where pieces end.
    pub fn next(&mut self, machine: &Machine, bytes: usize) -> (Chunk, bool) {
        let (mut chunk, mut room) = (Chunk { keys: Vec::new(), sessions: Vec::new() }, bytes);
        while room > 0
            && let Some((key, value)) = self.keys.next(machine.store.all())
        {
            room = room.saturating_sub(key.len() + value.len() + ALLOWANCE);
            chunk.keys.push((key, value));
        }
        while room > 0
            && let Some((id, session)) = self.sessions.next(machine.sessions.all())
        {
            room = room.saturating_sub(size(&session) + ALLOWANCE);
            chunk.sessions.push((id, session));
        }
        let is_last = self.keys.peek(machine.store.all()).is_none()
            && self.sessions.peek(machine.sessions.all()).is_none();
        (chunk, is_last)
    }
}

fn size(session: &Session) -> usize {
    match &session.outcome {
        Outcome::Value(value) => value.len(),
        _ => 0,
    }
}

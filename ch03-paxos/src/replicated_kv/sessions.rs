//! Exactly once: a request that comes again is answered, and not done again.
//!
//! A client that hears nothing cannot tell a lost request from a lost answer. It has to ask again, and
//! then the request may be in the log twice. So each session's last answer is part of the replicated
//! state: whoever leads, and whatever was lost, the second copy finds the answer of the first.
//!
//! That state has to have an end. When there are too many sessions, the one that was used longest ago
//! is closed. *Longest ago* is counted in requests, not in seconds: replicas have no common clock, and
//! all of them have to close the same one. A request of a closed session is answered *expired*. To do it
//! as if it were new would be the very thing that sessions are there to prevent.
//!
//! Source: Lee, Park, Kejriwal, Matsushita and Ousterhout 2015 (RIFL); Ongaro 2014, section 6.3.
//!
//! # Left out
//!
//! Several requests of one session at a time: a later one makes the earlier ones *superseded*.

use std::collections::BTreeMap;

use crate::types::kv::{Head, Outcome, RequestId, Session, SessionId};

/// The open sessions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sessions {
    /// No more than these are open at a time.
    limit: usize,
    /// How many were ever opened: each gets the next number.
    opened: u64,
    /// Counts what sessions do: the clock by which one is used longest ago.
    uses: u64,
    open: BTreeMap<SessionId, Session>,
    /// The open sessions in the order of their last use.
    by_use: BTreeMap<u64, SessionId>,
}

impl Sessions {
    /// No session, and at most so many.
    ///
    /// # Panics
    /// If there may be none.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        assert!(limit > 0, "a session that is closed at once is of no use");
        let (open, by_use) = (BTreeMap::new(), BTreeMap::new());
        Self { limit, opened: 0, uses: 0, open, by_use }
    }

    /// How many were ever opened, and how many things all of them did.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.opened, self.uses)
    }

    /// What a snapshot of at most so many sessions begins with.
    pub(super) fn of(head: &Head, limit: usize) -> Self {
        Self { opened: head.opened, uses: head.uses, ..Self::new(limit) }
    }

    /// Puts back one that a snapshot holds.
    pub(super) fn restore(&mut self, id: SessionId, session: Session) {
        self.by_use.insert(session.used, id);
        self.open.insert(id, session);
    }

    /// The open sessions.
    pub(super) fn all(&self) -> &BTreeMap<SessionId, Session> {
        &self.open
    }

    /// The session that is opened next, and the one that is closed for it.
    pub(super) fn next(&self) -> (SessionId, Option<SessionId>) {
        let is_full = self.open.len() == self.limit;
        let oldest = self.by_use.first_key_value().filter(|_| is_full);
        (SessionId(self.opened + 1), oldest.map(|(_, id)| *id))
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Opens a session, and closes the one that was used longest ago if there are too many.
    pub(super) fn open(&mut self) -> SessionId {
        let (id, oldest) = self.next();
        if let Some(session) = oldest.and_then(|oldest| self.open.remove(&oldest)) {
            self.by_use.remove(&session.used);
        }
        self.opened += 1;
        self.open.insert(id, Session { used: 0, seq: 0, outcome: Outcome::Opened(id) });
        self.touch(id);
        id
    }

    // ANCHOR: once
    /// Does a request, unless this session's last request is this one or a later one.
    pub(super) fn once(&mut self, id: RequestId, execute: impl FnOnce() -> Outcome) -> Outcome {
        let Some(session) = self.open.get_mut(&id.session) else { return Outcome::Expired };
        if id.seq < session.seq {
            return Outcome::Superseded;
        }
        if id.seq > session.seq {
            session.seq = id.seq;
            session.outcome = execute();
        }
        let outcome = session.outcome.clone();
        self.touch(id.session);
        outcome
    }
    // ANCHOR_END: once

    fn touch(&mut self, id: SessionId) {
        self.uses += 1;
        let session = self.open.get_mut(&id).expect("it is open");
        self.by_use.remove(&session.used);
        session.used = self.uses;
        self.by_use.insert(self.uses, id);
    }
}

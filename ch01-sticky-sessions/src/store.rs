//! The session store: one process that all web nodes ask (from step 5 on).
//!
//! It keeps each session under a version and writes every change to its log before it answers. It offers
//! two ways to write: *save this*, and *save this if the session still has that version*
//! (compare-and-set). Which one a web node uses is what steps 5 and 7 are about. In the running system
//! this is Redis, or chapter 3's replicated store.
//!
//! A session ends a day after its last change. What has ended keeps its version for as long, so that a
//! request that is late cannot bring it back. To keep the log short, the store writes all sessions again
//! now and then, a few with each save, and drops what was written before.
//!
//! Each user has an *epoch*, a number that only grows. A session belongs to the epoch in which it began;
//! when the user signs out everywhere the next epoch begins, and all sessions of earlier ones have ended.
//! That is one write, however many sessions there are.
//!
//! # Left out
//!
//! A limit to the number of sessions; a session that is looked at does not live longer. An end of epochs: a
//! user who has ever signed out everywhere is a number in here for ever. A clock that was far
//! off when a session was saved: it ends too early, or too late.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use lab::node::Mark;
use lab::{Node, NodeId};

use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{Epoch, Kept, Msg, Record, Session, SessionId, User, Version, wait};

/// So many sessions, and epochs, are written again with each save, while the log is made short.
const WITH_EACH_SAVE: usize = 4;

/// The store.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Store {
    /// With the time of the last change.
    sessions: BTreeMap<SessionId, (Kept, Duration)>,
    /// Of users who have signed out everywhere; that of all others is 0.
    epochs: BTreeMap<User, Epoch>,
    /// The log is made short after so many saves.
    rewrite_after: u64,
    /// Saves since it was.
    saves: u64,
    rewrite: Option<Rewrite>,
}

/// Sessions and epochs are being written again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Rewrite {
    mark: Mark,
    /// Sessions up to and with this one.
    done: Option<SessionId>,
    /// Epochs up to and with that of this user.
    users: Option<User>,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(10_000)
    }
}

impl Store {
    /// A store that makes its log short after so many saves, and never before it is twice as long as needed.
    #[must_use]
    pub fn new(rewrite_after: u64) -> Self {
        let (sessions, epochs) = (BTreeMap::new(), BTreeMap::new());
        Self { sessions, epochs, rewrite_after, saves: 0, rewrite: None }
    }

    fn epoch(&self, user: &User) -> Epoch {
        self.epochs.get(user).copied().unwrap_or_default()
    }

    fn kept(&self, id: SessionId, now: Duration) -> Kept {
        let kept = self.sessions.get(&id).filter(|(_, since)| is_alive(*since, now));
        let Kept { version, session } = kept.map(|(kept, _)| kept.clone()).unwrap_or_default();
        let session = session.filter(|session| session.epoch >= self.epoch(&session.user));
        Kept { version, session }
    }

    // ANCHOR: save
    fn save(
        &mut self,
        id: SessionId,
        session: Option<Session>,
        expected: Option<Version>,
        cx: &mut Cx,
    ) -> Result<Version, Kept> {
        let now = self.kept(id, cx.now());
        if expected.is_some_and(|expected| expected != now.version) {
            return Err(now);
        }
        // The end of an epoch has ended it, and left its version as it was.
        if expected.is_some_and(|expected| expected > 0) && now.session.is_none() {
            return Err(now);
        }
        let session = session.map(|new| Session { epoch: self.epoch(&new.user), ..new });
        let version = now.version + 1;
        let kept = Kept { version, session };
        self.sessions.insert(id, (kept.clone(), cx.now()));
        cx.persist(Record::Kept(id, kept, cx.now()));
        Ok(version)
    }
    // ANCHOR_END: save

    // ANCHOR: revoke
    /// Ends all sessions that the user of this one has begun so far, and gives the user. What is asked a
    /// second time changes nothing: the session has ended with the others.
    fn revoke(&mut self, id: SessionId, cx: &mut Cx) -> Option<User> {
        let Session { user, epoch, .. } = self.kept(id, cx.now()).session?;
        self.epochs.insert(user.clone(), epoch + 1);
        cx.persist(Record::Epoch(user.clone(), epoch + 1));
        Some(user)
    }
    // ANCHOR_END: revoke

    /// Begins to write all sessions again if the log is long, or goes on.
    fn rewrite(&mut self, cx: &mut Cx) {
        self.saves += 1;
        let limit = self.rewrite_after.max((self.sessions.len() + self.epochs.len()) as u64);
        if self.rewrite.is_none() && self.saves >= limit {
            self.saves = 0;
            self.rewrite = Some(Rewrite { mark: cx.mark(), done: None, users: None });
        }
        let Some(Rewrite { mark, done, users }) = self.rewrite.clone() else { return };
        let epochs = self.epochs.range((after(users.clone()), Bound::Unbounded));
        let epochs: Vec<_> = epochs.take(WITH_EACH_SAVE).collect();
        let users = epochs.last().map(|(user, _)| (*user).clone()).or(users);
        for (user, epoch) in &epochs {
            cx.persist(Record::Epoch((*user).clone(), **epoch));
        }
        let are_epochs_done = epochs.len() < WITH_EACH_SAVE;
        let next = self.sessions.range((after(done), Bound::Unbounded)).take(WITH_EACH_SAVE);
        let next: Vec<SessionId> = next.map(|(id, _)| *id).collect();
        for id in &next {
            let (kept, since) = &self.sessions[id];
            if is_alive(*since, cx.now()) {
                cx.persist(Record::Kept(*id, kept.clone(), *since));
            } else {
                self.sessions.remove(id);
                cx.persist(Record::Dropped(*id));
            }
        }
        if are_epochs_done && next.len() < WITH_EACH_SAVE {
            self.rewrite = None;
            cx.discard_before(mark);
        } else {
            self.rewrite = Some(Rewrite { mark, done: next.last().copied().or(done), users });
        }
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Load { number, id } => {
                cx.send(from, Msg::Loaded { number, kept: self.kept(id, cx.now()) });
            }
            Msg::Save { number, id, session, expected } => {
                let result = self.save(id, session, expected, cx);
                cx.send(from, Msg::Saved { number, result });
                self.rewrite(cx);
            }
            Msg::Revoke { number, id } => {
                let user = self.revoke(id, cx);
                cx.send(from, Msg::Revoked { number, user });
                self.rewrite(cx);
            }
            Msg::Check => cx.send(from, Msg::Healthy { sessions: self.sessions.len() as u64 }),
            other => shop::ignore(&other),
        }
    }
}

/// Where to go on after this one.
fn after<T>(done: Option<T>) -> Bound<T> {
    done.map_or(Bound::Unbounded, Bound::Excluded)
}

/// Whether what was changed then is still kept.
fn is_alive(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) < wait::LIFETIME
}

impl Node for Store {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(Record::Kept(id, kept, since)) => {
                self.sessions.insert(id, (kept, since));
            }
            Input::Replay(Record::Dropped(id)) => {
                self.sessions.remove(&id);
            }
            Input::Replay(Record::Epoch(user, epoch)) => {
                self.epochs.insert(user, epoch);
            }
            // How long the log is that this start has read is not known here: it is made short at once.
            Input::Boot { start } if start > 1 => self.saves = u64::MAX / 2,
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let sessions = self.sessions.iter().map(|(id, (kept, _))| format!("{id} {kept}"));
        let epochs = self.epochs.iter().map(|(user, epoch)| format!("{user} is in epoch {epoch}"));
        let lines: Vec<String> = sessions.chain(epochs).collect();
        Summary::of(if lines.is_empty() { "no session".into() } else { lines.join("; ") })
    }
}

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
//! # Left out
//!
//! A limit to the number of sessions; a session that is looked at does not live longer. A clock that was far
//! off when a session was saved: it ends too early, or too late.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use lab::node::Mark;
use lab::{Node, NodeId};

use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{Kept, Msg, Record, Session, SessionId, Version, wait};

/// So many sessions are written again with each save, while the log is made short.
const WITH_EACH_SAVE: usize = 4;

/// The store.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Store {
    /// With the time of the last change.
    sessions: BTreeMap<SessionId, (Kept, Duration)>,
    /// The log is made short after so many saves.
    rewrite_after: u64,
    /// Saves since it was.
    saves: u64,
    rewrite: Option<Rewrite>,
}

/// The sessions are being written again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Rewrite {
    mark: Mark,
    /// Up to and with this one.
    done: Option<SessionId>,
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
        Self { sessions: BTreeMap::new(), rewrite_after, saves: 0, rewrite: None }
    }

    fn kept(&self, id: SessionId, now: Duration) -> Kept {
        let kept = self.sessions.get(&id).filter(|(_, since)| is_alive(*since, now));
        kept.map(|(kept, _)| kept.clone()).unwrap_or_default()
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
        let version = now.version + 1;
        let kept = Kept { version, session };
        self.sessions.insert(id, (kept.clone(), cx.now()));
        cx.persist(Record::Kept(id, kept, cx.now()));
        Ok(version)
    }
    // ANCHOR_END: save

    /// Begins to write all sessions again if the log is long, or goes on.
    fn rewrite(&mut self, cx: &mut Cx) {
        self.saves += 1;
        let limit = self.rewrite_after.max(self.sessions.len() as u64);
        if self.rewrite.is_none() && self.saves >= limit {
            self.saves = 0;
            self.rewrite = Some(Rewrite { mark: cx.mark(), done: None });
        }
        let Some(Rewrite { mark, done }) = self.rewrite.clone() else { return };
        let from = done.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.sessions.range((from, Bound::Unbounded)).take(WITH_EACH_SAVE);
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
        if next.len() == WITH_EACH_SAVE {
            self.rewrite = Some(Rewrite { mark, done: next.last().copied() });
        } else {
            self.rewrite = None;
            cx.discard_before(mark);
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
            Msg::Check => cx.send(from, Msg::Healthy { sessions: self.sessions.len() as u64 }),
            other => shop::ignore(&other),
        }
    }
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
            // How long the log is that this start has read is not known here: it is made short at once.
            Input::Boot { start } if start > 1 => self.saves = u64::MAX / 2,
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let sessions = self.sessions.iter().map(|(id, (kept, _))| format!("{id} {kept}"));
        let sessions: Vec<String> = sessions.collect();
        Summary::of(if sessions.is_empty() { "no session".into() } else { sessions.join("; ") })
    }
}

//! The session store: one process that all web nodes ask (from step 5 on).
//!
//! It keeps each session under a version and writes every change to its log before it answers. It offers
//! two ways to write: *save this*, and *save this if the session still has that version*
//! (compare-and-set). Which one a web node uses is what steps 5 and 7 are about. In the running system
//! this is Redis, or chapter 3's replicated store.

use std::collections::BTreeMap;

use lab::{Node, NodeId};

use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{Kept, Msg, Record, Session, SessionId, Version};

/// The store.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Store {
    sessions: BTreeMap<SessionId, Kept>,
}

impl Store {
    fn kept(&self, id: SessionId) -> Kept {
        self.sessions.get(&id).cloned().unwrap_or_default()
    }

    // ANCHOR: save
    fn save(
        &mut self,
        id: SessionId,
        session: Option<Session>,
        expected: Option<Version>,
        cx: &mut Cx,
    ) -> Result<Version, Kept> {
        let now = self.kept(id);
        if expected.is_some_and(|expected| expected != now.version) {
            return Err(now);
        }
        let version = now.version + 1;
        let kept = Kept { version, session };
        self.sessions.insert(id, kept.clone());
        cx.persist(Record::Kept(id, kept));
        Ok(version)
    }
    // ANCHOR_END: save

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Load { number, id } => cx.send(from, Msg::Loaded { number, kept: self.kept(id) }),
            Msg::Save { number, id, session, expected } => {
                let result = self.save(id, session, expected, cx);
                cx.send(from, Msg::Saved { number, result });
            }
            Msg::Check => cx.send(from, Msg::Healthy { sessions: self.sessions.len() as u64 }),
            other => shop::ignore(&other),
        }
    }
}

impl Node for Store {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(Record::Kept(id, kept)) => {
                self.sessions.insert(id, kept);
            }
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let sessions = self.sessions.iter().map(|(id, kept)| format!("{id} {kept}"));
        let sessions: Vec<String> = sessions.collect();
        Summary::of(if sessions.is_empty() { "no session".into() } else { sessions.join("; ") })
    }
}

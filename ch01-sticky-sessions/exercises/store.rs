//! # Save, if nobody was first
//! stars: 2
//! Write the `save` of the session store. With `expected`, save only if the session still has that version,
//! and say what is there otherwise. `None` as a session ends it. Whoever is told of a save may rely on it after a
//! restart.
//! hint 1: A session that was never saved has version 0, and each save adds 1: `Kept::default()` is the former.
//! hint 2: A session that has ended is kept too, with its version and without a session.
//! hint 3: `cx.persist(Record::Kept(id, kept, cx.now()))` writes it down; the answer leaves after that.

use std::collections::BTreeMap;

use ch01_sticky_sessions::shop::{AnyNode, Cx, Input, Shop, Summary};
use ch01_sticky_sessions::types::{Kept, Msg, Record, Session, SessionId, Version};
use lab::Node;

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Store {
    sessions: BTreeMap<SessionId, Kept>,
}

impl Store {
    /// The new version; or, if another one was there than was expected, what is there.
    fn save(
        &mut self,
        id: SessionId,
        session: Option<Session>,
        expected: Option<Version>,
        cx: &mut Cx,
    ) -> Result<Version, Kept> {
        // SOLUTION-BEGIN
        let now = self.sessions.get(&id).cloned().unwrap_or_default();
        if expected.is_some_and(|expected| expected != now.version) {
            return Err(now);
        }
        let version = now.version + 1;
        let kept = Kept { version, session };
        self.sessions.insert(id, kept.clone());
        cx.persist(Record::Kept(id, kept, cx.now()));
        Ok(version)
        // SOLUTION-END
        // STARTER: let kept = Kept { version: 1, session };
        // STARTER: self.sessions.insert(id, kept);
        // STARTER: Ok(1)
    }
}

impl Node for Store {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(Record::Kept(id, kept, _)) => {
                self.sessions.insert(id, kept);
            }
            Input::Message { from, msg: Msg::Load { number, id } } => {
                let kept = self.sessions.get(&id).cloned().unwrap_or_default();
                cx.send(from, Msg::Loaded { number, kept });
            }
            Input::Message { from, msg: Msg::Save { number, id, session, expected } } => {
                let result = self.save(id, session, expected, cx);
                cx.send(from, Msg::Saved { number, result });
            }
            Input::Message { .. }
            | Input::Replay(_)
            | Input::Boot { .. }
            | Input::Timeout(_)
            | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::of(format!("{} sessions", self.sessions.len()))
    }
}

pub fn check() -> Result<String, String> {
    ch01_sticky_sessions::exercises::store(|| AnyNode::new(Store::default()))
}

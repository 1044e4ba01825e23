//! Edge: makes it survive the real world. The lesson is in `step7_affinity_hint.rs`.
//!
//! The session store elsewhere: whatever serves GET, SET with NX, and a compare-and-set in RESP. Chapter 3's
//! replicated store has `CAS key old new`; a Redis does the same with a script. A web node asks its store as
//! it always does, with messages, and [`Sessions`] answers them from inside of the web process. So no process
//! stands between the web processes and the servers of the store.
//!
//! A session is a row: its key is `session/` and its id, its value a [`Kept`] as JSON.
//!
//! # Left out
//!
//! An end of rows: a store that is full of sessions long gone has to be emptied. Reads with a lease.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use lab::NodeId;
use lab::resp::{Reply, Servers};
use lab::run::{Delivery, ExternalNode, Fatal, Place, attend};
use tokio::runtime::Handle;

use crate::types::{Kept, Msg, Session, SessionId, Version};
use crate::worlds::STORE;

/// So many questions may be open; further ones wait.
const MOST_OPEN: usize = 64;
/// So often a change is made again on top of what somebody else has saved; then the web node gives up.
const TRIES: usize = 10;
/// What a Redis does in the place of CAS.
const SCRIPT: &[u8] = b"local now = redis.call('GET', KEYS[1]) \
    if now == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end return 0";

/// Sessions in a store that serves RESP.
pub struct Sessions {
    servers: Servers,
    /// The store does not know CAS.
    by_script: AtomicBool,
}

/// There is no answer. What was asked may have been done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(String);

impl Sessions {
    /// Sessions in the store that these servers serve.
    #[must_use]
    pub fn new(servers: Servers) -> Self {
        Self { servers, by_script: AtomicBool::new(false) }
    }

    /// What is kept under the name of a session.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn load(&self, id: SessionId) -> Result<Kept, NoAnswer> {
        Ok(self.read(&key(id)).await?.0)
    }

    /// Keeps a session under its next version; with `expected`, only if it still has that version. Gives what
    /// is there if it has another one. It may be this very session, if an earlier try was carried out and its
    /// answer was lost.
    ///
    /// # Errors
    /// The store does not answer, or too many others save the same session.
    pub async fn save(
        &self,
        id: SessionId,
        session: Option<Session>,
        expected: Option<Version>,
    ) -> Result<Result<Version, Kept>, NoAnswer> {
        let key = key(id);
        for _ in 0..TRIES {
            let (kept, before) = self.read(&key).await?;
            if expected.is_some_and(|expected| expected != kept.version) {
                return Ok(Err(kept));
            }
            let version = kept.version + 1;
            let new = Kept { version, session: session.clone() };
            let new = serde_json::to_vec(&new).expect("plain data always serialises");
            if self.replace(&key, before, &new).await? {
                return Ok(Ok(version));
            }
        }
        Err(NoAnswer(format!("a session was saved by others {TRIES} times meanwhile")))
    }

    async fn read(&self, key: &str) -> Result<(Kept, Option<Bytes>), NoAnswer> {
        match self.call(&[b"GET", key.as_bytes()]).await? {
            Reply::Nil => Ok((Kept::default(), None)),
            Reply::Bulk(value) => {
                let kept = serde_json::from_slice(&value).map_err(|_| {
                    NoAnswer("what the store has in the place of a session is none".into())
                });
                Ok((kept?, Some(value)))
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Puts a value in the place of another one, or of none; `false` if something else is there.
    async fn replace(
        &self,
        key: &str,
        before: Option<Bytes>,
        new: &[u8],
    ) -> Result<bool, NoAnswer> {
        let key = key.as_bytes();
        let Some(before) = before else {
            return match self.call(&[b"SET", key, new, b"NX"]).await? {
                Reply::Simple(_) => Ok(true),
                Reply::Nil => Ok(false),
                other => Err(unexpected(&other)),
            };
        };
        if !self.by_script.load(Relaxed) {
            match self.call(&[b"CAS", key, &before, new]).await? {
                Reply::Integer(done) => return Ok(done == 1),
                Reply::Nil => return Ok(false),
                Reply::Error(said) if said.starts_with("ERR unknown command") => {
                    self.by_script.store(true, Relaxed);
                }
                other => return Err(unexpected(&other)),
            }
        }
        match self.call(&[b"EVAL", SCRIPT, b"1", key, &before, new]).await? {
            Reply::Integer(done) => Ok(done == 1),
            other => Err(unexpected(&other)),
        }
    }

    async fn call(&self, command: &[&[u8]]) -> Result<Reply, NoAnswer> {
        self.servers.call(command).await.map_err(|none| NoAnswer(none.to_string()))
    }

    /// What a web node is answered; `None` if the store does not answer, and then the node waits no longer
    /// than it always does.
    async fn answer(&self, msg: Msg) -> Option<Msg> {
        let answered = match msg {
            Msg::Load { number, id } => {
                self.load(id).await.map(|kept| Msg::Loaded { number, kept })
            }
            Msg::Save { number, id, session, expected } => {
                self.save(id, session, expected).await.map(|result| Msg::Saved { number, result })
            }
            _ => return None,
        };
        answered.inspect_err(|why| tracing::warn!(%why, "the session store does not answer")).ok()
    }
}

fn key(id: SessionId) -> String {
    format!("session/{}", String::from(id))
}

/// No text of the store beyond its first words: it may repeat a key, and who reads it in a log could be
/// signed in as somebody else.
fn unexpected(reply: &Reply) -> NoAnswer {
    NoAnswer(match reply {
        Reply::Error(said) => said.split(['\'', '"', '`']).next().unwrap_or_default().to_owned(),
        _ => "the store's reply is no answer to this question".into(),
    })
}

/// What a web node takes for its store: it lives in the web node's own process.
pub(super) struct Bridge {
    node: Arc<ExternalNode<Msg>>,
}

impl Bridge {
    /// Answers the web node `web` of this cluster, which is at `addr` and was started so often.
    pub(super) fn start(
        sessions: Sessions,
        cluster: u64,
        (web, addr, start): (NodeId, SocketAddr, u64),
        runtime: &Handle,
    ) -> Result<Self, Fatal> {
        let place = Place { cluster, me: STORE, start, listen: ([127, 0, 0, 1], 0).into() };
        let (node, deliveries) = ExternalNode::start(place, runtime.clone())?;
        let (node, sessions) = (Arc::new(node), Arc::new(sessions));
        node.set_peers(BTreeMap::from([(web, addr)]));
        let answering = Arc::clone(&node);
        let handle = move |Delivery { from, msg, context }: Delivery<Msg>| {
            let (node, sessions) = (Arc::clone(&answering), Arc::clone(&sessions));
            async move {
                if let Some(answer) = sessions.answer(msg).await {
                    node.send(from, &answer, &context);
                }
            }
        };
        runtime.spawn(attend(deliveries, MOST_OPEN, std::future::pending(), handle));
        Ok(Self { node })
    }

    /// Where the web node reaches it.
    pub(super) fn addr(&self) -> SocketAddr {
        self.node.addr()
    }
}

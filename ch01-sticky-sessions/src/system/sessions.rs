//! Edge: makes it survive the real world. The lesson is in `step7_affinity_hint.rs`.
//!
//! The session store elsewhere: whatever serves GET, SET with NX, and a compare-and-set in RESP. Chapter 3's
//! replicated store has `CAS key old new`; a Redis does the same with a script. A web node asks its store as
//! it always does, with messages, and [`Sessions`] answers them from inside of the web process. So no process
//! stands between the web processes and the servers of the store.
//!
//! A session is a row: its key is `session/` and its id, which is a hash ([`super::hashed`]), its value a
//! [`Kept`] as JSON. So is the epoch of a user who has signed out everywhere: its key is `epoch/` and the name,
//! its value a number. A session is read first, since it says who the user is; an epoch that was over when the
//! question began is seen.
//!
//! # Left out
//!
//! An end of rows in chapter 3's store, which has none: there, sessions long gone stay. A Redis drops a session
//! a day after its last change. Epochs have no end. Reads with a lease.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use lab::NodeId;
use lab::resp::{Reply, Servers};
use lab::run::{Delivery, ExternalNode, Fatal, Place, attend};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use crate::types::{Epoch, Kept, Msg, Session, SessionId, User, Version, wait};
use crate::worlds::STORE;

/// So many questions may be open; further ones wait.
const MOST_OPEN: usize = 64;
/// So often a change is made again on top of what somebody else has saved; then the web node gives up.
const TRIES: usize = 10;
/// What a Redis does in the place of CAS. A row without an end has 0 for it.
const SCRIPT: &[u8] = b"if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
    if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2]) \
    else redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end return 1";

/// Sessions in a store that serves RESP.
pub struct Sessions {
    servers: Servers,
    /// Known from the first change on.
    is_redis: OnceCell<bool>,
}

/// What is there in the place of a session.
#[derive(Default)]
struct Read {
    /// Without the session, if its epoch is over.
    kept: Kept,
    row: Option<Bytes>,
    /// That of the session's user.
    epoch: Option<Epoch>,
}

/// There is no answer. What was asked may have been done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(String);

impl Sessions {
    /// Sessions in the store that these servers serve.
    #[must_use]
    pub fn new(servers: Servers) -> Self {
        Self { servers, is_redis: OnceCell::new() }
    }

    /// What is kept under the name of a session.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn load(&self, id: SessionId) -> Result<Kept, NoAnswer> {
        Ok(self.read(&key(id)).await?.kept)
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
            let Read { kept, row, epoch } = self.read(&key).await?;
            // The end of an epoch ends a session, and leaves its version as it is.
            let has_ended = kept.version > 0 && kept.session.is_none();
            if expected.is_some_and(|expected| expected != kept.version || has_ended) {
                return Ok(Err(kept));
            }
            let epoch = match (epoch, &session) {
                (None, Some(new)) => self.epoch(&new.user).await?.0,
                (known, _) => known.unwrap_or_default(),
            };
            let version = kept.version + 1;
            let new =
                Kept { version, session: session.clone().map(|new| Session { epoch, ..new }) };
            let new = serde_json::to_vec(&new).expect("plain data always serialises");
            if self.replace(&key, row, &new, Some(wait::LIFETIME.as_secs())).await? {
                return Ok(Ok(version));
            }
        }
        Err(NoAnswer(format!("a session was saved by others {TRIES} times meanwhile")))
    }

    /// Ends all sessions that the user of this one has begun so far, and gives the user; `None` if this one
    /// has ended itself.
    ///
    /// # Errors
    /// The store does not answer, or this user's epoch has something else in its place.
    pub async fn revoke(&self, id: SessionId) -> Result<Option<User>, NoAnswer> {
        let Some(session) = self.load(id).await?.session else { return Ok(None) };
        let key = epoch_key(&session.user);
        for _ in 0..TRIES {
            let (epoch, row) = self.epoch(&session.user).await?;
            // Another request may have ended it since.
            let is_done = epoch > session.epoch;
            let next = (epoch + 1).to_string();
            if is_done || self.replace(&key, row, next.as_bytes(), None).await? {
                return Ok(Some(session.user));
            }
        }
        Err(NoAnswer(format!("an epoch was changed by others {TRIES} times meanwhile")))
    }

    async fn epoch(&self, user: &User) -> Result<(Epoch, Option<Bytes>), NoAnswer> {
        match self.call(&[b"GET", epoch_key(user).as_bytes()]).await? {
            Reply::Nil => Ok((0, None)),
            Reply::Bulk(value) => {
                let text = std::str::from_utf8(&value).ok();
                let epoch =
                    text.and_then(|text| text.parse().ok()).filter(|epoch| *epoch < Epoch::MAX);
                let none =
                    || NoAnswer("what the store has in the place of an epoch is none".into());
                Ok((epoch.ok_or_else(none)?, Some(value)))
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn read(&self, key: &str) -> Result<Read, NoAnswer> {
        let row = match self.call(&[b"GET", key.as_bytes()]).await? {
            Reply::Nil => return Ok(Read::default()),
            Reply::Bulk(row) => row,
            other => return Err(unexpected(&other)),
        };
        let kept: Kept = serde_json::from_slice(&row)
            .map_err(|_| NoAnswer("what the store has in the place of a session is none".into()))?;
        let epoch = match &kept.session {
            Some(session) => Some(self.epoch(&session.user).await?.0),
            None => None,
        };
        let session = kept.session.filter(|session| epoch <= Some(session.epoch));
        Ok(Read { kept: Kept { session, ..kept }, row: Some(row), epoch })
    }

    /// Puts a value in the place of another one, or of none; `false` if something else is there. With `ends`,
    /// a Redis drops the row so many seconds later.
    async fn replace(
        &self,
        key: &str,
        before: Option<Bytes>,
        new: &[u8],
        ends: Option<u64>,
    ) -> Result<bool, NoAnswer> {
        let (key, is_redis) = (key.as_bytes(), self.is_redis().await?);
        let end = ends.filter(|_| is_redis).map(|seconds| seconds.to_string());
        let end = end.as_ref().map(String::as_bytes);
        let reply = match (before, end) {
            (None, None) => self.call(&[b"SET", key, new, b"NX"]).await?,
            (None, Some(end)) => self.call(&[b"SET", key, new, b"NX", b"EX", end]).await?,
            (Some(before), _) if !is_redis => self.call(&[b"CAS", key, &before, new]).await?,
            (Some(before), end) => {
                let end = end.unwrap_or(b"0");
                self.call(&[b"EVAL", SCRIPT, b"1", key, &before, new, end]).await?
            }
        };
        match reply {
            Reply::Simple(_) => Ok(true),
            Reply::Nil => Ok(false),
            Reply::Integer(done) => Ok(done == 1),
            other => Err(unexpected(&other)),
        }
    }

    /// Whether scripts stand in the place of CAS: asked once.
    async fn is_redis(&self) -> Result<bool, NoAnswer> {
        let ask = async || match self.call(&[b"EVAL", b"return 1", b"0"]).await? {
            Reply::Integer(_) => Ok(true),
            Reply::Error(said) if said.starts_with("ERR unknown command") => Ok(false),
            other => Err(unexpected(&other)),
        };
        self.is_redis.get_or_try_init(ask).await.copied()
    }

    async fn call(&self, command: &[&[u8]]) -> Result<Reply, NoAnswer> {
        self.servers.call(command).await.map_err(|none| NoAnswer(none.to_string()))
    }

    /// What a web node is answered; `None` if the store does not answer while the node waits. Then nothing
    /// more is done for it: it has told its browser that nothing is known.
    async fn answer(&self, msg: Msg) -> Option<Msg> {
        tokio::time::timeout(wait::STORE.start, self.ask(msg)).await.ok().flatten()
    }

    async fn ask(&self, msg: Msg) -> Option<Msg> {
        let answered = match msg {
            Msg::Load { number, id } => {
                self.load(id).await.map(|kept| Msg::Loaded { number, kept })
            }
            Msg::Save { number, id, session, expected } => {
                self.save(id, session, expected).await.map(|result| Msg::Saved { number, result })
            }
            Msg::Revoke { number, id } => {
                self.revoke(id).await.map(|user| Msg::Revoked { number, user })
            }
            _ => return None,
        };
        answered.inspect_err(|why| tracing::warn!(%why, "the session store does not answer")).ok()
    }
}

fn key(id: SessionId) -> String {
    format!("session/{}", String::from(id))
}

fn epoch_key(user: &User) -> String {
    format!("epoch/{}", user.0)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nothing_more_is_done_for_a_web_node_that_has_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("redis://{}", silent.local_addr().expect("it is bound"));
        let servers = Servers::at(&address, Duration::from_secs(3_600)).expect("an address");
        let (sessions, began) = (Sessions::new(servers), Instant::now());
        let msg = Msg::Revoke { number: 1, id: SessionId(7) };
        assert_eq!(sessions.answer(msg).await, None);
        assert!(began.elapsed() <= wait::STORE.end, "in virtual time: {:?}", began.elapsed());
    }
}

//! The process between the nodes and the store. It remembers nothing that has to survive: killed at any
//! moment, it is started again and asked again.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Notify, OnceCell};

use super::{Away, FirstWrite};
use crate::NodeId;
use crate::run::disk::sync_directory;
use crate::run::{Deliveries, Delivery, ExternalNode, Place, attend};
use crate::system::effect_count::EffectCount;
use crate::system::error::Error;
use crate::system::service::{BoxFuture, RoleConfig, Service, Status};
use crate::system::terminal::quoted;

/// So many questions may be open; further ones wait, and then no socket is read.
const MOST_OPEN: usize = 64;
/// The key under which a store notes that it is in use.
const BEGUN: &str = "begun";
/// What is put there by a process that knows the store to be in use: where this stays, the store was empty.
const AGAIN: &[u8] = b"again";
/// The file that notes the same in the directory of the role.
const USED: &str = "store-was-used";
/// The file that notes that the store was empty although it was used.
const LOST: &str = "store-was-empty";

/// What is asked for: this value under this key, if there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Printable text.
    pub key: String,
    /// Any bytes.
    pub value: Vec<u8>,
}

/// How the nodes ask and are answered.
#[derive(Debug)]
pub struct StoreWords<M> {
    /// The row that a message asks for; `None` for any other message.
    pub question: fn(&M) -> Option<Asked>,
    /// The answer with this value; `None` if it is none of ours.
    pub answer: fn(&[u8]) -> Option<M>,
}

impl<M> Clone for StoreWords<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for StoreWords<M> {}

/// A store as a role's service. Dropping it ends it.
pub struct StoreService<M> {
    inner: Arc<Inner<M>>,
    runtime: Mutex<Option<Runtime>>,
    handle: Handle,
}

struct Inner<M> {
    node: ExternalNode<M>,
    store: Box<dyn FirstWrite>,
    words: StoreWords<M>,
    name: String,
    start: u64,
    effects: EffectCount,
    dir: PathBuf,
    is_known: OnceCell<()>,
    /// Why the store does not answer, while it does not.
    waits: Mutex<Option<String>>,
    end: Notify,
    is_over: tokio::sync::watch::Sender<bool>,
}

impl<M: Serialize + DeserializeOwned + Send + Sync + 'static> StoreService<M> {
    /// Listens, and passes questions on to the store, which is called `name` in reports. The store need
    /// not answer yet.
    ///
    /// # Errors
    /// The port is taken, or the role's directory cannot be made.
    pub fn start(
        config: &RoleConfig,
        name: String,
        store: Box<dyn FirstWrite>,
        words: StoreWords<M>,
    ) -> Result<Self, Error> {
        std::fs::create_dir_all(&config.dir).map_err(Error::io("make the directory"))?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(Error::io("start a runtime"))?;
        let handle = runtime.handle().clone();
        let (cluster, me, start) = (config.network, config.role.id, config.least_start);
        let place = Place { cluster, me, start, listen: config.listen };
        let (node, deliveries) = ExternalNode::start(place, handle.clone())?;
        let inner = Arc::new(Inner {
            node,
            store,
            words,
            name,
            start,
            effects: EffectCount::new(config.crash_after_effect),
            dir: config.dir.clone(),
            is_known: OnceCell::new(),
            waits: Mutex::default(),
            end: Notify::new(),
            is_over: tokio::sync::watch::Sender::new(false),
        });
        handle.spawn(Arc::clone(&inner).run(deliveries));
        Ok(Self { inner, runtime: Mutex::new(Some(runtime)), handle })
    }
}

impl<M: Serialize + DeserializeOwned + Send + Sync + 'static> Inner<M> {
    async fn run(self: Arc<Self>, deliveries: Deliveries<M>) {
        let handle = |delivery| {
            let inner = Arc::clone(&self);
            async move { inner.on_delivery(delivery).await }
        };
        attend(deliveries, MOST_OPEN, self.end.notified(), handle).await;
        self.is_over.send_replace(true);
    }

    async fn on_delivery(&self, delivery: Delivery<M>) {
        let Some(Asked { key, value }) = (self.words.question)(&delivery.msg) else { return };
        let kept = match self.is_known.get_or_try_init(|| know(&*self.store, &self.dir)).await {
            Ok(()) => self.store.create(&key, &value).await,
            Err(away) => Err(away),
        };
        match kept {
            Ok(kept) => {
                self.note(None);
                self.effects.done();
                if let Some(answer) = (self.words.answer)(&kept.value) {
                    self.node.send(delivery.from, &answer, &delivery.context);
                    self.effects.done();
                } else {
                    tracing::error!(key, store = self.name, "what is kept there is none of ours");
                }
            }
            Err(Away(why)) => self.note(Some(why)),
        }
    }

    /// Logs it once when the store goes away, and once when it is back.
    fn note(&self, why: Option<String>) {
        let mut waits = self.waits.lock().expect("no thread panics with this lock held");
        match (&*waits, &why) {
            (None, Some(why)) => {
                tracing::warn!(store = self.name, why, "no answer; waiting for it")
            }
            (Some(_), None) => tracing::warn!(store = self.name, "it answers again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        *waits = why;
    }

    fn status(&self) -> Status {
        let waits = self.waits.lock().expect("no thread panics with this lock held").clone();
        let own = json!({ "store": self.name, "waits": waits, "in_doubt": [], "locked": [] });
        let messages = self.node.sent();
        Status {
            own: own.as_object().cloned().unwrap_or_default(),
            start: self.start,
            records: self.effects.count().saturating_sub(messages),
            messages,
            ..Status::default()
        }
    }
}

/// An empty store in the place of the one that was used would decide everything anew. Once it was
/// met, an operator has to look.
async fn know(store: &dyn FirstWrite, dir: &Path) -> Result<(), Away> {
    let (used, lost) = (dir.join(USED), dir.join(LOST));
    let was_used = used.exists();
    if !lost.exists() {
        // Not by whether this call made the row: its answer may have been lost the first time.
        let mark: &[u8] = if was_used { AGAIN } else { b"yes" };
        let kept = store.create(BEGUN, mark).await?;
        let file = if was_used && kept.value == AGAIN { &lost } else { &used };
        let note = || File::create(file)?.sync_all().and_then(|()| sync_directory(dir));
        note().map_err(|error| Away(format!("cannot write {}: {error}", file.display())))?;
    }
    if !lost.exists() {
        return Ok(());
    }
    Err(Away(format!(
        "it has none of the rows that this cluster made. Bring back the store that has them, and \
         then remove {}",
        quoted(&lost.display().to_string())
    )))
}

impl<M: Serialize + DeserializeOwned + Send + Sync + 'static> Service for StoreService<M> {
    fn addr(&self) -> SocketAddr {
        self.inner.node.addr()
    }

    fn runtime(&self) -> Handle {
        self.handle.clone()
    }

    fn set_peers(&self, addresses: BTreeMap<NodeId, SocketAddr>) {
        self.inner.node.set_peers(addresses);
    }

    fn linked_to<'a>(&'a self, peers: &'a [NodeId]) -> BoxFuture<'a, ()> {
        Box::pin(self.inner.node.linked_to(peers))
    }

    fn stop(&self) {
        self.inner.end.notify_one();
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        let mut over = self.inner.is_over.subscribe();
        Box::pin(async move {
            let _ = over.wait_for(|over| *over).await;
        })
    }

    fn status(&self) -> BoxFuture<'_, Option<Status>> {
        Box::pin(async { Some(self.inner.status()) })
    }

    fn routes(&self) -> Router {
        Router::new()
    }
}

impl<M> Drop for StoreService<M> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.get_mut().ok().and_then(Option::take) {
            // Not the blocking way: the last owner of this may be a task on it.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kept;
    use super::*;

    /// Keeps the first value, and loses the first so many answers.
    struct Losing(Mutex<(Option<Vec<u8>>, usize)>);

    impl FirstWrite for Losing {
        fn create<'a>(&'a self, _: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<Kept, Away>> {
            let mut now = self.0.lock().unwrap();
            let (there, lost) = &mut *now;
            let is_new = there.is_none();
            let value = there.get_or_insert_with(|| value.to_vec()).clone();
            let answer = match lost.checked_sub(1) {
                Some(left) => {
                    *lost = left;
                    Err(Away("the answer was lost".into()))
                }
                None => Ok(Kept { value, is_new }),
            };
            Box::pin(std::future::ready(answer))
        }
    }

    fn empty(lost: usize) -> Losing {
        Losing(Mutex::new((None, lost)))
    }

    #[test]
    fn an_empty_store_in_the_place_of_the_one_that_was_used_is_noticed_also_if_an_answer_is_lost() {
        let runtime = Builder::new_current_thread().build().unwrap();
        for lost in 0..3 {
            let dir = tempfile::tempdir().unwrap();
            let (used, other) = (empty(lost), empty(lost));
            let asked = |store: &Losing| runtime.block_on(know(store, dir.path()));
            (0..lost).for_each(|_| assert!(asked(&used).is_err()));
            assert_eq!(asked(&used), Ok(()), "a new store is right for a new cluster");
            assert_eq!(asked(&used), Ok(()), "and after a restart");
            (0..lost).for_each(|_| assert!(asked(&other).is_err()));
            let noticed = asked(&other).unwrap_err().to_string();
            assert!(noticed.contains("none of the rows"), "{lost} lost: {noticed}");
            assert!(asked(&used).is_err(), "an operator has to look");
            std::fs::remove_file(dir.path().join(LOST)).unwrap();
            assert_eq!(asked(&used), Ok(()));
        }
    }
}

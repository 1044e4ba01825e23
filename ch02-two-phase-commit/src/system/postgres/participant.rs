//! The participant as something that starts, says how it is, and ends.
//!
//! # Left out
//!
//! Finishing what is open at the end: the next start finds it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use lab::NodeId;
use lab::run::{ExternalNode, Place};
use lab::system::{BoxFuture, Error, Service, Status};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, oneshot, watch};

use super::actor::{Actor, ActorStatus, Wanted};
use super::bank::{Bank, wal_counts};
use super::by_hand::ByHand;
use super::config::Config;
use super::unfit::Unfit;
use crate::system::status::{self, RoleStatus};
use crate::types::Msg;

/// A running participant. Dropping it ends it, and keeps what it promised.
pub struct Participant {
    bank: Arc<Bank>,
    post: Arc<ExternalNode<Msg>>,
    wanted: mpsc::Sender<Wanted>,
    ended: watch::Receiver<bool>,
    /// What was forced and written by then.
    before: (u64, u64),
    runtime: Mutex<Option<Runtime>>,
    handle: Handle,
}

impl Participant {
    /// Takes its database over and listens.
    ///
    /// # Errors
    /// The database is unfit, or the port taken.
    pub fn start(config: &Config) -> Result<Self, Error> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(Error::io("start a runtime"))?;
        let handle = runtime.handle().clone();
        let opened = async {
            let bank = Bank::open(config).await?;
            let keeper = bank.keeper().await?;
            let before = wal_counts(&keeper).await.unwrap_or_default();
            let by_hand = ByHand::read(&keeper, bank.names).await.map_err(Unfit::Refuses)?;
            drop(keeper);
            Ok((Arc::new(bank), before, by_hand))
        };
        let (bank, before, by_hand) =
            runtime.block_on(opened).map_err(|unfit: Unfit| Error::Other(Box::new(unfit)))?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let place = Place { cluster: config.cluster, me: config.me, start: bank.start, listen };
        let (post, deliveries) = ExternalNode::start(place, handle.clone())?;
        let post = Arc::new(post);
        let (wanted, requests) = mpsc::channel(16);
        let (end, ended) = watch::channel(false);
        let actor = Actor::new(Arc::clone(&bank), Arc::clone(&post), by_hand);
        handle.spawn(async move {
            if let Err(unfit) = actor.run(deliveries, requests).await {
                tracing::error!(%unfit, "the participant ends");
            }
            end.send_replace(true);
        });
        let runtime = Mutex::new(Some(runtime));
        Ok(Self { bank, post, wanted, ended, before, runtime, handle })
    }

    async fn report(&self) -> Option<Status> {
        let (answer, reported) = oneshot::channel();
        self.wanted.send(Wanted::Status(answer)).await.ok()?;
        let ActorStatus { in_doubt, orphans, locked, because, guessed, damage } =
            reported.await.ok()?;
        let locked = locked.iter().map(ToString::to_string);
        let orphans = orphans.iter().map(|tx| format!("whatever {tx} touches"));
        let now = async { wal_counts(&*self.bank.keeper().await.ok()?).await.ok() };
        let (syncs, log_bytes) = now.await.unwrap_or(self.before);
        let own = RoleStatus {
            in_doubt: in_doubt.iter().map(ToString::to_string).collect(),
            locked: locked.chain(orphans).collect(),
            because: because
                .iter()
                .map(|(tx, why)| format!("{tx} stays in doubt: {why}"))
                .collect(),
            guessed: guessed.into_iter().map(status::guessed).collect(),
            damage: damage.into_iter().map(status::damage).collect(),
            syncs: 0,
        };
        Some(Status {
            own: own.own(),
            start: self.bank.start,
            records: self.bank.effects.count().saturating_sub(self.post.sent()),
            syncs: syncs.saturating_sub(self.before.0),
            log_bytes: log_bytes.saturating_sub(self.before.1),
            messages: self.post.sent(),
        })
    }
}

impl Service for Participant {
    fn addr(&self) -> SocketAddr {
        self.post.addr()
    }

    fn runtime(&self) -> Handle {
        self.handle.clone()
    }

    fn set_peers(&self, addresses: BTreeMap<NodeId, SocketAddr>) {
        self.post.set_peers(addresses);
    }

    fn linked_to<'a>(&'a self, peers: &'a [NodeId]) -> BoxFuture<'a, ()> {
        Box::pin(self.post.linked_to(peers))
    }

    fn stop(&self) {
        // Full of questions, or ended: the drop ends it.
        let _ = self.wanted.try_send(Wanted::Stop);
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        let mut ended = self.ended.clone();
        Box::pin(async move {
            let _ = ended.wait_for(|ended| *ended).await;
        })
    }

    fn status(&self) -> BoxFuture<'_, Option<Status>> {
        Box::pin(self.report())
    }

    fn routes(&self) -> Router {
        Router::new()
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.get_mut().ok().and_then(Option::take) {
            // Not the blocking way: the last owner of this may be a task on it.
            runtime.shutdown_background();
        }
    }
}

//! The collector as a role of the shop: what `cargo ch04 collector` runs, in a process that its parent starts,
//! kills and restarts.
//!
//! # Left out
//!
//! Messages of nodes: it is none, and nobody dials it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use lab::NodeId;
use lab::system::{BoxFuture, Error, Service, Status};
use serde_json::{Map, json};
use tokio::runtime::{self, Builder, Runtime};
use tokio::sync::watch;

use super::collector::{self, Shared};
use crate::store::{self, Store};

/// The collector as a role.
pub(super) struct Collector {
    shared: Shared,
    runtime: Mutex<Option<Runtime>>,
    handle: runtime::Handle,
    /// Whether it has ended.
    ended: watch::Sender<bool>,
}

impl Collector {
    /// Opens its store, which may be one that a killed collector left.
    pub(super) fn open(dir: &Path) -> Result<Self, Error> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(Error::io("start the collector"))?;
        let store = Store::open(dir, store::Options::default());
        let store = store.map_err(|why| Error::Refused(why.to_string()))?;
        for damage in store.damage() {
            tracing::warn!("{damage}");
        }
        let shared = Shared::new(Arc::new(store));
        let (handle, ended) = (runtime.handle().clone(), watch::Sender::new(false));
        handle.spawn(shared.clone().keep_tidy());
        Ok(Self { shared, runtime: Mutex::new(Some(runtime)), handle, ended })
    }
}

impl Service for Collector {
    /// No node sends it messages.
    fn addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn runtime(&self) -> runtime::Handle {
        self.handle.clone()
    }

    fn set_peers(&self, _: BTreeMap<NodeId, SocketAddr>) {}

    fn linked_to<'a>(&'a self, _: &'a [NodeId]) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn stop(&self) {
        self.ended.send_replace(true);
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut ended = self.ended.subscribe();
            let _ = ended.wait_for(|ended| *ended).await;
            self.shared.store.close();
            let runtime = self.runtime.lock().expect("no thread panics with it").take();
            if let Some(runtime) = runtime {
                runtime.shutdown_background();
            }
        })
    }

    fn status(&self) -> BoxFuture<'_, Option<Status>> {
        let own = Map::from_iter([("spans".into(), json!(self.shared.store.spans()))]);
        Box::pin(std::future::ready(Some(Status { own, start: 1, ..Status::default() })))
    }

    fn routes(&self) -> Router {
        collector::pages(self.shared.clone())
    }
}

//! Edge: makes it survive the real world. The lesson is in the steps.
//!
//! What runs in a web process: its node, the pages in front of it, and, if the sessions are in a store
//! elsewhere, what asks that store.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use lab::NodeId;
use lab::resp::Servers;
use lab::run::{ClientPool, Driver};
use lab::system::{BoxFuture, Error, NodeService, RoleConfig, Service, Status};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;

use super::options::{self, SESSIONS};
use super::seal::keys::Keys;
use super::sessions::{Bridge, Sessions};
use super::shop::{self, Pages};
use super::till::Till;
use crate::shop::{AnyNode, Shop};
use crate::types::Msg;
use crate::worlds::STORE;

/// A server of the session store that does not answer within this time is not asked further. A web node
/// waits for 400 ms, so there is time for a second one.
const WITHIN: Duration = Duration::from_millis(150);

/// What a web process has beside its node.
#[derive(Default)]
pub struct Outside {
    /// The servers of the session store; `None` for what the options say.
    pub sessions: Option<Servers>,
    /// Where orders are paid; without it, nothing can be bought.
    pub till: Option<Till>,
}

impl Outside {
    /// What the options of a cluster say.
    ///
    /// # Errors
    /// The address of the store is none.
    pub fn of(options: &lab::system::Options) -> Result<Self, Error> {
        let address = options.values(SESSIONS).last();
        let servers = address.map(|address| Servers::at(address, WITHIN)).transpose();
        let sessions = servers.map_err(|bad| Error::Refused(bad.to_string()))?;
        Ok(Self { sessions, till: None })
    }
}

struct Web {
    node: NodeService<Shop>,
    bridge: Option<Bridge>,
    /// A store has none.
    pages: Option<Pages>,
    keys: Option<Arc<Keys>>,
}

/// Reads a node's answer to a health check, which is its status. The store has none.
fn read(answer: Msg) -> Option<Map<String, Value>> {
    match answer {
        Msg::Healthy { sessions } => {
            Some(Map::from_iter([("sessions".to_owned(), json!(sessions))]))
        }
        _ => None,
    }
}

/// Starts a node of a design behind its pages; a store has none.
pub(super) fn start(
    config: &RoleConfig,
    node: AnyNode,
    outside: Outside,
) -> Result<Arc<dyn Service>, Error> {
    let name = config.role.name.as_str();
    let driver = Arc::new(Driver::start(config.node(), node, ())?);
    let pool: ClientPool<Shop> = ClientPool::new(driver.clients());
    let keys = if name == "store" { None } else { options::keys(config)? };
    if let Some(keys) = keys.clone() {
        driver.runtime().spawn(keys.follow());
    }
    let pages = (name != "store").then(|| Pages::new(pool.clone(), outside.till, keys.clone()));
    let routes = pages.clone().map_or_else(Router::new, |pages| shop::router(pages, name));
    let web = (config.role.id, driver.addr(), driver.start_count());
    let bridge = outside.sessions.map(|servers| {
        Bridge::start(Sessions::new(servers), config.network, web, &driver.runtime())
    });
    let bridge = bridge.transpose()?;
    let node = NodeService::new(driver, pool, (Msg::Check, read), routes);
    Ok(Arc::new(Web { node, bridge, pages, keys }))
}

impl Service for Web {
    fn addr(&self) -> SocketAddr {
        self.node.addr()
    }

    fn runtime(&self) -> Handle {
        self.node.runtime()
    }

    fn set_peers(&self, mut addresses: BTreeMap<NodeId, SocketAddr>) {
        addresses.extend(self.bridge.as_ref().map(|bridge| (STORE, bridge.addr())));
        self.node.set_peers(addresses);
    }

    fn linked_to<'a>(&'a self, peers: &'a [NodeId]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let store = self.bridge.as_ref().map(|_| STORE);
            let peers: Vec<NodeId> = peers.iter().copied().chain(store).collect();
            self.node.linked_to(&peers).await;
            if let Some(pages) = &self.pages {
                pages.linked().await;
            }
        })
    }

    fn stop(&self) {
        self.node.stop();
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        self.node.ended()
    }

    fn status(&self) -> BoxFuture<'_, Option<Status>> {
        Box::pin(async move {
            let mut status = self.node.status().await?;
            if let Some(keys) = &self.keys {
                status.own.insert("keys".into(), json!(keys.now().names()));
            }
            Some(status)
        })
    }

    fn routes(&self) -> Router {
        self.node.routes()
    }
}

//! A system that runs as a part of another one: its processes are among those of the whole, and know nothing
//! about it.
//!
//! Each part has names for its roles that no other part has, and ids of its own: in the whole, an offset is
//! added to them. Frames of one part carry a number that no frame of another part has, so that a role which
//! starts on the port of another part's role is not taken for it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::runtime::Handle;

use super::error::Error;
use super::interface::System;
use super::layout::{Layout, Options, Role};
use super::service::{BoxFuture, RoleConfig, Service, Status};
use crate::NodeId;

/// A system as a part of another one.
#[derive(Clone)]
pub struct Part {
    /// Which one.
    pub system: &'static dyn System,
    /// What it is asked for.
    pub options: Options,
    /// Ids in the whole are so much larger than its own; no part has an id of this size.
    pub offset: u64,
}

impl Part {
    /// Its processes, with the ids that they have in the whole.
    ///
    /// # Errors
    /// Its options do not go together.
    pub fn roles(&self) -> Result<Vec<Role>, Error> {
        let outer = |id: NodeId| NodeId(id.0 + self.offset);
        let roles = self.system.layout(&self.options)?.roles.into_iter();
        let roles = roles.map(|role| Role {
            id: outer(role.id),
            peers: role.peers.iter().copied().map(outer).collect(),
            ..role
        });
        Ok(roles.collect())
    }

    /// Starts a role of it, given how the whole runs that role; `None` if it has no such role.
    ///
    /// # Errors
    /// Its options do not go together, or it cannot start.
    pub fn serve(
        &self,
        whole: &RoleConfig,
        start: impl FnOnce(&RoleConfig) -> Result<Arc<dyn Service>, Error>,
    ) -> Result<Option<Arc<dyn Service>>, Error> {
        let layout: Layout = self.system.layout(&self.options)?;
        let Some(role) = layout.role(&whole.role.name).cloned() else { return Ok(None) };
        let ids = layout.roles.iter().map(|role| role.id).collect();
        let options = self.options.clone();
        // Ids of nodes take the low half.
        let network = whole.cluster.wrapping_add(self.offset.rotate_left(32));
        let inner = start(&RoleConfig { role, layout, options, network, ..whole.clone() })?;
        Ok(Some(Arc::new(OfPart { inner, ids, offset: self.offset })))
    }
}

/// A service of a part, as the whole sees it.
struct OfPart {
    inner: Arc<dyn Service>,
    /// All of the part, as it calls them itself.
    ids: BTreeSet<NodeId>,
    offset: u64,
}

impl OfPart {
    /// An id of the whole as the part's own, if it is one.
    fn own(&self, id: NodeId) -> Option<NodeId> {
        id.0.checked_sub(self.offset).map(NodeId).filter(|id| self.ids.contains(id))
    }
}

impl Service for OfPart {
    fn addr(&self) -> SocketAddr {
        self.inner.addr()
    }

    fn runtime(&self) -> Handle {
        self.inner.runtime()
    }

    fn set_peers(&self, addresses: BTreeMap<NodeId, SocketAddr>) {
        let addresses = addresses.into_iter();
        let own = addresses.filter_map(|(id, addr)| Some((self.own(id)?, addr)));
        self.inner.set_peers(own.collect());
    }

    fn linked_to<'a>(&'a self, peers: &'a [NodeId]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let own: Vec<NodeId> = peers.iter().filter_map(|id| self.own(*id)).collect();
            self.inner.linked_to(&own).await;
        })
    }

    fn stop(&self) {
        self.inner.stop();
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        self.inner.ended()
    }

    fn status(&self) -> BoxFuture<'_, Option<Status>> {
        self.inner.status()
    }

    fn routes(&self) -> Router {
        self.inner.routes()
    }
}

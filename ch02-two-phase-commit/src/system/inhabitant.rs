//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! Who may live in a role's process: a node behind a driver, or a neighbour with a database of its
//! own. The process around them is the same.
//!
//! # Left out
//!
//! Any third kind.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use lab::NodeId;
use lab::run::Driver;
use tokio::runtime::Handle;

use super::operator::{RoleStatus, ask};
use crate::shop::Shop;

/// What a role's process needs of whoever lives in it.
pub(super) trait Inhabitant: Send + Sync + 'static {
    /// Where the others reach it.
    fn addr(&self) -> SocketAddr;

    /// Where its HTTP may run.
    fn runtime(&self) -> Handle;

    /// The parent says who is where.
    fn set_peers(&self, book: BTreeMap<NodeId, SocketAddr>);

    /// Waits until messages to all of these can leave.
    fn linked_to(&self, peers: &[NodeId]) -> impl Future<Output = ()> + Send;

    /// Asks for an orderly end.
    fn stop(&self);

    /// Waits for the end, however it came.
    fn ended(&self) -> impl Future<Output = ()> + Send;

    /// What it says about itself, if it answers.
    fn status(&self) -> impl Future<Output = Option<RoleStatus>> + Send;
}

impl Inhabitant for Driver<Shop> {
    fn addr(&self) -> SocketAddr {
        self.addr()
    }

    fn runtime(&self) -> Handle {
        self.runtime()
    }

    fn set_peers(&self, book: BTreeMap<NodeId, SocketAddr>) {
        self.set_peers(book);
    }

    async fn linked_to(&self, peers: &[NodeId]) {
        self.linked_to(peers).await;
    }

    fn stop(&self) {
        self.stop();
    }

    async fn ended(&self) {
        self.ended().await;
    }

    async fn status(&self) -> Option<RoleStatus> {
        ask(self).await
    }
}

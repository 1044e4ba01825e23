//! The links between the roles of a cluster, each of which a test can cut: a proxy for each direction of
//! each pair.
//!
//! A role opens a connection of its own to each role that it sends to, and sends on no other. So what `a`
//! sends `b` goes through one proxy, what `b` sends `a` through another one, and a cut of one of them is a
//! link that works in one direction only.
//!
//! # Left out
//!
//! HTTP between roles, and clients: they go past the proxies.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};

use tokio::runtime::Handle;

use super::error::Error;
use crate::NodeId;
use crate::run::proxy::{Direction, Proxy};

/// Who sends, and to whom.
type Way = (NodeId, NodeId);

/// All links of a cluster: see [`super::Config`].
pub struct Links {
    runtime: Handle,
    proxies: Mutex<BTreeMap<Way, Proxy>>,
}

impl Links {
    /// None yet; their proxies will run on this runtime, which needs a network and a clock.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, proxies: Mutex::default() }
    }

    /// Where one role reaches another one, which listens there.
    pub(super) fn through(
        &self,
        from: NodeId,
        to: NodeId,
        target: SocketAddr,
    ) -> Result<SocketAddr, Error> {
        let mut proxies = self.proxies();
        if let Some(proxy) = proxies.get(&(from, to)) {
            proxy.retarget(target);
            return Ok(proxy.addr());
        }
        let proxy = Proxy::start_on(&self.runtime, target)?;
        let addr = proxy.addr();
        proxies.insert((from, to), proxy);
        Ok(addr)
    }

    /// Cuts what one role sends to another one.
    ///
    /// # Panics
    /// The one does not send to the other.
    pub fn cut(&self, from: NodeId, to: NodeId) {
        let cut = self.proxies().get(&(from, to)).map(|proxy| proxy.cut(Direction::Both));
        assert!(cut.is_some(), "{from} does not send to {to}");
    }

    /// Makes all links whole: what was kept arrives.
    pub fn heal(&self) {
        self.proxies().values().for_each(Proxy::heal);
    }

    fn proxies(&self) -> MutexGuard<'_, BTreeMap<Way, Proxy>> {
        self.proxies.lock().expect("no thread panics with this lock held")
    }
}

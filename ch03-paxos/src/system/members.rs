//! Who the replicas are, and where each serves clients.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use lab::NodeId;
use lab::system::{Endpoints, Layout, Status, report};
use serde_json::Value;

/// The other replicas as a replica finds them: it asks them.
#[derive(Clone)]
pub(super) struct Members {
    layout: Arc<Layout>,
    endpoints: Arc<Mutex<Endpoints>>,
}

/// What a replica reports.
pub(super) struct Member {
    pub(super) name: String,
    /// `None` for one that is down.
    pub(super) status: Option<Status>,
}

impl Member {
    /// Where it serves clients.
    pub(super) fn redis(&self) -> Option<SocketAddr> {
        redis(self.status.as_ref()?)
    }

    /// What it does: `leads`, `follows`, `down`.
    pub(super) fn role(&self) -> &str {
        self.status.as_ref().map_or("down", role)
    }
}

impl Members {
    pub(super) fn new(layout: Layout, endpoints: Arc<Mutex<Endpoints>>) -> Self {
        Self { layout: Arc::new(layout), endpoints }
    }

    /// Whether there is a process for this replica.
    pub(super) fn has(&self, replica: NodeId) -> bool {
        self.layout.roles.iter().any(|role| role.id == replica)
    }

    /// Asks all of them.
    pub(super) async fn all(&self) -> Vec<Member> {
        let endpoints = self.endpoints();
        let all = report(&endpoints, None).await.into_iter();
        all.map(|(name, status)| Member { name, status }).collect()
    }

    /// Asks one of them where it serves clients.
    pub(super) async fn redis_of(&self, replica: NodeId) -> Option<SocketAddr> {
        let role = self.layout.roles.iter().find(|role| role.id == replica)?;
        let mut endpoints = self.endpoints();
        endpoints.retain(|(name, _)| *name == role.name);
        let all = report(&endpoints, None).await;
        all.iter().find_map(|(_, status)| redis(status.as_ref()?))
    }

    fn endpoints(&self) -> Endpoints {
        self.endpoints.lock().expect("no thread panics with this lock held").clone()
    }
}

/// Where a replica that reports this serves clients.
pub(super) fn redis(status: &Status) -> Option<SocketAddr> {
    status.own.get("redis").and_then(Value::as_str)?.parse().ok()
}

/// What a replica that reports this does.
pub(super) fn role(status: &Status) -> &str {
    status.own.get("role").and_then(Value::as_str).unwrap_or("unknown")
}

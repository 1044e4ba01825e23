//! What runs in a replica's process: the node behind its driver, and a server for clients beside it.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::get;
use lab::NodeId;
use lab::resp::{Limits, MAX_BATCH, serve};
use lab::run::{ClientPool, Driver};
use lab::system::{BoxFuture, Error, NodeService, RoleConfig, Service, Status};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;

use super::connection::Connection;
use super::members::{Members, role};
use super::options::{self, REDIS_PORT};
use super::processes::{group, place};
use crate::group::Paxos;
use crate::replicated_kv::Replica;
use crate::types::Msg;
use crate::types::kv::Msg as Kv;

/// Replica 1 serves clients on the port after this one, if that is free.
const PORT: u16 = 7380;
/// A group that can elect a leader has one sooner than this.
const ELECTION: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);

/// A replica as a service.
pub(super) struct ReplicaService {
    node: NodeService<Paxos>,
    redis: SocketAddr,
}

/// Starts the replica of this role.
pub(super) fn start(config: &RoleConfig) -> Result<Arc<dyn Service>, Error> {
    let mut run = config.node();
    // A client may have as many requests open as fit into a batch.
    run.client_queue = 2 * MAX_BATCH;
    let chosen = options::config(&config.options)?;
    let replica = Replica::new(group(&config.layout, &config.options), chosen);
    let listener = listen(config)?;
    let redis = listener.local_addr().map_err(Error::io("read the address for clients"))?;
    let limits = Limits::of_process().map_err(|few| Error::Refused(few.to_string()))?;
    // The pages of this process and its clients share what it may have open.
    let limits = Limits { connections: limits.connections / 2, ..limits };
    let driver = Arc::new(Driver::start(run, replica, ())?);
    let members = Members::new(config.layout.clone(), Arc::clone(&config.endpoints));
    let (clients, ended) = (driver.clients(), Arc::clone(&driver));
    let of_connection = members.clone();
    driver.runtime().spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener that waits");
        let handler = || Connection::new(clients.clone(), of_connection.clone());
        serve(listener, limits, handler, async move { ended.ended().await }).await;
    });
    let pool = ClientPool::new(driver.clients());
    let routes = Router::new().route("/members", get(list)).with_state(members);
    let node = NodeService::new(driver, pool, (Msg::Kv(Kv::Status), read), routes);
    Ok(Arc::new(ReplicaService { node, redis }))
}

/// On the port that was asked for, or on one that is easy to remember, or on any.
fn listen(config: &RoleConfig) -> Result<TcpListener, Error> {
    let asked = config.options.values(REDIS_PORT).last().and_then(|port| port.parse::<u16>().ok());
    let place = u16::try_from(place(&config.layout, config.role.id)).unwrap_or(u16::MAX);
    let on = |port| TcpListener::bind(("127.0.0.1", port));
    let listener = match asked {
        Some(0) => on(0),
        Some(base) => on(base.saturating_add(place)).map_err(|source| {
            let port = base.saturating_add(place);
            std::io::Error::new(
                source.kind(),
                format!("port {port} is not free; choose another --{REDIS_PORT} ({source})"),
            )
        }),
        None => on(PORT + 1 + place).or_else(|_| on(0)),
    };
    let listener = listener.map_err(Error::io("listen for clients"))?;
    listener.set_nonblocking(true).map_err(Error::io("listen for clients"))?;
    Ok(listener)
}

/// Reads a replica's answer to [`Kv::Status`].
fn read(answer: Msg) -> Option<Map<String, Value>> {
    match answer {
        Msg::Kv(Kv::StatusIs { status }) => match json!(status) {
            Value::Object(own) => Some(own),
            _ => None,
        },
        _ => None,
    }
}

/// Where each replica serves clients, by name.
async fn list(State(members): State<Members>) -> Json<Value> {
    let all = members.all().await.into_iter();
    let all = all.filter_map(|member| Some((member.name.clone(), json!(member.redis()?))));
    Json(Value::Object(all.collect()))
}

impl ReplicaService {
    /// Until a leader is known, or long enough to have elected one.
    async fn leader_known(&self) {
        let look = async {
            loop {
                let status = self.node.status().await;
                if status.is_some_and(|status| {
                    !status.own["leader"].is_null()
                        || ["leads", "is no member"].contains(&role(&status))
                }) {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        // Without a majority there is none: that is not this replica's fault.
        let _ = tokio::time::timeout(ELECTION, look).await;
    }
}

impl Service for ReplicaService {
    fn addr(&self) -> SocketAddr {
        self.node.addr()
    }

    fn runtime(&self) -> Handle {
        self.node.runtime()
    }

    fn set_peers(&self, addresses: BTreeMap<NodeId, SocketAddr>) {
        self.node.set_peers(addresses);
    }

    fn linked_to<'a>(&'a self, peers: &'a [NodeId]) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.node.linked_to(peers).await;
            self.leader_known().await;
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
            status.own.insert("redis".into(), json!(self.redis));
            Some(status)
        })
    }

    fn routes(&self) -> Router {
        self.node.routes()
    }
}

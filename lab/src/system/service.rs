//! What runs in a role's process: a node behind a driver, or anything else that has a node's address
//! and speaks its protocol, such as a participant that keeps its state in a database. The process
//! around it is the same.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use super::layout::{Endpoints, Layout, Options, Role};
use crate::event::NodeInfo;
use crate::run::{self, ClientPool, Counts, Data, Driver, EventFile, Traced, Tracer};
use crate::{NodeId, Protocol};

/// A future behind a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A role that does not report its state within this time is not well.
const STATUS_DEADLINE: Duration = Duration::from_secs(2);

/// What a role reports about itself.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// What only its chapter knows.
    #[serde(flatten)]
    pub own: Map<String, Value>,
    /// Which start of this role it is.
    pub start: u64,
    /// Records written since this start.
    pub records: u64,
    /// Fsyncs of the log since this start.
    pub syncs: u64,
    /// Bytes written to the log since this start.
    pub log_bytes: u64,
    /// Messages sent to other roles since this start.
    pub messages: u64,
}

impl Status {
    /// What a node's driver counted, and what the node itself knows.
    #[must_use]
    pub fn new(start: u64, counts: Counts, own: Map<String, Value>) -> Self {
        let Counts { records, syncs, log_bytes, frames_out: messages, .. } = counts;
        Self { own, start, records, syncs, log_bytes, messages }
    }
}

/// Where a run is recorded.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Into this directory.
    pub dir: PathBuf,
    /// Time 0 of the record, the same for all roles.
    pub epoch: SystemTime,
}

/// How to run one role.
#[derive(Clone, Debug)]
pub struct RoleConfig {
    /// Which one.
    pub role: Role,
    /// All there are.
    pub layout: Layout,
    /// What the cluster was given.
    pub options: Options,
    /// Where it keeps its log.
    pub dir: PathBuf,
    /// Where all roles of its cluster keep what they share.
    pub shared: PathBuf,
    /// Which cluster it belongs to.
    pub cluster: u64,
    /// Which network its frames belong to: the cluster's number, or in a part of a system one of the part's
    /// own, since two parts may use the same ids.
    pub network: u64,
    /// The least number that this start may have.
    pub least_start: u64,
    /// Make kill -9 as bad as a power cut.
    pub power_cut: bool,
    /// Abort right after this effect, counted from 1.
    pub crash_after_effect: Option<u64>,
    /// Record the run.
    pub recording: Option<Recording>,
    /// Is told what this role does for requests.
    pub tracer: Option<Arc<dyn Tracer>>,
    /// Where the roles serve HTTP: empty until the parent tells.
    pub endpoints: Arc<Mutex<Endpoints>>,
    /// Where it listens for the others; port 0 takes a free one.
    pub listen: SocketAddr,
}

impl RoleConfig {
    /// The first start of a role of this layout, which was made from these options: on free ports, nothing
    /// recorded, `dir` among the directories of the other roles.
    #[must_use]
    pub fn new(
        role: Role,
        (layout, options): (Layout, Options),
        cluster: u64,
        dir: PathBuf,
    ) -> Self {
        Self {
            role,
            layout,
            options,
            shared: dir.parent().map(Path::to_owned).unwrap_or_default(),
            dir,
            cluster,
            network: cluster,
            least_start: 1,
            power_cut: false,
            crash_after_effect: None,
            recording: None,
            tracer: None,
            endpoints: Arc::default(),
            listen: ([127, 0, 0, 1], 0).into(),
        }
    }

    /// How to run the node of this role.
    #[must_use]
    pub fn node(&self) -> run::Config {
        let dir = self.dir.clone();
        let data = if self.power_cut { Data::PowerCut(dir) } else { Data::Dir(dir) };
        let mut config = run::Config::new(self.network, self.role.id, data);
        config.listen = self.listen;
        config.crash_after_effect = self.crash_after_effect;
        config.log.least_start = self.least_start;
        let info =
            |role: &Role| (role.id, NodeInfo { name: role.name.clone(), role: role.kind.clone() });
        config.events = self.recording.clone().map(|Recording { dir, epoch }| EventFile {
            dir,
            title: self.layout.title.clone(),
            nodes: self.layout.roles.iter().map(info).collect(),
            epoch,
        });
        config.traced = self.tracer.clone().map(|tracer| Traced {
            tracer,
            names: self.layout.roles.iter().map(|role| (role.id, role.name.clone())).collect(),
        });
        config
    }
}

/// What a role's process needs of whatever runs in it.
pub trait Service: Send + Sync {
    /// Where the others reach it.
    fn addr(&self) -> SocketAddr;

    /// Where its HTTP may run.
    fn runtime(&self) -> Handle;

    /// The parent sends the addresses of all roles.
    fn set_peers(&self, addresses: BTreeMap<NodeId, SocketAddr>);

    /// Waits until messages to all of these can leave.
    fn linked_to<'a>(&'a self, peers: &'a [NodeId]) -> BoxFuture<'a, ()>;

    /// Asks for an orderly end.
    fn stop(&self);

    /// Waits for the end, however it came.
    fn ended(&self) -> BoxFuture<'_, ()>;

    /// What it reports about itself, if it answers.
    fn status(&self) -> BoxFuture<'_, Option<Status>>;

    /// Its pages, beside `/health` and `/status`.
    fn routes(&self) -> Router;
}

/// A node behind a driver as a service.
pub struct NodeService<P: Protocol> {
    driver: Arc<Driver<P>>,
    pool: ClientPool<P>,
    question: P::Msg,
    read: ReadStatus<P>,
    routes: Router,
}

/// What a node's answer says about it; `None` if it answers something else.
pub type ReadStatus<P> = fn(<P as Protocol>::Msg) -> Option<Map<String, Value>>;

impl<P: Protocol> NodeService<P> {
    /// `question` asks the node for a status, and `read` reads its answer. `routes` are its pages.
    #[must_use]
    pub fn new(
        driver: Arc<Driver<P>>,
        pool: ClientPool<P>,
        (question, read): (P::Msg, ReadStatus<P>),
        routes: Router,
    ) -> Self {
        Self { driver, pool, question, read, routes }
    }

    async fn ask(&self) -> Option<Status> {
        let mut client = self.pool.take().ok()?;
        client.send(self.question.clone()).await.ok()?;
        let answer = tokio::time::timeout(STATUS_DEADLINE, client.recv()).await.ok()??;
        client.answered();
        let own = (self.read)(answer)?;
        Some(Status::new(self.driver.start_count(), self.driver.counts(), own))
    }
}

impl<P: Protocol> Service for NodeService<P> {
    fn addr(&self) -> SocketAddr {
        self.driver.addr()
    }

    fn runtime(&self) -> Handle {
        self.driver.runtime()
    }

    fn set_peers(&self, addresses: BTreeMap<NodeId, SocketAddr>) {
        self.driver.set_peers(addresses);
    }

    fn linked_to<'a>(&'a self, peers: &'a [NodeId]) -> BoxFuture<'a, ()> {
        Box::pin(self.driver.linked_to(peers))
    }

    fn stop(&self) {
        self.driver.stop();
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.driver.ended())
    }

    fn status(&self) -> BoxFuture<'_, Option<Status>> {
        Box::pin(self.ask())
    }

    fn routes(&self) -> Router {
        self.routes.clone()
    }
}

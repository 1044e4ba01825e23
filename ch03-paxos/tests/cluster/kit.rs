//! A cluster in a directory of its own, and how to ask it.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ch03_paxos::system::SYSTEM;
use lab::resp::{Client, Reply};
use lab::system::{Cluster, Config, Links, Options, Status, report};
use tempfile::TempDir;
use tokio::runtime::{Handle, Runtime};

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ch03-paxos");

/// One cluster, and a runtime to ask it with.
pub(crate) struct TestCluster {
    pub(crate) cluster: Cluster,
    pub(crate) runtime: Runtime,
    links: Option<Arc<Links>>,
    pub(crate) _dir: TempDir,
}

/// Free ports for clients: several clusters run at a time.
pub(crate) fn options() -> Options {
    Options::default().with_value("redis-port", "0")
}

impl TestCluster {
    pub(crate) fn new() -> Self {
        Self::with(options())
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::start(options, |_| None)
    }

    /// One whose links can be cut.
    pub(crate) fn with_links(options: Options) -> (Self, Arc<Links>) {
        let cluster = Self::start(options, |runtime| Some(Arc::new(Links::new(runtime.clone()))));
        let links = cluster.links.clone().unwrap();
        (cluster, links)
    }

    fn start(options: Options, links: impl FnOnce(&Handle) -> Option<Arc<Links>>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let links = links(runtime.handle());
        let config = Config {
            program: PROGRAM.into(),
            options,
            links: links.clone(),
            ..Config::new(SYSTEM, dir.path().join("data")).unwrap()
        };
        let cluster = Cluster::start(config).unwrap();
        Self { cluster, runtime, links, _dir: dir }
    }

    /// What each replica reports; `None` for one that is down.
    pub(crate) fn statuses(&self) -> Vec<(String, Option<Status>)> {
        self.runtime.block_on(report(&self.cluster.endpoints(), None))
    }

    /// Where each replica that answers serves clients, by name.
    pub(crate) fn replicas(&self) -> Vec<(String, SocketAddr)> {
        let up = self.statuses().into_iter();
        up.filter_map(|(name, status)| Some((name, redis(&status?)))).collect()
    }

    /// Where one replica serves clients.
    pub(crate) fn redis(&self, replica: &str) -> SocketAddr {
        let found = self.replicas().into_iter().find(|(name, _)| name == replica);
        found.unwrap_or_else(|| panic!("{replica} is not up")).1
    }

    /// The one that leads.
    pub(crate) fn leader(&self) -> String {
        self.until("a replica leads", || {
            let leads = |status: &Status| status.own["role"] == "leads";
            let mut up = self.statuses().into_iter();
            up.find_map(|(name, status)| status.filter(leads).map(|_| name))
        })
    }

    /// Sends one command to a replica.
    pub(crate) fn ask(&self, replica: &str, command: &str) -> Reply {
        let redis = self.redis(replica);
        let words: Vec<&str> = command.split(' ').collect();
        self.runtime.block_on(async {
            Client::connect(redis, DEADLINE).await.unwrap().call(&words).await.unwrap()
        })
    }

    /// Sends a command that may be done twice, until a replica does it.
    pub(crate) fn ask_any(&self, command: &str) -> Reply {
        let words: Vec<&str> = command.split(' ').collect();
        self.until(command, || {
            self.replicas().into_iter().find_map(|(_, redis)| {
                let asked = self
                    .runtime
                    .block_on(async { Client::connect(redis, DEADLINE).await?.call(&words).await });
                asked.ok().filter(|reply| !matches!(reply, Reply::Error(_)))
            })
        })
    }

    /// `kill -STOP` or `-CONT`.
    pub(crate) fn signal(&mut self, replica: &str, signal: &str) {
        let pid = self.cluster.pid(replica).to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Probes until something is there.
    pub(crate) fn until<T>(&self, what: &str, probe: impl Fn() -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            if let Some(found) = probe() {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "not in {DEADLINE:?}: {what}");
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
        }
    }
}

fn redis(status: &Status) -> SocketAddr {
    status.own["redis"].as_str().unwrap().parse().unwrap()
}

pub(crate) fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.to_owned().into())
}

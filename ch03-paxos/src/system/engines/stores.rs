//! Three stores that run: our replicas, three members of etcd, one Redis.
//!
//! # Left out
//!
//! Tuning. All three run as they are shipped, but Redis, which forces every write here.

use std::net::SocketAddr;
use std::time::Duration;

use lab::engines::{
    ETCD, Engine, EngineError, EtcdClient, EtcdCluster, EtcdOptions, REDIS, redis_in,
};
use lab::measure::{Error, Setup};
use lab::system::{MeasuredCluster, Options};
use tokio::runtime::Handle;

use super::connection::Wire;
use crate::system::SYSTEM;
use crate::system::members::{redis, role};
use crate::system::options::REDIS_PORT;

/// For an answer about a store itself.
const DEADLINE: Duration = Duration::from_secs(10);

/// One of them.
pub(super) enum Store {
    Ours(Box<MeasuredCluster>),
    Etcd(EtcdCluster, Handle),
    Redis(Engine),
}

fn missing(error: &EngineError) -> Error {
    Error::Contender {
        who: "an engine".into(),
        why: error.to_string(),
        fix: "`cargo guide doctor` says what is installed".into(),
    }
}

impl Store {
    pub(super) fn ours(setup: &Setup, runtime: Handle) -> Result<Self, Error> {
        let options = Options::default().with_value(REDIS_PORT, "0");
        let cluster = MeasuredCluster::start("ours", (SYSTEM, options), setup, runtime)?;
        Ok(Self::Ours(Box::new(cluster)))
    }

    /// With these times, and the rest as shipped.
    pub(super) fn etcd(
        setup: &Setup,
        runtime: Handle,
        (heartbeat, election): (Duration, Duration),
    ) -> Result<Self, Error> {
        let parent = Some(setup.dir.clone());
        let options = EtcdOptions { members: 3, heartbeat, election, parent };
        let etcd = EtcdCluster::start(&options).map_err(|e| missing(&e))?;
        Ok(Self::Etcd(etcd, runtime))
    }

    pub(super) fn redis(setup: &Setup) -> Result<Self, Error> {
        redis_in(Some(&setup.dir)).map(Self::Redis).map_err(|e| missing(&e))
    }

    pub(super) fn wire(&self) -> Wire {
        match self {
            Self::Ours(_) => Wire::Ours,
            Self::Etcd(..) => Wire::Etcd,
            Self::Redis(_) => Wire::Redis,
        }
    }

    pub(super) fn version(&self) -> String {
        let of = |program: lab::engines::Program| {
            program.find().map_or_else(|e| e.to_string(), |found| program.version(&found))
        };
        match self {
            Self::Ours(_) => format!("ch03-paxos {}", env!("CARGO_PKG_VERSION")),
            Self::Etcd(..) => of(ETCD),
            Self::Redis(_) => of(REDIS),
        }
    }

    pub(super) fn processes(&mut self) -> Vec<u32> {
        match self {
            Self::Ours(cluster) => cluster.processes(),
            Self::Etcd(etcd, _) => etcd.members().iter().map(Engine::pid).collect(),
            Self::Redis(redis) => vec![redis.pid()],
        }
    }

    /// Where clients are served: the one that leads first, then the others.
    pub(super) fn servers(&self) -> Result<Vec<SocketAddr>, Error> {
        let mut all: Vec<(bool, SocketAddr)> = match self {
            Self::Ours(cluster) => {
                let up = cluster.report().into_iter().filter_map(|(_, status)| status);
                up.filter_map(|status| Some((role(&status) == "leads", redis(&status)?))).collect()
            }
            Self::Etcd(etcd, runtime) => {
                let members = etcd.members().iter().map(Engine::addr);
                members.map(|addr| (runtime.block_on(leads(addr)), addr)).collect()
            }
            Self::Redis(redis) => vec![(true, redis.addr())],
        };
        all.sort_by_key(|(leads, _)| !leads);
        if !all.first().is_some_and(|(leads, _)| *leads) {
            return Err(Error::contender("a store", "no member leads"));
        }
        Ok(all.into_iter().map(|(_, server)| server).collect())
    }

    /// Waits until nothing is under way. The others are asked nothing any more.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        match self {
            Self::Ours(cluster) => cluster.settle(),
            Self::Etcd(..) | Self::Redis(_) => Ok(()),
        }
    }

    /// Fsyncs so far; Redis does not count them.
    pub(super) fn fsyncs(&self) -> Result<Option<u64>, Error> {
        match self {
            Self::Ours(cluster) => Ok(Some(cluster.fsyncs())),
            Self::Etcd(etcd, _) => etcd.fsyncs().map(Some).ok_or_else(|| {
                Error::contender("etcd", "its metrics are those of another version")
            }),
            Self::Redis(_) => Ok(None),
        }
    }

    /// kill -9 of the one that leads; says which one.
    pub(super) fn kill_leader(&mut self) -> Result<String, Error> {
        let leader = self.servers()?[0];
        match self {
            Self::Ours(cluster) => {
                let found = cluster.report().into_iter().find(|(_, status)| {
                    status.as_ref().and_then(redis).is_some_and(|addr| addr == leader)
                });
                let (role, _) = found.expect("it has just reported");
                cluster.kill(&role)?;
                Ok(role)
            }
            Self::Etcd(etcd, _) => {
                let member = etcd.members().iter().position(|member| member.addr() == leader);
                let member = member.expect("it is one of them");
                etcd.crash(member);
                Ok(member.to_string())
            }
            Self::Redis(_) => Err(Error::contender("Redis", "there is one process")),
        }
    }

    /// Starts again what [`Store::kill_leader`] has killed.
    pub(super) fn restart(&mut self, name: &str) -> Result<(), Error> {
        match self {
            Self::Ours(cluster) => cluster.restart(name),
            Self::Etcd(etcd, _) => {
                let member = name.parse().expect("a number of ours");
                etcd.restart(member).map_err(|e| Error::contender("etcd", e))
            }
            Self::Redis(_) => Ok(()),
        }
    }
}

async fn leads(member: SocketAddr) -> bool {
    let asked = async { EtcdClient::connect(member, DEADLINE).await?.status().await };
    asked.await.is_ok_and(|status| status.is_leader)
}

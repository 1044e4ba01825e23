//! etcd: several members that decide together, or one by itself.
//!
//! # Left out
//!
//! Members that come or leave.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::error::EngineError;
use super::ping;
use super::process::Process;
use super::program::ETCD;
use super::server::{Engine, free_port, fresh};

const TRIES: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(2);

/// How to run it. The rest is as etcd ships it: fsyncs are on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EtcdOptions {
    /// How many.
    pub members: usize,
    /// Between two signs of a leader.
    pub heartbeat: Duration,
    /// A member that hears of no leader asks for votes after this time, or after up to twice as long.
    pub election: Duration,
    /// The folder their directories are made in; without one, the system's for temporary files.
    pub parent: Option<PathBuf>,
}

/// One member, and times as etcd ships them.
impl Default for EtcdOptions {
    fn default() -> Self {
        let (heartbeat, election) = (Duration::from_millis(100), Duration::from_secs(1));
        Self { members: 1, heartbeat, election, parent: None }
    }
}

/// A running etcd. Dropping it ends all members at once and takes their data away.
#[derive(Debug)]
pub struct EtcdCluster {
    members: Vec<Engine>,
    /// Where each listens for the others.
    peers: Vec<SocketAddr>,
    options: EtcdOptions,
    program: PathBuf,
}

impl EtcdCluster {
    /// Starts it; every member knows a leader then.
    ///
    /// # Errors
    /// It is missing, or does not start.
    pub fn start(options: &EtcdOptions) -> Result<Self, EngineError> {
        let program = ETCD.find()?;
        let mut tries = 1;
        loop {
            match Self::start_once(&program, options) {
                Err(error) if error.port_was_taken() && tries < TRIES => tries += 1,
                started => return started,
            }
        }
    }

    fn start_once(program: &Path, options: &EtcdOptions) -> Result<Self, EngineError> {
        let ports = || (0..options.members).map(|_| free_port()).collect::<Result<Vec<_>, _>>();
        let (own, peers) = (ports()?, ports()?);
        let (program, options) = (program.to_owned(), options.clone());
        let mut cluster = Self { members: Vec::new(), peers, options, program };
        for addr in own {
            let dir = fresh(cluster.options.parent.as_ref())?;
            let process = cluster.run(cluster.members.len(), addr, &dir)?;
            cluster.members.push(Engine { process, addr, dir });
        }
        // One by itself has no majority: they are awaited once all are there.
        for Engine { process, addr, .. } in &mut cluster.members {
            process.wait_until(|| ping::etcd(*addr))?;
        }
        Ok(cluster)
    }

    fn run(&self, member: usize, addr: SocketAddr, dir: &TempDir) -> Result<Process, EngineError> {
        let (own, peer) = (format!("http://{addr}"), format!("http://{}", self.peers[member]));
        let named = |(i, peer): (usize, &SocketAddr)| format!("engine-{i}=http://{peer}");
        let all: Vec<String> = self.peers.iter().enumerate().map(named).collect();
        let mut command = Command::new(&self.program);
        command.current_dir(dir).args(["--name", &format!("engine-{member}"), "--data-dir"]);
        command.arg(dir.path().join("data"));
        command.args(["--listen-client-urls", &own, "--advertise-client-urls", &own]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &all.join(",")]);
        let millis = |time: Duration| time.as_millis().to_string();
        command.args(["--heartbeat-interval", &millis(self.options.heartbeat)]);
        command.args(["--election-timeout", &millis(self.options.election)]);
        Process::start(ETCD.name, command, dir.path(), None, || true)
    }

    /// What a client connects to.
    #[must_use]
    pub fn url(&self) -> String {
        let all = self.members.iter().map(|member| member.addr.to_string());
        format!("etcd://{}", all.collect::<Vec<_>>().join(","))
    }

    /// Their addresses, processes and directories.
    #[must_use]
    pub fn members(&self) -> &[Engine] {
        &self.members
    }

    /// Fsyncs of all members' logs so far, and commits of their databases, each of which forces them.
    /// `None` if a member does not tell.
    #[must_use]
    pub fn fsyncs(&self) -> Option<u64> {
        let of_member = |member: &Engine| {
            let metrics = metrics(member.addr).ok()?;
            let counts = ["wal_fsync", "backend_commit"].map(|of| {
                let name = format!("etcd_disk_{of}_duration_seconds_count ");
                let count = metrics.lines().find_map(|line| line.strip_prefix(&name));
                // Large numbers are written with an exponent.
                count?.trim().parse::<f64>().ok().map(|count| count as u64)
            });
            counts.into_iter().sum::<Option<u64>>()
        };
        self.members.iter().map(of_member).sum()
    }

    /// Ends one at once, as a crash would.
    pub fn crash(&mut self, member: usize) {
        self.members[member].process.end();
    }

    /// Starts one again on the same port, with what it has on disk, and waits until it knows a leader.
    ///
    /// # Errors
    /// It does not start again.
    pub fn restart(&mut self, member: usize) -> Result<(), EngineError> {
        self.crash(member);
        let Engine { addr, dir, .. } = &self.members[member];
        let (addr, mut process) = (*addr, self.run(member, *addr, dir)?);
        process.wait_until(|| ping::etcd(addr))?;
        self.members[member].process = process;
        Ok(())
    }
}

/// What a member counts, as text. A server of HTTP/1.0 closes the connection behind its answer.
fn metrics(member: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&member, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// A running etcd, the only member of its cluster. Dropping it ends it at once and takes its data away.
#[derive(Debug)]
pub struct Etcd(EtcdCluster);

impl Etcd {
    /// Starts one; it answers once it has elected itself.
    ///
    /// # Errors
    /// It is missing, or does not start.
    pub fn start() -> Result<Self, EngineError> {
        EtcdCluster::start(&EtcdOptions::default()).map(Self)
    }

    /// What a client connects to.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Its address, process and directory.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.members[0]
    }

    /// Ends it at once, as a crash would.
    pub fn crash(&mut self) {
        self.0.crash(0);
    }

    /// Ends it at once and starts it again on the same port, with what it has on disk.
    ///
    /// # Errors
    /// It does not start again.
    pub fn restart_after_crash(&mut self) -> Result<(), EngineError> {
        self.0.restart(0)
    }
}

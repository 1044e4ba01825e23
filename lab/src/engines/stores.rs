//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! Redis and etcd, one node each.
//!
//! # Left out
//!
//! Redis without its log. As shipped it keeps snapshots and loses the last minute in a crash; here it
//! forces every write, because that is the job it is compared at.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::error::EngineError;
use super::ping;
use super::program::{ETCD, REDIS};
use super::server::{Plan, Server, free_port};

/// A running Redis that forces every write.
#[derive(Debug)]
pub struct Redis(Server);

/// A running etcd, the only member of its cluster.
#[derive(Debug)]
pub struct Etcd(Server);

impl Redis {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// It is missing, or does not start.
    pub fn start() -> Result<Self, EngineError> {
        let command = |program: &Path, dir: &Path, addr: SocketAddr| {
            let mut command = Command::new(program);
            command.current_dir(dir).args(["--bind", "127.0.0.1", "--save", ""]);
            command.args(["--appendonly", "yes", "--appendfsync", "always"]);
            command.arg("--dir").arg(dir).args(["--port", &addr.port().to_string()]);
            Ok(command)
        };
        Server::start(&Plan { program: REDIS, command: &command, ready: ping::redis, polite: None })
            .map(Self)
    }

    /// Where it answers.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.process.pid()
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.0.dir.path()
    }
}

impl Etcd {
    /// Starts it and waits until it has elected itself.
    ///
    /// # Errors
    /// It is missing, or does not start.
    pub fn start() -> Result<Self, EngineError> {
        let command = |program: &Path, dir: &Path, addr: SocketAddr| {
            let (own, peer) = (format!("http://{addr}"), format!("http://{}", free_port()?));
            let mut command = Command::new(program);
            command.current_dir(dir).args(["--name", "engine", "--data-dir"]);
            command.arg(dir.join("data"));
            command.args(["--listen-client-urls", &own, "--advertise-client-urls", &own]);
            command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
            command.args(["--initial-cluster", &format!("engine={peer}")]);
            Ok(command)
        };
        Server::start(&Plan { program: ETCD, command: &command, ready: ping::etcd, polite: None })
            .map(Self)
    }

    /// Where it answers clients.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.process.pid()
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.0.dir.path()
    }
}

//! Redis and etcd, one node each.
//!
//! # Left out
//!
//! Redis without its log. As shipped it keeps snapshots and loses the last minute in a crash; here it
//! forces every write, because that is the job it is compared at.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::EngineError;
use super::ping;
use super::program::{ETCD, REDIS};
use super::server::{Engine, Plan, free_port, fresh, run};

/// A Redis that forces every write, running once it answers.
///
/// # Errors
/// It is missing, or does not start.
pub fn redis() -> Result<Engine, EngineError> {
    let command = |program: &Path, dir: &Path, addr: SocketAddr| {
        let mut command = Command::new(program);
        command.current_dir(dir).args(["--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
        command.arg("--dir").arg(dir).args(["--port", &addr.port().to_string()]);
        Ok(command)
    };
    Engine::start(&Plan { program: REDIS, command: &command, ready: ping::redis, polite: None })
}

/// A running etcd, the only member of its cluster. Dropping it ends it at once and takes its data away.
#[derive(Debug)]
pub struct Etcd {
    engine: Engine,
    program: PathBuf,
}

impl Etcd {
    /// Starts one; it answers once it has elected itself.
    ///
    /// # Errors
    /// It is missing, or does not start.
    pub fn start() -> Result<Self, EngineError> {
        let program = ETCD.find()?;
        let engine = Engine::start_in(&plan(), &program, fresh(None)?)?;
        Ok(Self { engine, program })
    }

    /// What a client connects to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("etcd://{}", self.engine.addr)
    }

    /// Its address, process and directory.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Ends it at once, as a crash would.
    pub fn crash(&mut self) {
        self.engine.process.end();
    }

    /// Ends it at once and starts it again on the same port, with what it has on disk.
    ///
    /// # Errors
    /// It does not start again.
    pub fn restart_after_crash(&mut self) -> Result<(), EngineError> {
        self.crash();
        let (dir, addr) = (self.engine.dir.path(), self.engine.addr);
        self.engine.process = run(&plan(), &self.program, dir, addr)?;
        Ok(())
    }
}

fn plan() -> Plan<'static> {
    Plan { program: ETCD, command: &command, ready: ping::etcd, polite: None }
}

fn command(program: &Path, dir: &Path, addr: SocketAddr) -> Result<Command, EngineError> {
    let (own, peer) = (format!("http://{addr}"), format!("http://{}", free_port()?));
    let mut command = Command::new(program);
    command.current_dir(dir).args(["--name", "engine", "--data-dir"]);
    command.arg(dir.join("data"));
    command.args(["--listen-client-urls", &own, "--advertise-client-urls", &own]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.args(["--initial-cluster", &format!("engine={peer}")]);
    Ok(command)
}

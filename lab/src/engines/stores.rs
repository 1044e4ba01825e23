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
use super::server::{Engine, Plan, free_port};

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

/// An etcd, the only member of its cluster, running once it has elected itself.
///
/// # Errors
/// It is missing, or does not start.
pub fn etcd() -> Result<Engine, EngineError> {
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
    Engine::start(&Plan { program: ETCD, command: &command, ready: ping::etcd, polite: None })
}

//! Redis, one process.
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
use super::program::REDIS;
use super::server::{Engine, Plan, fresh};

/// A Redis that forces every write, running once it answers.
///
/// # Errors
/// It is missing, or does not start.
pub fn redis() -> Result<Engine, EngineError> {
    redis_in(None)
}

/// The same, with its directory in this folder.
///
/// # Errors
/// It is missing, or does not start.
pub fn redis_in(parent: Option<&PathBuf>) -> Result<Engine, EngineError> {
    let command = |program: &Path, dir: &Path, addr: SocketAddr| {
        let mut command = Command::new(program);
        command.current_dir(dir).args(["--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
        command.arg("--dir").arg(dir).args(["--port", &addr.port().to_string()]);
        Ok(command)
    };
    let plan = Plan { program: REDIS, command: &command, ready: ping::redis, polite: None };
    Engine::start_in(&plan, &REDIS.find()?, fresh(parent)?)
}

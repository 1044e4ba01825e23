//! What every engine needs: a directory, a free port, a process, an answer.
//!
//! # Left out
//!
//! Holding the port until the program has it: no system call hands one over. We look for a free
//! one, close it, start the program, and try another one if another process was faster.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::error::EngineError;
use super::process::Process;
use super::program::Program;

const TRIES: u32 = 5;

/// One engine, running. Dropping it ends the process, then takes its directory away.
#[derive(Debug)]
pub struct Engine {
    pub(super) process: Process,
    pub(super) addr: SocketAddr,
    pub(super) dir: TempDir,
}

/// How to start an engine: its program and directory and port in, a command out.
pub(super) struct Plan<'a> {
    pub(super) program: Program,
    pub(super) command: &'a dyn Fn(&Path, &Path, SocketAddr) -> Result<Command, EngineError>,
    pub(super) ready: fn(SocketAddr) -> bool,
    pub(super) polite: Option<Signal>,
}

impl Engine {
    /// Starts an engine in a fresh directory.
    pub(super) fn start(plan: &Plan<'_>) -> Result<Self, EngineError> {
        let program = plan.program.find()?;
        let dir = fresh(None)?;
        Self::start_in(plan, &program, dir)
    }

    /// Where it answers.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process; the parent, if it has several.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn start_in(
        plan: &Plan<'_>,
        program: &Path,
        dir: TempDir,
    ) -> Result<Self, EngineError> {
        let mut tries = 1;
        loop {
            let addr = free_port()?;
            match run(plan, program, dir.path(), addr) {
                Err(error) if error.port_was_taken() && tries < TRIES => tries += 1,
                started => return Ok(Self { process: started?, addr, dir }),
            }
        }
    }
}

/// Runs an engine once, there.
pub(super) fn run(
    plan: &Plan<'_>,
    program: &Path,
    dir: &Path,
    addr: SocketAddr,
) -> Result<Process, EngineError> {
    let command = (plan.command)(program, dir, addr)?;
    Process::start(plan.program.name, command, dir, plan.polite, || (plan.ready)(addr))
}

/// A directory that goes with the value; under `parent` if one is given.
pub(super) fn fresh(parent: Option<&PathBuf>) -> Result<TempDir, EngineError> {
    let mut named = tempfile::Builder::new();
    let named = named.prefix("engine-");
    let dir = parent.map_or_else(|| named.tempdir(), |parent| named.tempdir_in(parent));
    dir.map_err(EngineError::io("make a directory"))
}

/// A port that no process has at this moment.
pub(super) fn free_port() -> Result<SocketAddr, EngineError> {
    let listener = TcpListener::bind(("127.0.0.1", 0));
    listener.and_then(|listener| listener.local_addr()).map_err(EngineError::io("find a free port"))
}

//! A PostgreSQL server in a directory of its own. It refuses to run as root, so root runs it as the
//! user `postgres`.
//!
//! A crash is `pg_ctl stop -m immediate`: every process of the server ends where it stands, nothing
//! is written any more, and the next start recovers from the log.
//!
//! # Left out
//!
//! Passwords (only loopback can connect, and every user is let in), replication, a power cut: what
//! PostgreSQL wrote and did not force survives a crash of it, because the operating system has it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Signal, geteuid};

use super::error::EngineError;
use super::ping;
use super::program::POSTGRES;
use super::server::{Engine, Plan, fresh, run};

/// The user it runs as if we are root.
const USER: &str = "postgres";

/// How to run it. The rest is as PostgreSQL ships it: fsyncs are on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// How many transactions may be prepared at a time. PostgreSQL ships with 0: none.
    pub max_prepared_transactions: u32,
    /// Other settings, as `name` and `value`.
    pub settings: Vec<(String, String)>,
    /// The folder its directory is made in; without one, the system's for temporary files.
    pub parent: Option<PathBuf>,
}

impl Options {
    /// With room for this many prepared transactions.
    #[must_use]
    pub fn with_slots(slots: u32) -> Self {
        Self { max_prepared_transactions: slots, ..Self::default() }
    }
}

/// A running PostgreSQL. Dropping it ends it at once and takes its data away.
#[derive(Debug)]
pub struct Postgres {
    engine: Engine,
    options: Options,
    program: PathBuf,
}

impl Postgres {
    /// Makes a fresh database and starts it.
    ///
    /// # Errors
    /// It is missing, or does not start; the end of its own output is in the error.
    pub fn start(options: &Options) -> Result<Self, EngineError> {
        // A link in PATH may stand alone; initdb stands beside what it points to.
        let program = POSTGRES.find()?;
        let program = program.canonicalize().map_err(EngineError::io("follow a link"))?;
        let owner = Owner::find()?;
        let dir = fresh(options.parent.as_ref())?;
        owner.takes(dir.path())?;
        owner.init(&program, dir.path())?;
        let command = |program: &Path, dir: &Path, addr: SocketAddr| {
            Ok(owner.command(program, dir, addr, options))
        };
        let engine = Engine::start_in(&plan(&command), &program, dir)?;
        Ok(Self { engine, options: options.clone(), program })
    }

    /// What a client connects to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{USER}@{}/postgres", self.engine.addr)
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

    /// Ends it at once and starts it again on the same port: it recovers from its log.
    ///
    /// # Errors
    /// It does not start again.
    pub fn restart_after_crash(&mut self) -> Result<(), EngineError> {
        self.restart_with(self.options.clone())
    }

    /// The same, with other options from now on.
    ///
    /// # Errors
    /// It does not start again.
    pub fn restart_with(&mut self, options: Options) -> Result<(), EngineError> {
        self.crash();
        self.options = options;
        let owner = Owner::find()?;
        let command = |program: &Path, dir: &Path, addr: SocketAddr| {
            Ok(owner.command(program, dir, addr, &self.options))
        };
        let (dir, addr) = (self.engine.dir.path(), self.engine.addr);
        self.engine.process = run(&plan(&command), &self.program, dir, addr)?;
        Ok(())
    }
}

type MakeCommand<'a> = dyn Fn(&Path, &Path, SocketAddr) -> Result<Command, EngineError> + 'a;

fn plan<'a>(command: &'a MakeCommand<'a>) -> Plan<'a> {
    // QUIT is "immediate": the helpers are in groups of their own, and only their parent finds them.
    Plan { program: POSTGRES, command, ready: ping::postgres, polite: Some(Signal::QUIT) }
}

/// The user it runs as: ours, or `postgres` if we are root.
struct Owner(Option<(u32, u32)>);

impl Owner {
    fn find() -> Result<Self, EngineError> {
        if !geteuid().is_root() {
            return Ok(Self(None));
        }
        let users = fs::read_to_string("/etc/passwd").map_err(EngineError::io("read users"))?;
        let line = users.lines().find_map(|line| line.strip_prefix(USER)?.strip_prefix(':'));
        let mut fields = line.into_iter().flat_map(|line| line.split(':').skip(1));
        let mut number = || fields.next()?.parse().ok();
        match (number(), number()) {
            (Some(user), Some(group)) => Ok(Self(Some((user, group)))),
            _ => Err(EngineError::NoUser(USER)),
        }
    }

    fn takes(&self, dir: &Path) -> Result<(), EngineError> {
        let Some((user, group)) = self.0 else { return Ok(()) };
        chown(dir, Some(user), Some(group)).map_err(EngineError::io("give a directory away"))
    }

    fn runs(&self, command: &mut Command, dir: &Path) {
        command.current_dir(dir);
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
    }

    fn init(&self, program: &Path, dir: &Path) -> Result<(), EngineError> {
        let mut command = Command::new(program.with_file_name("initdb"));
        // What it makes is forced at the first checkpoint; until then there is nothing to lose.
        command.args(["--no-sync", "-A", "trust", "-E", "UTF8", "--locale=C", "-U", USER, "-D"]);
        self.runs(command.arg(dir.join("data")), dir);
        let output = command.output().map_err(EngineError::io("start initdb"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(EngineError::Ended { name: "initdb", status: output.status, said })
    }

    fn command(&self, program: &Path, dir: &Path, addr: SocketAddr, options: &Options) -> Command {
        let mut command = Command::new(program);
        command.arg("-D").arg(dir.join("data")).args(["-p", &addr.port().to_string()]);
        let slots = options.max_prepared_transactions.to_string();
        let ours = [
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", ""),
            ("max_prepared_transactions", &slots),
        ];
        let theirs = options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in ours.into_iter().chain(theirs) {
            command.args(["-c", &format!("{name}={value}")]);
        }
        self.runs(&mut command, dir);
        command
    }
}

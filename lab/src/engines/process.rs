//! A foreign program as a process group: awaited until it answers, and never left behind. Beside
//! each stands a guard, a shell that waits for the end of our pipe to it: if this process is killed
//! and can drop nothing, the guard takes the group and its directory away.
//!
//! # Left out
//!
//! Programs that leave their group. PostgreSQL's helpers do; they end with their parent.

#![expect(clippy::disallowed_methods, reason = "a foreign program does not say when it is ready")]

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::error::EngineError;

/// How long a program has to start, and to end when asked.
const DEADLINE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
/// So many of its last lines are shown when it fails.
const LINES: usize = 12;

const GUARD: &str = r#"read -r _; kill -KILL "-$1"; rm -rf -- "$2""#;

/// A running program. Dropping it kills it and waits until it is gone.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    child: Child,
    guard: Child,
    log: PathBuf,
    /// How it is asked to end, before it is killed.
    polite: Option<Signal>,
}

impl Process {
    /// Starts a program whose output goes to `log` in `dir`, and waits until `ready` says so.
    pub(super) fn start(
        name: &'static str,
        mut command: Command,
        dir: &Path,
        polite: Option<Signal>,
        ready: impl Fn() -> bool,
    ) -> Result<Self, EngineError> {
        let log = dir.join("log");
        let out = OpenOptions::new().create(true).append(true).open(&log);
        let out = out.map_err(EngineError::io("write a log"))?;
        let err = out.try_clone().map_err(EngineError::io("write a log"))?;
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        let mut child = command.spawn().map_err(EngineError::io(format!("start {name}")))?;
        let guard = match guard(child.id(), dir) {
            Ok(guard) => guard,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        let mut process = Self { name, child, guard, log, polite };
        process.wait_until(ready)?;
        Ok(process)
    }

    /// Waits until `ready` says so, unless it ends before.
    pub(super) fn wait_until(&mut self, ready: impl Fn() -> bool) -> Result<(), EngineError> {
        let name = self.name;
        let began = Instant::now();
        while began.elapsed() < DEADLINE {
            // First this: an answer may come from another process that has our port.
            if let Some(status) = self.child.try_wait().map_err(EngineError::io("wait"))? {
                return Err(EngineError::Ended { name, status, said: self.last_words() });
            }
            if ready() {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        Err(EngineError::Late { name, deadline: DEADLINE, said: self.last_words() })
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Asks it to end, if there is a way to ask it; kills what is left of its group.
    pub(super) fn end(&mut self) {
        // The guard first: it must not outlive what it guards, and kill the process that has its
        // number then.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        if let Some(signal) = self.polite
            && kill_process(self.group(), signal).is_ok()
        {
            let began = Instant::now();
            while began.elapsed() < DEADLINE && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(LOOK);
            }
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process_group(self.group(), Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn guard(group: u32, dir: &Path) -> Result<Child, EngineError> {
    let mut command = Command::new("sh");
    command.args(["-c", GUARD, "guard", &group.to_string()]).arg(dir);
    // A group of its own: Ctrl-C in a terminal is for the program that we are.
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().map_err(EngineError::io("start a guard"))
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

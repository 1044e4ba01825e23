//! Edge: makes it survive the real world. The lesson is in `node/`.
//!
//! Roles as child processes: started, awaited, killed the hard way, started again, and never left
//! behind. A child prints `ready ADDRESS` in a line of its standard output, and ends when its
//! standard input does: so it cannot outlive its parent, however the parent ends.
//!
//! # Left out
//!
//! Restarting what dies by itself: here the reader, or a test, always wants to see it down.

#![expect(clippy::disallowed_methods, reason = "a driver is where the real clock is read")]

mod lines;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use lines::Lines;

const READY: &str = "ready ";
/// How often to look whether a child has ended whose output does not say it: it has closed it, or a
/// child of its own still has it.
const LOOK: Duration = Duration::from_millis(10);

/// Why a child is not there.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It could not be started, or talked to.
    #[error("cannot start or reach {name}: {source}")]
    Io {
        /// Which child.
        name: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("{name} ended before it was ready ({status}); its own message is above")]
    Ended {
        /// Which child.
        name: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// It did not print that it is ready in time; it was killed.
    #[error("{name} was not ready within {deadline:?} and was killed; is the machine busy?")]
    Late {
        /// Which child.
        name: String,
        /// How long it had.
        deadline: Duration,
    },
    /// It did not end in time.
    #[error("{name} has not ended within {deadline:?}; kill it if it has to")]
    StillRunning {
        /// Which child.
        name: String,
        /// How long it had.
        deadline: Duration,
    },
}

/// One role as a process. Dropping it kills it and waits until it is gone.
#[derive(Debug)]
pub struct Child {
    name: String,
    command: Command,
    deadline: Duration,
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    lines: Lines,
    addr: SocketAddr,
}

impl Child {
    /// Starts a process and waits until it is ready.
    ///
    /// # Errors
    /// It cannot be started, ends early, or is late.
    pub fn start(name: &str, mut command: Command, deadline: Duration) -> Result<Self, ChildError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let (process, stdin, lines, addr) = launch(name, &mut command, deadline)?;
        let name = name.to_owned();
        Ok(Self { name, command, deadline, process, stdin: Some(stdin), lines, addr })
    }

    /// The address it printed, at which it is ready.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// It does not read any more.
    pub fn tell(&mut self, line: &str) -> Result<(), ChildError> {
        let said = match &mut self.stdin {
            Some(stdin) => writeln!(stdin, "{line}").and_then(|()| stdin.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        said.map_err(|source| ChildError::Io { name: self.name.clone(), source })
    }

    /// The next line it writes, if one comes in time. Of lines that the caller does not fetch the
    /// oldest are dropped, and a line says so.
    pub fn line(&mut self, within: Duration) -> Option<String> {
        self.lines.next(Instant::now() + within).ok()
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    /// The operating system does not let us.
    pub fn kill(&mut self) -> Result<ExitStatus, ChildError> {
        self.process
            .kill()
            .and_then(|()| self.process.wait())
            .map_err(|source| ChildError::Io { name: self.name.clone(), source })
    }

    /// Starts it again with the same command, after a kill or any other end.
    ///
    /// # Errors
    /// As for [`Child::start`].
    pub fn restart(&mut self) -> Result<(), ChildError> {
        self.kill()?;
        let (process, stdin, lines, addr) = launch(&self.name, &mut self.command, self.deadline)?;
        (self.process, self.stdin, self.lines, self.addr) = (process, Some(stdin), lines, addr);
        Ok(())
    }

    /// Changes the command that the next [`Child::restart`] uses.
    pub fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Waits until it ends by itself. Lines that were not fetched are gone then.
    ///
    /// # Errors
    /// It does not end in time.
    pub fn wait(&mut self) -> Result<ExitStatus, ChildError> {
        let (name, deadline) = (self.name.clone(), self.deadline);
        match ended(&mut self.process, &self.lines, Instant::now() + deadline) {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err(ChildError::StillRunning { name, deadline }),
            Err(source) => Err(ChildError::Io { name, source }),
        }
    }

    /// Waits for its end, at most so long; gives whether it has ended.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        ended(&mut self.process, &self.lines, Instant::now() + time).is_ok_and(|s| s.is_some())
    }

    /// Asks for an orderly end by closing its standard input.
    pub fn close(&mut self) {
        self.stdin = None;
    }

    /// The same, and waits for it.
    ///
    /// # Errors
    /// It does not end in time; it is killed then.
    pub fn stop(mut self) -> Result<ExitStatus, ChildError> {
        self.stdin = None;
        self.wait()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

type Launched = (std::process::Child, ChildStdin, Lines, SocketAddr);

fn launch(name: &str, command: &mut Command, deadline: Duration) -> Result<Launched, ChildError> {
    let io_error = |source| ChildError::Io { name: name.to_owned(), source };
    let mut process = command.spawn().map_err(io_error)?;
    let stdin = process.stdin.take().expect("piped");
    let lines = Lines::of(process.stdout.take().expect("piped"));
    let until = Instant::now() + deadline;
    // Also for a child that talks all the time.
    while Instant::now() < until {
        match lines.next(until) {
            Ok(text) => {
                if let Some(addr) = text.strip_prefix(READY).and_then(|a| a.trim().parse().ok()) {
                    return Ok((process, stdin, lines, addr));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                if let Some(status) = ended(&mut process, &lines, until).map_err(io_error)? {
                    return Err(ChildError::Ended { name: name.to_owned(), status });
                }
            }
        }
    }
    let _ = process.kill();
    let _ = process.wait();
    Err(ChildError::Late { name: name.to_owned(), deadline })
}

/// How a process ended, if it does so in time. Its output mostly ends with it, and wakes us up.
fn ended(
    process: &mut std::process::Child,
    lines: &Lines,
    until: Instant,
) -> io::Result<Option<ExitStatus>> {
    loop {
        let status = process.try_wait()?;
        let now = Instant::now();
        if status.is_some() || now >= until {
            return Ok(status);
        }
        let next_look = until.min(now + LOOK);
        if lines.next(next_look) == Err(RecvTimeoutError::Disconnected) {
            std::thread::sleep(next_look - now);
        }
    }
}

/// Whether a process ended as one does that aborts itself.
#[cfg(unix)]
#[must_use]
pub fn is_abort(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    const SIGABRT: i32 = 6;
    status.signal() == Some(SIGABRT)
}

/// Whether a process ended as one does that aborts itself.
#[cfg(not(unix))]
#[must_use]
pub fn is_abort(status: ExitStatus) -> bool {
    !status.success()
}

/// In a child: prints that it is ready, and where.
pub fn say_ready(addr: SocketAddr) {
    println!("{READY}{addr}");
    let _ = io::stdout().flush();
}

/// In a child: hands every line of standard input to `line`, and calls `end` when there are no
/// more, which is when the parent asks it to end, or has ended itself.
pub fn watch_stdin(
    mut line: impl FnMut(String) + Send + 'static,
    end: impl FnOnce() + Send + 'static,
) {
    std::thread::spawn(move || {
        lines::for_each_line(io::stdin().lock(), &mut line);
        end();
    });
}

//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! Roles as child processes: started, awaited, killed the hard way, started again, and never left
//! behind. A child says `ready ADDRESS` in a line of its standard output, and ends when its standard
//! input does: so it cannot outlive its parent, however the parent ends.
//!
//! # Left out
//!
//! Restarting what dies by itself: here somebody always wants to see it dead.

#![expect(clippy::disallowed_methods, reason = "a driver is where the real clock lives")]

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const READY: &str = "ready ";

/// Why a child is not there.
#[derive(Debug)]
pub enum ChildError {
    /// It could not be started, or talked to.
    Io {
        /// Which child.
        name: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// It ended before it was ready.
    Ended {
        /// Which child.
        name: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// It did not say that it is ready in time; it was killed.
    Late {
        /// Which child.
        name: String,
        /// How long it had.
        deadline: Duration,
    },
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { name, source } => write!(f, "cannot start or reach {name}: {source}"),
            Self::Ended { name, status } => {
                write!(f, "{name} ended before it was ready ({status}); its own message is above")
            }
            Self::Late { name, deadline } => write!(
                f,
                "{name} was not ready within {deadline:?} and was killed; is the machine busy?"
            ),
        }
    }
}

impl std::error::Error for ChildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Ended { .. } | Self::Late { .. } => None,
        }
    }
}

/// One role as a process. Dropping it kills it and waits until it is gone.
#[derive(Debug)]
pub struct Child {
    name: String,
    command: Command,
    deadline: Duration,
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
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

    /// The address it said it is ready at.
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

    /// The next line it writes, if one comes in time.
    pub fn line(&mut self, within: Duration) -> Option<String> {
        self.lines.recv_timeout(within).ok()
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

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// It does not end in time.
    pub fn wait(&mut self) -> Result<ExitStatus, ChildError> {
        let until = Instant::now() + self.deadline;
        // Its standard output ends with it: no need to ask again and again.
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match self.lines.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    return self
                        .process
                        .wait()
                        .map_err(|source| ChildError::Io { name: self.name.clone(), source });
                }
            }
        }
        Err(ChildError::Late { name: self.name.clone(), deadline: self.deadline })
    }

    /// Asks for an orderly end by closing its standard input, and waits for it.
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

type Launched = (std::process::Child, ChildStdin, Receiver<String>, SocketAddr);

fn launch(name: &str, command: &mut Command, deadline: Duration) -> Result<Launched, ChildError> {
    let io_error = |source| ChildError::Io { name: name.to_owned(), source };
    let mut process = command.spawn().map_err(io_error)?;
    let stdin = process.stdin.take().expect("piped");
    let stdout = BufReader::new(process.stdout.take().expect("piped"));
    let (line, lines) = channel();
    // Reads to the end, so that a child that talks much is never blocked by a full pipe.
    std::thread::spawn(move || {
        for text in stdout.lines().map_while(Result::ok) {
            let _ = line.send(text);
        }
    });
    let until = Instant::now() + deadline;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(text) => {
                if let Some(addr) = text.strip_prefix(READY).and_then(|a| a.trim().parse().ok()) {
                    return Ok((process, stdin, lines, addr));
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = process.wait().map_err(io_error)?;
                return Err(ChildError::Ended { name: name.to_owned(), status });
            }
            Err(RecvTimeoutError::Timeout) => {
                let _ = process.kill();
                let _ = process.wait();
                return Err(ChildError::Late { name: name.to_owned(), deadline });
            }
        }
    }
}

/// In a child: says that it is ready, and where.
pub fn say_ready(addr: SocketAddr) {
    println!("{READY}{addr}");
    let _ = io::stdout().flush();
}

/// In a child: hands every line of standard input to `line`, and calls `end` when there are no
/// more, which is when the parent wants an end or has met its own.
pub fn watch_stdin(
    mut line: impl FnMut(String) + Send + 'static,
    end: impl FnOnce() + Send + 'static,
) {
    std::thread::spawn(move || {
        for text in io::stdin().lock().lines().map_while(Result::ok) {
            line(text);
        }
        end();
    });
}

//! Why an engine does not run, in words that say what to do.
//!
//! # Left out
//!
//! Reading an engine's own words: its last lines are shown as they are.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use super::program::Missing;

/// Why an engine is not there.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It is not installed.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The operating system said no.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What it said.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("{name} ended before it was ready ({status}):\n{said}")]
    Ended {
        /// Which program.
        name: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The last lines it wrote.
        said: String,
    },
    /// It did not answer in time, and was killed.
    #[error("{name} did not answer within {deadline:?} and was killed:\n{said}")]
    Late {
        /// Which program.
        name: &'static str,
        /// How long it had.
        deadline: Duration,
        /// The last lines it wrote.
        said: String,
    },
    /// It refuses to run as root, and there is no user to run it as.
    #[error(
        "this program does not run as root, and there is no user {0}; create one with `useradd \
         --system {0}`, or do not run as root"
    )]
    NoUser(&'static str),
}

impl EngineError {
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }

    /// Whether another process took the port between our look and the program's.
    pub(super) fn port_was_taken(&self) -> bool {
        matches!(self, Self::Ended { said, .. } if said.contains("ddress already in use"))
    }
}

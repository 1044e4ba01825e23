//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! Why an engine does not run, in words that say what to do.
//!
//! # Left out
//!
//! Reading an engine's own words: its last lines are shown as they are.

use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use super::program::Missing;

/// Why an engine is not there.
#[derive(Debug)]
pub enum EngineError {
    /// It is not installed.
    Missing(Missing),
    /// The operating system said no.
    Io {
        /// What was being done.
        doing: String,
        /// What it said.
        source: io::Error,
    },
    /// It ended before it was ready.
    Ended {
        /// Which program.
        name: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The last lines it wrote.
        said: String,
    },
    /// It did not answer in time, and was killed.
    Late {
        /// Which program.
        name: &'static str,
        /// How long it had.
        deadline: Duration,
        /// The last lines it wrote.
        said: String,
    },
    /// It refuses to run as root, and there is no user to run it as.
    NoUser(&'static str),
}

impl EngineError {
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }

    /// Whether somebody took the port between our look and the program's.
    pub(super) fn port_was_taken(&self) -> bool {
        matches!(self, Self::Ended { said, .. } if said.contains("ddress already in use"))
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(missing) => write!(f, "{missing}"),
            Self::Io { doing, source } => write!(f, "cannot {doing}: {source}"),
            Self::Ended { name, status, said } => {
                write!(f, "{name} ended before it was ready ({status}):\n{said}")
            }
            Self::Late { name, deadline, said } => {
                write!(f, "{name} did not answer within {deadline:?} and was killed:\n{said}")
            }
            Self::NoUser(user) => write!(
                f,
                "this program does not run as root, and there is no user {user}; create one with \
                 `useradd --system {user}`, or do not run as root"
            ),
        }
    }
}

impl std::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Missing(missing) => Some(missing),
            Self::Io { source, .. } => Some(source),
            Self::Ended { .. } | Self::Late { .. } | Self::NoUser(_) => None,
        }
    }
}

impl From<Missing> for EngineError {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

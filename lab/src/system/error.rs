//! Why a command does not do what it was asked, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use super::terminal::quoted;
use crate::http::NoAnswer;
use crate::run::Fatal;
use crate::run::children::ChildError;
use crate::run::proxy::CannotListen;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A role did not start, or cannot be reached.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// A node cannot run.
    #[error(transparent)]
    Node(#[from] Fatal),
    /// A link that can be cut has no port.
    #[error(transparent)]
    NoLink(#[from] CannotListen),
    /// The machine cannot be measured.
    #[error(transparent)]
    Measure(#[from] crate::measure::Error),
    /// The operating system said no.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What it said.
        source: io::Error,
    },
    /// Another cluster runs on this directory.
    #[error("a cluster already runs on {}; end it, or choose another --dir", .0.display())]
    Locked(PathBuf),
    /// The port that was asked for is taken.
    #[error(
        "port {port} is taken ({source}): end what uses it, choose another --port, or leave --port \
         out for a free one"
    )]
    PortTaken {
        /// Which.
        port: u16,
        /// What the operating system said.
        source: io::Error,
    },
    /// No cluster runs on this directory.
    #[error(
        "no cluster runs on {}; start one with `cargo {system} cluster --dir {}`",
        dir.display(),
        quoted(&dir.display().to_string())
    )]
    NoCluster {
        /// The name of the system.
        system: &'static str,
        /// The directory.
        dir: PathBuf,
    },
    /// The manifest of a cluster cannot be read, or is not what was written.
    #[error(
        "{} is damaged or cannot be read ({why}). It holds the id that every log of this cluster \
         carries, so nothing was changed: put the file back from a copy, or choose another --dir",
        file.display()
    )]
    BadManifest {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A role that ran before has no log.
    #[error(
        "{} holds no log, and {role} has run in this cluster before. To start it anyway would forget \
         what it acknowledged: put the folder back, or start a new cluster with another --dir",
        dir.display()
    )]
    NoLog {
        /// Which role.
        role: String,
        /// Where its log was.
        dir: PathBuf,
    },
    /// There was no answer.
    #[error("no answer from {whom} ({why}); see who is up with `cargo {system} status{flag}`")]
    NoAnswer {
        /// The name of the system.
        system: &'static str,
        /// Who was asked.
        whom: String,
        /// Why there is none.
        why: String,
        /// What a command needs to mean the same cluster, as in ` --dir DIR`.
        flag: String,
    },
    /// The answer was no.
    #[error("{0}")]
    Refused(String),
    /// What only one system knows, such as a database that cannot be used.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// What the operating system said no to.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }

    /// A server of this system did not answer.
    #[must_use]
    pub fn no_answer(system: &'static str, none: NoAnswer) -> Self {
        Self::silent(system, none.server.to_string(), none.why)
    }

    /// There was no answer from there.
    #[must_use]
    pub fn silent(system: &'static str, whom: String, why: String) -> Self {
        Self::NoAnswer { system, whom, why, flag: String::new() }
    }

    /// The same, and the command in it means this cluster.
    #[must_use]
    pub(super) fn with_flag(self, flag: String) -> Self {
        match self {
            Self::NoAnswer { system, whom, why, flag: _ } => {
                Self::NoAnswer { system, whom, why, flag }
            }
            other => other,
        }
    }

    pub(super) fn no_cluster(system: &'static str, dir: &Path) -> Self {
        Self::NoCluster { system, dir: dir.to_owned() }
    }
}

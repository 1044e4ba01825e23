//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! Why a command does not do what it was asked, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use lab::run::Fatal;
use lab::run::children::ChildError;

use super::role::Role;

/// Why a command failed.
#[derive(Debug)]
pub enum Trouble {
    /// A role did not start, or cannot be talked to.
    Child(ChildError),
    /// A node cannot run.
    Node(Fatal),
    /// The operating system said no.
    Io {
        /// What was being done.
        doing: String,
        /// What it said.
        source: io::Error,
    },
    /// Another cluster runs on this directory.
    Locked(PathBuf),
    /// No cluster runs on this directory.
    NoCluster(PathBuf),
    /// What should remember a cluster does not read as such.
    BadMemory(PathBuf, String),
    /// The design of this cluster has no such role.
    NotHere(Role),
    /// There was no answer.
    NoAnswer {
        /// Whom was asked.
        whom: String,
        /// Why there is none.
        why: String,
    },
    /// The answer was no.
    Refused(String),
    /// This build has no PostgreSQL client in it.
    NotBuiltIn,
    /// A database cannot be what a participant needs.
    #[cfg(feature = "engines")]
    Database(super::postgres::Unfit),
}

impl Trouble {
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Child(error) => write!(f, "{error}"),
            Self::Node(error) => write!(f, "{error}"),
            Self::Io { doing, source } => write!(f, "cannot {doing}: {source}"),
            Self::Locked(dir) => write!(
                f,
                "a cluster already runs on {}; end it, or choose another --dir",
                dir.display()
            ),
            Self::NoCluster(dir) => write!(
                f,
                "no cluster runs on {0}; start one with `cargo ch02 cluster --dir {0}`",
                dir.display()
            ),
            Self::BadMemory(file, why) => write!(
                f,
                "{} does not describe a cluster ({why}); choose another --dir",
                file.display()
            ),
            Self::NoAnswer { whom, why } => {
                write!(f, "no answer from {whom} ({why}); see who is up with `cargo ch02 status`")
            }
            Self::NotHere(role) => write!(
                f,
                "there is no {0} here: `cargo ch02 cluster --paxos` has it, in a --dir of its own",
                role.name()
            ),
            Self::Refused(why) => f.write_str(why),
            Self::NotBuiltIn => f.write_str(
                "this build has no PostgreSQL client in it; start it with `cargo run -p \
                 ch02-two-phase-commit --features engines --bin ch02-two-phase-commit -- cluster \
                 --participant pay=postgres://…`",
            ),
            #[cfg(feature = "engines")]
            Self::Database(unfit) => write!(f, "{unfit}"),
        }
    }
}

impl std::error::Error for Trouble {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Child(error) => Some(error),
            Self::Node(error) => Some(error),
            Self::Io { source, .. } => Some(source),
            Self::Locked(_)
            | Self::NoCluster(_)
            | Self::BadMemory(..)
            | Self::NotHere(_)
            | Self::NoAnswer { .. }
            | Self::Refused(_)
            | Self::NotBuiltIn => None,
            #[cfg(feature = "engines")]
            Self::Database(unfit) => Some(unfit),
        }
    }
}

impl From<ChildError> for Trouble {
    fn from(error: ChildError) -> Self {
        Self::Child(error)
    }
}

impl From<Fatal> for Trouble {
    fn from(error: Fatal) -> Self {
        Self::Node(error)
    }
}

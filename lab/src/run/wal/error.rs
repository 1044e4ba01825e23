//! Edge: makes it survive the real world. The lesson is in `node.rs`.
//!
//! Why a log refuses. Each sentence names the place and what an operator may do about it.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;

use super::format::{Identity, MAX_ENTRY, VERSION};

/// Why a log cannot be read or written. None of these may be retried in the same process.
#[derive(Debug)]
pub enum LogError {
    /// The operating system refused. After a failed write or sync nobody knows what is durable.
    Io {
        /// What the log was doing.
        doing: &'static str,
        /// With which file.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// An earlier operation failed; the log takes nothing more.
    Stopped,
    /// Bytes that were durable once are not what was written.
    Damaged {
        /// The segment.
        file: String,
        /// The first byte that cannot be trusted.
        at: u64,
        /// How the log knows.
        why: String,
    },
    /// A segment is not there.
    Missing {
        /// Its name.
        file: String,
    },
    /// The directory belongs to another node or cluster.
    Foreign {
        /// The segment that says so.
        file: String,
        /// Whose it is.
        found: Identity,
        /// Who asked.
        ours: Identity,
    },
    /// The log was written by another version of this program.
    Version {
        /// The segment that says so.
        file: String,
        /// Its version.
        found: u32,
    },
    /// A file that no log has made.
    Stranger {
        /// Its name.
        file: String,
    },
    /// One record is longer than a frame may be.
    TooLong {
        /// Its length.
        len: usize,
    },
}

impl Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, file, source } => write!(
                f,
                "cannot {doing} {file}: {source}; what is durable is unknown now, so this process \
                 ends: check the disk, then start it again"
            ),
            Self::Stopped => {
                f.write_str("the log stopped at an earlier error; start the process again")
            }
            Self::Damaged { file, at, why } => write!(
                f,
                "{file} is damaged at byte {at}: {why}; acknowledged records may be lost. Restore \
                 this directory from a copy, or remove all of it and let the node rejoin as an \
                 empty one if its group allows that"
            ),
            Self::Missing { file } => write!(
                f,
                "{file} is missing; put it back from a copy, or remove the whole directory and \
                 let the node rejoin as an empty one if its group allows that"
            ),
            Self::Foreign { file, found, ours } => write!(
                f,
                "{file} belongs to node {} of cluster {}, not to node {} of cluster {}; choose \
                 the right data directory",
                found.node, found.cluster, ours.node, ours.cluster
            ),
            Self::Version { file, found } => write!(
                f,
                "{file} has format version {found}, this program reads version {VERSION}; start \
                 it with the program that wrote it"
            ),
            Self::Stranger { file } => write!(
                f,
                "{file} is not part of a log; move it away, a data directory holds nothing else"
            ),
            Self::TooLong { len } => write!(
                f,
                "a record of {len} bytes, and {MAX_ENTRY} are the limit; split it into several"
            ),
        }
    }
}

impl Error for LogError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Stopped
            | Self::Damaged { .. }
            | Self::Missing { .. }
            | Self::Foreign { .. }
            | Self::Version { .. }
            | Self::Stranger { .. }
            | Self::TooLong { .. } => None,
        }
    }
}

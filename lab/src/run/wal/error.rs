//! Why a log refuses. Each sentence names the place and what an operator may do about it.

use std::io;

use super::format::{Identity, MAX_ENTRY, VERSION};

/// Why a log cannot be read or written. None of these may be retried in the same process.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The operating system refused. After a failed write or sync it is unknown what is durable.
    #[error(
        "cannot {doing} {file}: {source}; what is durable is unknown now, so this process ends: check \
         the disk, then start it again"
    )]
    Io {
        /// What the log was doing.
        doing: &'static str,
        /// With which file.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// An earlier operation failed; the log takes nothing more.
    #[error("the log stopped at an earlier error; start the process again")]
    Stopped,
    /// Bytes that were durable once are not what was written.
    #[error(
        "{file} is damaged at byte {at}: {why}; acknowledged records may be lost. Restore this \
         directory from a copy (an older one forgets what was acknowledged since), or remove all of it \
         and let the node rejoin as an empty one if its group allows that"
    )]
    Damaged {
        /// The segment.
        file: String,
        /// The first byte that cannot be trusted.
        at: u64,
        /// How the log knows.
        why: String,
    },
    /// A segment is not there.
    #[error(
        "{file} is missing; put it back, or the whole directory from a copy (an older one forgets what was \
         acknowledged since), or remove the whole directory and let the node \
         rejoin as an empty one if its group allows that"
    )]
    Missing {
        /// Its name.
        file: String,
    },
    /// The directory belongs to another node or cluster.
    #[error(
        "{file} belongs to node {} of cluster {}, not to node {} of cluster {}; choose the right data \
         directory",
        found.node, found.cluster, ours.node, ours.cluster
    )]
    Foreign {
        /// The segment that says so.
        file: String,
        /// Whose it is.
        found: Identity,
        /// Who asked.
        ours: Identity,
    },
    /// The log was written by another version of this program.
    #[error(
        "{file} has format version {found}, this program reads version {VERSION}; start it with the \
         program that wrote it"
    )]
    Version {
        /// The segment that says so.
        file: String,
        /// Its version.
        found: u32,
    },
    /// A file that no log has made.
    #[error("{file} is not part of a log; move it away, a data directory holds nothing else")]
    UnexpectedFile {
        /// Its name.
        file: String,
    },
    /// One record is longer than a frame may be.
    #[error("a record of {len} bytes, and {MAX_ENTRY} are the limit; split it into several")]
    TooLong {
        /// Its length.
        len: usize,
    },
}

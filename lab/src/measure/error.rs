//! Why something could not be measured.

use std::io;

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system said no.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What it said.
        source: io::Error,
    },
    /// A contender does not run, or not right.
    #[error("{who}: {why}")]
    Contender {
        /// Which one.
        who: String,
        /// What is wrong.
        why: String,
        /// What to do about it; may be empty.
        fix: String,
    },
    /// This build cannot.
    #[error("this build was made without the feature `{0}`")]
    Feature(&'static str),
}

impl Error {
    /// What the operating system said no to.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }

    /// A contender that does not run.
    pub fn contender(who: impl Into<String>, why: impl ToString) -> Self {
        Self::Contender { who: who.into(), why: why.to_string(), fix: String::new() }
    }

    /// What to do about it; may be empty.
    #[must_use]
    pub fn fix(&self) -> &str {
        match self {
            Self::Contender { fix, .. } => fix,
            Self::Io { .. } | Self::Feature(_) => "",
        }
    }
}

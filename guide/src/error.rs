//! What went wrong, where, and what to do about it.

use std::fmt;

/// One thing that stops us, in words a reader can act on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Error {
    /// `book/src/ch02/step1.md:12`; empty where no file is to blame.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What to do; may be empty where `what` says it.
    pub fix: String,
}

/// Work that stops at the first error.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error that no file is to blame for.
    pub fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { place: String::new(), what: what.into(), fix: fix.into() }
    }

    /// An error at a place.
    pub fn at(place: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), fix: fix.into() }
    }

    /// The same error, blamed on `place` unless it has a place already.
    #[must_use]
    pub fn or_at(mut self, place: impl Into<String>) -> Self {
        if self.place.is_empty() {
            self.place = place.into();
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.what)?;
        if !self.fix.is_empty() {
            write!(f, "\n  fix: {}", self.fix)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

//! What went wrong, where, and what to do about it.

use std::fmt;

/// One thing that stops us, in words a reader can act on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Trouble {
    /// `book/src/ch02/step1.md:12`; empty where no file is to blame.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What to do; may be empty where `what` says it.
    pub fix: String,
}

/// Work that stops at the first trouble.
pub type Result<T> = std::result::Result<T, Trouble>;

impl Trouble {
    /// A trouble that no file is to blame for.
    pub fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { place: String::new(), what: what.into(), fix: fix.into() }
    }

    /// A trouble at a place.
    pub fn at(place: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), fix: fix.into() }
    }

    /// The same trouble, blamed on `place` unless it has a place already.
    #[must_use]
    pub fn or_at(mut self, place: impl Into<String>) -> Self {
        if self.place.is_empty() {
            self.place = place.into();
        }
        self
    }
}

impl fmt::Display for Trouble {
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

impl std::error::Error for Trouble {}

//! The chapter as the guide sees it.

use lab::chapter::{Chapter, Models};

use crate::designs;

struct SessionsChapter;

/// This chapter.
#[must_use]
pub fn chapter() -> &'static dyn Chapter {
    &SessionsChapter
}

impl Chapter for SessionsChapter {
    fn id(&self) -> &'static str {
        "ch01"
    }

    fn question(&self) -> &'static str {
        "Where does a session live?"
    }

    fn folder(&self) -> &'static str {
        "ch01-sticky-sessions"
    }

    fn models(&self) -> Option<&dyn Models> {
        Some(designs::study())
    }
}

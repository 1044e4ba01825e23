//! The chapter as the guide sees it.

use lab::chapter::Chapter;

struct TracingChapter;

/// This chapter.
#[must_use]
pub fn chapter() -> &'static dyn Chapter {
    &TracingChapter
}

impl Chapter for TracingChapter {
    fn id(&self) -> &'static str {
        "ch04"
    }

    fn question(&self) -> &'static str {
        "What caused this?"
    }

    fn folder(&self) -> &'static str {
        "ch04-tracing"
    }
}

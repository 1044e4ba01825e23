//! The chapter as the guide sees it.

use lab::chapter::{Chapter, Figure, Models, Table};

use crate::{book, designs, duel, partial};

struct PaxosChapter;

/// This chapter.
#[must_use]
pub fn chapter() -> &'static dyn Chapter {
    &PaxosChapter
}

impl Chapter for PaxosChapter {
    fn id(&self) -> &'static str {
        "ch03"
    }

    fn question(&self) -> &'static str {
        "How does a group decide once?"
    }

    fn folder(&self) -> &'static str {
        "ch03-paxos"
    }

    fn models(&self) -> Option<&dyn Models> {
        Some(designs::study())
    }

    fn figures(&self) -> Vec<(String, Figure)> {
        let figures = book::figures().into_iter();
        figures.map(|(name, log)| (name, Figure::SpaceTime(log))).collect()
    }

    fn tables(&self) -> Vec<(String, Table)> {
        vec![("duels".into(), duel::table()), ("partial".into(), partial::table())]
    }

    fn numbers(&self) -> Vec<(String, String)> {
        book::numbers()
    }

    #[cfg(feature = "system")]
    fn system(&self) -> Option<&'static dyn lab::system::System> {
        Some(crate::system::SYSTEM)
    }
}

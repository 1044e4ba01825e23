//! The chapter as the guide sees it.

use lab::chapter::{Chapter, Figure, Models};
use lab::measure::Measure;
use lab::system::System;

use crate::{book, designs, system};

struct TwoPhaseCommit;

/// This chapter.
#[must_use]
pub fn chapter() -> &'static dyn Chapter {
    &TwoPhaseCommit
}

impl Chapter for TwoPhaseCommit {
    fn id(&self) -> &'static str {
        "ch02"
    }

    fn question(&self) -> &'static str {
        "Who may say it is done?"
    }

    fn folder(&self) -> &'static str {
        "ch02-two-phase-commit"
    }

    fn models(&self) -> Option<&dyn Models> {
        Some(designs::study())
    }

    fn figures(&self) -> Vec<(String, Figure)> {
        let figures = book::figures().into_iter();
        figures.map(|(name, log)| (name, Figure::SpaceTime(log))).collect()
    }

    fn numbers(&self) -> Vec<(String, String)> {
        book::numbers()
    }

    fn system(&self) -> Option<&'static dyn System> {
        Some(system::SYSTEM)
    }

    fn measures(&self) -> Vec<Measure> {
        let (engines, outage) = (
            Measure::new("engines", "transfers: ours beside two PostgreSQL and one")
                .needs("engines"),
            Measure::new("outage", "what a dead coordinator stops, in three designs"),
        );
        #[cfg(feature = "engines")]
        let engines = engines.run_by(system::postgres::compare::measure);
        vec![
            engines,
            outage.run_by(|setup, out| {
                system::outage::measure(&system::outage::Contestant::alone(), setup, out)
            }),
        ]
    }
}

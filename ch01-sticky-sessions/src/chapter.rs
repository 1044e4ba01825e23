//! The chapter as the guide sees it.

use lab::chapter::{Chapter, Dial, Figure, Models, Table};

use crate::{book, designs, experiments};

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

    fn figures(&self) -> Vec<(String, Figure)> {
        let runs = book::figures().into_iter().map(|(name, log)| (name, Figure::SpaceTime(log)));
        let plots = experiments::plots().into_iter();
        runs.chain(plots.map(|(name, plot)| (name, Figure::Plot(plot)))).collect()
    }

    fn tables(&self) -> Vec<(String, Table)> {
        experiments::tables()
    }

    fn scoreboard(&self) -> Option<Table> {
        Some(experiments::scoreboard())
    }

    fn dials(&self) -> Vec<(String, Dial)> {
        experiments::dials()
    }

    #[cfg(feature = "system")]
    fn system(&self) -> Option<&'static dyn lab::system::System> {
        Some(crate::system::SYSTEM)
    }

    #[cfg(feature = "system")]
    fn measures(&self) -> Vec<lab::measure::Measure> {
        use lab::measure::Measure;
        let balancers = Measure::new("balancers", "our balancer beside HAProxy and nginx");
        let store = Measure::new("store", "how often design 7 asks its store, beside design 5");
        let conformance =
            Measure::new("conformance", "odd requests to our balancer, HAProxy and nginx");
        let dribbling = Measure::new("dribbling", "users beside 2,000 connections that dribble");
        let all = [balancers, store, conformance, dribbling];
        let all = all.map(|measure| measure.needs("engines"));
        #[cfg(all(feature = "engines", unix))]
        let all = {
            use crate::system::measure;
            let [balancers, store, conformance, dribbling] = all;
            [
                balancers.run_by(measure::balancers),
                store.run_by(measure::store),
                conformance.run_by(measure::conformance),
                dribbling.run_by(measure::dribbling),
            ]
        };
        all.into()
    }

    fn numbers(&self) -> Vec<(String, String)> {
        book::numbers()
    }
}

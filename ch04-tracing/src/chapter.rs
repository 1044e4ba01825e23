//! The chapter as the guide sees it.

use lab::chapter::{Chapter, Dial, Figure, Table};

use crate::experiments;

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

    fn figures(&self) -> Vec<(String, Figure)> {
        let plots = experiments::plots().into_iter();
        plots.map(|(name, plot)| (name, Figure::Plot(plot))).collect()
    }

    fn tables(&self) -> Vec<(String, Table)> {
        experiments::tables()
    }

    fn dials(&self) -> Vec<(String, Dial)> {
        experiments::dials()
    }

    fn numbers(&self) -> Vec<(String, String)> {
        experiments::numbers()
    }

    #[cfg(feature = "system")]
    fn system(&self) -> Option<&'static dyn lab::system::System> {
        Some(crate::system::shop::SYSTEM)
    }

    #[cfg(feature = "system")]
    fn measures(&self) -> Vec<lab::measure::Measure> {
        use crate::system::{capacity, cost, fire};
        use lab::measure::Measure;
        let about = "one purchase that loses a replica half-way, span by span";
        let fire = Measure::new("fire", about).run_by(fire::measure);
        let about = "spans that the collector stores per second of CPU";
        let ingest = Measure::new("ingest", about).run_by(capacity::measure);
        let about = "how fast the collector finds traces among a million spans";
        let queries = Measure::new("queries", about).run_by(capacity::queries);
        let about = "the collector beside Rotel, over HTTP";
        let collectors = Measure::new("collectors", about).needs("engines");
        #[cfg(all(feature = "engines", unix))]
        let collectors = collectors.run_by(crate::system::collectors::measure);
        let about = "what tracing costs the shop, with none, 1 of 1024 and all requests recorded";
        let shop = Measure::new("shop", about).run_by(cost::measure);
        vec![fire, ingest, queries, collectors, shop]
    }
}

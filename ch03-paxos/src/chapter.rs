//! The chapter as the guide sees it.

use lab::chapter::{Chapter, Dial, Figure, Models, Table};

use crate::{book, designs, duel, leases, partial, quorums};

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
        let figures = figures.map(|(name, log)| (name, Figure::SpaceTime(log)));
        figures.chain([("leases".into(), Figure::Plot(leases::plot()))]).collect()
    }

    fn tables(&self) -> Vec<(String, Table)> {
        vec![
            ("duels".into(), duel::table()),
            ("leases".into(), leases::table()),
            ("partial".into(), partial::table()),
            ("quorums".into(), quorums::table()),
        ]
    }

    fn dials(&self) -> Vec<(String, Dial)> {
        vec![("duels".into(), duel::dial())]
    }

    fn numbers(&self) -> Vec<(String, String)> {
        book::numbers()
    }

    #[cfg(feature = "system")]
    fn system(&self) -> Option<&'static dyn lab::system::System> {
        Some(crate::system::SYSTEM)
    }

    #[cfg(feature = "system")]
    fn measures(&self) -> Vec<lab::measure::Measure> {
        use lab::measure::Measure;
        let engines = Measure::new("engines", "puts and reads: ours beside etcd and Redis");
        let failover = Measure::new("failover", "for how long no client is answered after a kill");
        let (engines, failover) = (engines.needs("engines"), failover.needs("engines"));
        #[cfg(all(feature = "engines", unix))]
        let (engines, failover) = {
            use crate::system::engines as beside;
            (engines.run_by(beside::measure), failover.run_by(beside::failover::measure))
        };
        let week = Measure::new("week", "what replicas keep of a week of writes");
        vec![engines, failover, week.run_by(crate::system::week::measure)]
    }
}

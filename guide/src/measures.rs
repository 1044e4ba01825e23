//! What can be measured: each chapter's own measurements, and those that need two chapters, which know
//! nothing of each other.

use std::io::Write;

use ch02_two_phase_commit::system::outage::{self, Contestant};
use lab::chapter::Chapter;
use lab::measure::{Error, Measure, Outcome, Setup, runtime};
use lab::system::{MeasuredCluster, Options};

use crate::commands::system::prefix;

/// Everything that is measured under a chapter's name.
#[must_use]
pub fn of(chapter: &dyn Chapter) -> Vec<Measure> {
    let mut all = chapter.measures();
    if chapter.id() == "ch03" {
        let about = "chapter 2's dead coordinator, with its decisions in this store";
        all.push(Measure::new("outage", about).run_by(outage_with_store));
    }
    all
}

/// Chapter 2's outage in its three designs, and with the decisions in chapter 3's three replicas.
fn outage_with_store(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    let runtime = runtime()?;
    let on = |id: &str| Setup { prefix: prefix(id), ..setup.clone() };
    let replicas = (ch03_paxos::system::SYSTEM, Options::default());
    let replicas =
        MeasuredCluster::start("replicas", replicas, &on("ch03"), runtime.handle().clone())?;
    let address = format!("redis://{}", addresses(&replicas).join(","));
    let mut contestants = Contestant::alone();
    contestants.push(Contestant::with_store("decisions replicated", &address));
    outage::measure(&contestants, &on("ch02"), out)
}

/// Where the replicas serve clients.
fn addresses(replicas: &MeasuredCluster) -> Vec<String> {
    let all = replicas.report().into_iter().filter_map(|(_, status)| status);
    all.filter_map(|status| Some(status.own.get("redis")?.as_str()?.to_owned())).collect()
}

//! A chapter's designs as data: what each promises, in which small worlds it is tried, against which
//! faults, and what is expected to become of it.
//!
//! A chapter writes tables; everything the guide can ask about a design ([`Models`]) is answered
//! here. What is expected of a design stands beside it, so a test can compare all of it
//! (`lab::testing`), and `explore` can say whether it found what is expected.

pub mod exercise;
mod explored;
pub mod faults;
mod judged;
mod points;
mod scene;
mod story;

use std::ops::Range;

use serde_json::Value;

pub use explored::explained;
pub use faults::Target;
pub use judged::verdict;
pub use scene::Scene;
pub use story::{Story, Told};

use crate::Protocol;
use crate::chapter::{
    Bounds, Cell, Checked, Explored, Matrix, MatrixRow, Models, Points, StepInfo, Verdict,
};
use crate::event::Log;
use crate::exhibit::Exhibit;
use crate::explore::{Limits, Model};
use crate::rng::Rng;
use crate::script::{Play, golden};
use crate::sim::{FaultSchedule, Found, find, simulate};
use crate::world::{Ghost, World};

/// All designs of a chapter.
pub struct Study<P: Protocol, G> {
    /// `ch02`.
    pub chapter: &'static str,
    /// The steps in reading order, then what is off the main path.
    pub designs: Vec<Design<P, G>>,
    /// How a run ended, in a few words: for the table of crash points.
    pub outcome: fn(&World<P, G>) -> String,
}

/// One design, the worlds it is tried in, and what is expected of it.
pub struct Design<P: Protocol, G> {
    /// Its name, files and verdict.
    pub info: StepInfo,
    /// The world that is explored, and whose crash points are tried.
    pub small: Model<P, G>,
    /// The world that is simulated.
    pub busy: Model<P, G>,
    /// The world that golden scripts play in.
    pub scripted: Model<P, G>,
    /// What a search for broken promises may use up, for this many crashes.
    pub safety: fn(u8) -> Limits,
    /// What a search for states that are stuck may use up.
    pub progress: fn(&Bounds) -> Limits,
    /// What faults hit, and when.
    pub target: Target,
    /// One check for each fault, in the order of the columns.
    pub checks: Vec<Check<P, G>>,
    /// Expected verdicts of combined faults that no single check has.
    pub combined: Vec<(Bounds, Verdict)>,
    /// The small world that a page lets its reader step through.
    pub exhibit: Exhibit<P, G>,
}

/// One cell of the matrix: a world, a fault, a way to judge, and what is expected.
pub struct Check<P: Protocol, G> {
    /// The fault, in the words of the matrix: `restart`, `cut`, `a reader`.
    pub fault: &'static str,
    /// The world.
    pub world: Model<P, G>,
    /// How to judge.
    pub how: How,
    /// The verdict, and the reason as [`Cell::why`] has it.
    pub expected: (Verdict, &'static str),
}

/// How a check judges.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum How {
    /// Every order of events within each of these limits, one search after the other until one
    /// finds a broken promise.
    Explore(Vec<Limits>),
    /// Simulated runs under the fault of this name, for these seeds.
    Simulate(Range<u64>),
    /// Simulated runs in which nothing fails, for these seeds: what is hard is in the world itself.
    Run(Range<u64>),
}

impl<P: Protocol, G: Ghost> Check<P, G> {
    /// What goes wrong in a simulated run.
    fn schedule(&self, target: &Target, rng: &mut Rng) -> FaultSchedule {
        match self.how {
            How::Simulate(_) => target.schedule(self.fault, rng),
            How::Run(_) | How::Explore(_) => FaultSchedule::none(),
        }
    }
}

impl<P: Protocol, G: Ghost> Study<P, G> {
    /// A design by its id or its module.
    #[must_use]
    pub fn design(&self, name: &str) -> Option<&Design<P, G>> {
        self.designs.iter().find(|design| design.info.id == name || design.info.module == name)
    }

    /// `ch02/step3`, and what comes after it in a title.
    fn title(&self, design: &Design<P, G>, rest: &str) -> String {
        format!("{}/{}{rest}", self.chapter, design.info.id)
    }
}

impl<P: Protocol, G: Ghost> Design<P, G> {
    /// A design that has one world for everything, whose faults hit every process that may crash,
    /// and that is not checked yet. Change what is different: `Design { checks, ..Design::new(…) }`.
    #[must_use]
    pub fn new(info: StepInfo, world: &Model<P, G>) -> Self {
        Self {
            info,
            small: world.clone(),
            busy: world.clone(),
            scripted: world.clone(),
            safety: Limits::safety,
            progress: |bounds| Limits::progress(bounds.crashes, bounds.losses, bounds.duplicates),
            target: Target::of(world),
            checks: Vec::new(),
            combined: Vec::new(),
            exhibit: Exhibit::new(world.clone(), Limits::progress(1, 1, 1)),
        }
    }

    /// The check under a fault; `a reader` answers to `reader` as well.
    #[must_use]
    pub fn check(&self, fault: &str) -> Option<&Check<P, G>> {
        let plain = |word: &'static str| word.strip_prefix("a ").unwrap_or(word);
        self.checks.iter().find(|check| check.fault == fault || plain(check.fault) == fault)
    }

    /// Plays a script in a world of this design.
    ///
    /// # Errors
    /// The first command that cannot happen.
    pub fn play(world: Model<P, G>, script: &str, title: &str) -> Result<Log, String> {
        Ok(Play::new(world, title).run(script)?.into_log())
    }
}

impl<P: Protocol, G: Ghost> Models for Study<P, G> {
    fn steps(&self) -> Vec<StepInfo> {
        self.designs.iter().map(|design| design.info.clone()).collect()
    }

    fn run(&self, step: &str, seed: u64) -> Option<Log> {
        let design = self.design(step)?;
        let schedule = design.target.storm(&mut Rng::new(seed));
        let title = self.title(design, &format!(", seed {seed}"));
        Some(simulate(&design.busy, &schedule, seed, &title).1.into_log())
    }

    fn script(&self, step: &str, script: &str) -> Option<Result<String, String>> {
        Some(golden(Play::new(self.design(step)?.scripted.clone(), ""), script))
    }

    fn faults(&self) -> Vec<&'static str> {
        let checks = self.designs.first().map_or(&[][..], |design| &design.checks);
        checks.iter().map(|check| check.fault).collect()
    }

    fn find(&self, step: &str, fault: Option<&str>, seeds: Range<u64>) -> Option<Found> {
        let design = self.design(step)?;
        let title = self.title(design, "");
        let Some(fault) = fault else {
            return Some(find(&design.busy, |rng| design.target.storm(rng), seeds, &title));
        };
        let check = design.check(fault)?;
        let schedule = |rng: &mut Rng| check.schedule(&design.target, rng);
        Some(find(&check.world, schedule, seeds, &title))
    }

    fn explore(
        &self,
        step: &str,
        bounds: &Bounds,
        watch: &mut dyn FnMut(usize),
    ) -> Option<Explored> {
        Some(self.explored(self.design(step)?, bounds, watch))
    }

    fn check(&self, step: &str, fault: &str) -> Option<Checked> {
        let design = self.design(step)?;
        Some(self.judged(design, design.check(fault)?))
    }

    fn points(&self, step: &str) -> Option<Points> {
        Some(self.crash_points(self.design(step)?))
    }

    fn matrix(&self) -> Matrix {
        let cells = |design: &Design<P, G>| -> Vec<Cell> {
            design.checks.iter().map(|check| self.judged(design, check).cell).collect()
        };
        let rows = self.designs.iter().map(|design| MatrixRow {
            step: design.info.id.into(),
            title: design.info.title.into(),
            cells: cells(design),
        });
        let faults = self.faults().into_iter().map(ToOwned::to_owned);
        Matrix { faults: faults.collect(), rows: rows.collect() }
    }

    fn expected(&self) -> Matrix {
        let cell = |design: &Design<P, G>, check: &Check<P, G>| Cell {
            verdict: check.expected.0,
            why: check.expected.1.into(),
            command: self.command(design, check),
        };
        let rows = self.designs.iter().map(|design| MatrixRow {
            step: design.info.id.into(),
            title: design.info.title.into(),
            cells: design.checks.iter().map(|check| cell(design, check)).collect(),
        });
        let faults = self.faults().into_iter().map(ToOwned::to_owned);
        Matrix { faults: faults.collect(), rows: rows.collect() }
    }

    fn exhibit(&self, step: &str, request: &Value) -> Option<Value> {
        Some(self.design(step)?.exhibit.call(request))
    }
}

//! Mutants: designs with something changed on purpose, and what has to break of it.

use std::ops::Range;

use crate::Protocol;
use crate::explore::{Edge, Limits, Model};
use crate::rng::Rng;
use crate::sim::{self, FaultSchedule};
use crate::study::Scene;
use crate::view::text;
use crate::world::Ghost;

/// A design with something changed; the crate `lab-mutate` makes them from files.
#[derive(Debug)]
pub struct Mutant<D> {
    /// Its file's name.
    pub name: &'static str,
    /// What the change shows.
    pub shows: &'static str,
    /// The scope in which it is searched, by a name of the chapter's own; empty where there is one.
    pub scope: &'static str,
    /// A smaller scope in which nothing breaks, and how many states that has; if it is simulated, for how many
    /// seeds nothing breaks.
    pub unseen: Option<(&'static str, usize)>,
    /// The invariant that breaks first, `stuck` if a run never ends, or `nothing`.
    pub killed_by: &'static str,
    /// How many events that takes.
    pub steps: Option<usize>,
    /// How many states there are, if nothing kills it.
    pub states: Option<usize>,
    /// The first seed that kills it, where its scope is simulated.
    pub seed: Option<u64>,
    /// Where the first invariant is an early alarm: what a user would notice, and after how many
    /// events.
    pub harm: Option<(&'static str, usize)>,
    /// What the changed file makes.
    pub design: D,
}

/// Where a mutant is tried.
#[derive(Clone, Debug)]
pub enum Setting<P: Protocol, G> {
    /// Every order of events is explored.
    Explored(Scene<P, G>),
    /// One seed after the other is simulated, with the faults that are drawn for it.
    Simulated(Model<P, G>, fn(&mut Rng) -> FaultSchedule),
}

/// The verdict on a run that has not come to an end.
const STUCK: &str = "stuck";

impl<D> Mutant<D> {
    /// Tries the mutant in its scope and compares what breaks first, and how soon, with what its file
    /// says. A mutant that survives must not be stuck either.
    ///
    /// `setting` makes the world of a design in a scope, with what is promised in it.
    ///
    /// # Panics
    /// If something else comes out.
    pub fn assert_as_recorded<P: Protocol, G: Ghost>(
        &self,
        promised: &[&'static str],
        setting: impl Fn(&D, &str, &[&'static str]) -> Setting<P, G>,
    ) {
        let name = self.name;
        let setting = |scope, promised: &[&'static str]| setting(&self.design, scope, promised);
        let explored = |scope, promised: &[&'static str]| match setting(scope, promised) {
            Setting::Explored(scene) => scene,
            Setting::Simulated(..) => panic!("{name}: {scope} is no search"),
        };
        match setting(self.scope, promised) {
            Setting::Simulated(world, schedule) => self.assert_seed(&world, schedule),
            Setting::Explored(scene) => self.assert_shortest(&scene),
        }
        if let Some((property, steps)) = self.harm {
            let scene = explored(self.scope, &[property]);
            assert_eq!(self.shortest(&scene), Ok((property, steps)), "{name}");
        }
        if let Some((scope, tried)) = self.unseen {
            match setting(scope, promised) {
                Setting::Explored(scene) => {
                    assert_eq!(self.shortest(&scene), Err(tried), "{name}: {scope}");
                }
                simulated @ Setting::Simulated(..) => {
                    assert_eq!(simulated.killed(0..tried as u64), None, "{name}: {scope}");
                }
            }
        }
    }

    fn assert_shortest<P: Protocol, G: Ghost>(&self, scene: &Scene<P, G>) {
        let name = self.name;
        match self.shortest(scene) {
            Ok(found) => assert_eq!(Some(found), self.steps.map(|n| (self.killed_by, n)), "{name}"),
            Err(states) => {
                println!("{name} survives in {states} states: {}\n", self.shows);
                assert_eq!(("nothing", Some(states)), (self.killed_by, self.states), "{name}");
                let Limits { timeouts, states, crashes, .. } = scene.limits;
                let progress = Limits { timeouts, states, ..Limits::progress(crashes, 1, 0) };
                let report = Scene { limits: progress, ..scene.clone() }.explore();
                let stuck = report.graph.stuck(&[Edge::Work, Edge::Restart]);
                assert!(!report.gave_up, "{name}: too many states");
                assert!(report.violation.is_none() && stuck.is_empty(), "{name}: stuck for ever");
            }
        }
    }

    /// The property that breaks first after how many events, or how many states there are.
    fn shortest<P: Protocol, G: Ghost>(
        &self,
        scene: &Scene<P, G>,
    ) -> Result<(&'static str, usize), usize> {
        let report = scene.explore();
        assert!(!report.gave_up, "{}: more than {} states", self.name, scene.limits.states);
        let Some(violation) = report.violation else { return Err(report.graph.states()) };
        let title = format!("{}: {}", self.name, self.shows);
        println!("{}\n", text::render(&scene.log(&violation.path, &title)));
        Ok((violation.broken.property, violation.path.len()))
    }

    /// No seed before the recorded one kills it, and that one does.
    fn assert_seed<P: Protocol, G: Ghost>(
        &self,
        world: &Model<P, G>,
        schedule: fn(&mut Rng) -> FaultSchedule,
    ) {
        let name = self.name;
        let last = self.seed.unwrap_or_else(|| panic!("{name}: its scope needs a seed"));
        let found = Setting::Simulated(world.clone(), schedule).killed(0..last + 1);
        assert_eq!(found, Some((self.killed_by, last)), "{name}");
        let title = format!("{name}: {}", self.shows);
        match sim::find(world, schedule, last..last + 1, &title).counterexample {
            Some(example) => println!("{}\n", text::render(&example.log)),
            None => println!("{title}\nseed {last} never comes to an end\n"),
        }
    }
}

impl<P: Protocol, G: Ghost> Setting<P, G> {
    /// The first of these seeds that kills a design that is simulated, and what broke.
    ///
    /// # Panics
    /// If the design is explored.
    #[must_use]
    pub fn killed(&self, mut seeds: Range<u64>) -> Option<(&'static str, u64)> {
        let Self::Simulated(world, schedule) = self else { panic!("a search has no seeds") };
        seeds.find_map(|seed| Some((killer(world, *schedule, seed)?, seed)))
    }
}

/// What a seed breaks.
fn killer<P: Protocol, G: Ghost>(
    world: &Model<P, G>,
    schedule: fn(&mut Rng) -> FaultSchedule,
    seed: u64,
) -> Option<&'static str> {
    let run = sim::run(world, &schedule(&mut Rng::new(seed)), seed);
    let stuck = (!run.settled).then_some(STUCK);
    run.broken.map(|broken| broken.property).or(stuck)
}

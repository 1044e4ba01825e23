//! Mutants: designs with something changed on purpose, and what has to break of it.

use crate::Protocol;
use crate::explore::{Edge, Limits, Model, explore, log_of};
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
    /// A smaller scope in which nothing breaks, and how many states that has.
    pub unseen: Option<(&'static str, usize)>,
    /// The invariant that breaks first, or `nothing`.
    pub killed_by: &'static str,
    /// How many events that takes.
    pub steps: Option<usize>,
    /// How many states there are, if nothing kills it.
    pub states: Option<usize>,
    /// Where the first invariant is an early alarm: what a user would notice, and after how many
    /// events.
    pub harm: Option<(&'static str, usize)>,
    /// What the changed file makes.
    pub design: D,
}

impl<D> Mutant<D> {
    /// Explores the mutant in its scope and compares what breaks first, and how soon, with what its
    /// file says. A mutant that survives must not be stuck either.
    ///
    /// `model` makes the world of a design, with what is promised in it, and the limits of a scope.
    ///
    /// # Panics
    /// If something else comes out.
    pub fn assert_as_recorded<P: Protocol, G: Ghost>(
        &self,
        promised: &[&'static str],
        model: impl Fn(&D, &str, &[&'static str]) -> (Model<P, G>, Limits),
    ) {
        let name = self.name;
        let model = |scope, promised: &[&'static str]| model(&self.design, scope, promised);
        let (world, limits) = model(self.scope, promised);
        match self.shortest(&world, &limits) {
            Ok(found) => assert_eq!(Some(found), self.steps.map(|n| (self.killed_by, n)), "{name}"),
            Err(states) => {
                println!("{name} survives in {states} states: {}\n", self.shows);
                assert_eq!(("nothing", Some(states)), (self.killed_by, self.states), "{name}");
                let Limits { timeouts, states, crashes, .. } = limits;
                let progress = Limits { timeouts, states, ..Limits::progress(crashes, 1, 0) };
                let report = explore(&world, &progress);
                let stuck = report.graph.stuck(&[Edge::Work, Edge::Restart]);
                assert!(!report.gave_up, "{name}: too many states");
                assert!(report.violation.is_none() && stuck.is_empty(), "{name}: stuck for ever");
            }
        }
        if let Some((property, steps)) = self.harm {
            let (world, limits) = model(self.scope, &[property]);
            assert_eq!(self.shortest(&world, &limits), Ok((property, steps)), "{name}");
        }
        if let Some((scope, states)) = self.unseen {
            let (world, limits) = model(scope, promised);
            assert_eq!(self.shortest(&world, &limits), Err(states), "{name}: {scope}");
        }
    }

    /// The property that breaks first after how many events, or how many states there are.
    fn shortest<P: Protocol, G: Ghost>(
        &self,
        model: &Model<P, G>,
        limits: &Limits,
    ) -> Result<(&'static str, usize), usize> {
        let report = explore(model, limits);
        assert!(!report.gave_up, "{}: more than {} states", self.name, limits.states);
        let Some(violation) = report.violation else { return Err(report.graph.states()) };
        let title = format!("{}: {}", self.name, self.shows);
        let (log, _) = log_of(model, limits, &violation.path, &title);
        println!("{}\n", text::render(&log));
        Ok((violation.broken.property, violation.path.len()))
    }
}

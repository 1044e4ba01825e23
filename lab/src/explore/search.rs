//! Breadth-first search, a level at a time, on all cores.
//!
//! Workers expand slices of a level and only read what earlier levels found. What may be new is then
//! numbered in the order of the level, whichever worker found it. So the numbering of the states, and
//! with it every path and every count, is the same on one core and on sixty-four.

use super::expand::{BrokenStep, Found, Memory, Worker};
use super::graph::Parent;
use super::judge::{Judge, Judged};
use super::level::{Candidate, Level};
use super::parallel::{WORTH_A_THREAD, in_parallel, slices};
use super::tables::Tables;
use super::taken::Taken;
use super::visited::{Visited, insert_new, shard_of};
use super::{Graph, Limits, Model, Report, Violation};
use crate::node::Protocol;
use crate::world::{Ghost, World};

/// Explores every order of events within the limits.
#[must_use]
pub fn explore<P: Protocol, G: Ghost>(model: &Model<P, G>, limits: &Limits) -> Report<P> {
    Search::new(model, limits).finish()
}

/// The same on so many threads: the report does not depend on it.
#[must_use]
pub fn explore_on<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    limits: &Limits,
    threads: usize,
) -> Report<P> {
    Search { threads, ..Search::new(model, limits) }.finish()
}

/// A search that can stand still between two levels and go on later.
pub struct Search<P: Protocol, G> {
    model: Model<P, G>,
    limits: Limits,
    tables: Tables<P, G>,
    taken: Taken,
    visited: Visited,
    report: Report<P>,
    /// A bit for each goal of `sometimes` that was reached.
    reached: u64,
    threads: usize,
    memories: Vec<Memory>,
    level: Level,
}

impl<P: Protocol, G: Ghost> Search<P, G> {
    /// A search from the first state of a model.
    #[must_use]
    pub fn new(model: &Model<P, G>, limits: &Limits) -> Self {
        Self::from_world(model, limits, &World::new(model.searched(limits), &mut ()))
    }

    /// A search from another state, which may have a past: the end of a script, or where a reader is.
    #[must_use]
    pub fn from_world(model: &Model<P, G>, limits: &Limits, first: &World<P, G>) -> Self {
        assert!(model.sometimes.len() <= 64, "at most 64 goals of `sometimes`");
        let topology = model.searched(limits);
        let first = first.within(&topology);
        let tables = Tables::new(topology, *limits);
        let report = Report {
            graph: Graph::new(limits.edges, tables.key()),
            violation: None,
            unsafe_states: 0,
            never: Vec::new(),
            gave_up: false,
            transitions: 0,
            bytes: 0,
        };
        let mut search = Self {
            limits: *limits,
            tables,
            taken: Taken::new(),
            visited: Visited::new(limits.edges),
            report,
            reached: 0,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memories: Vec::new(),
            level: Level::default(),
            model: model.clone(),
        };
        search.level = search.first(&first);
        search
    }

    /// Goes on to the end.
    #[must_use]
    pub fn finish(mut self) -> Report<P> {
        while !self.advance(usize::MAX) {}
        self.into_report()
    }

    /// Goes on until at least so many more states are found, a level at a time; gives whether the
    /// search is over.
    pub fn advance(&mut self, states: usize) -> bool {
        let enough = self.states().saturating_add(states);
        while !self.is_over() && self.states() < enough {
            self.level = self.next_level();
            self.report.graph.depth += usize::from(self.level.len() > 0);
        }
        self.is_over()
    }

    /// How many states it has found.
    #[must_use]
    pub fn states(&self) -> usize {
        self.report.graph.states()
    }

    /// What it found.
    #[must_use]
    pub fn into_report(mut self) -> Report<P> {
        let never = self.model.sometimes.iter().enumerate();
        let never = never.filter(|(goal, _)| self.reached & (1 << goal) == 0);
        self.report.never = never.map(|(_, (name, _))| *name).collect();
        self.report.graph.actions = self.tables.key();
        self.report
    }

    fn is_over(&self) -> bool {
        self.level.len() == 0 || self.is_done()
    }

    fn is_done(&self) -> bool {
        self.report.gave_up || (self.limits.stop_when_unsafe && self.report.violation.is_some())
    }

    fn first(&mut self, first: &World<P, G>) -> Level {
        let mut level = Level::new(self.tables.roles.len());
        let key = self.model.fingerprint(first);
        level.push_first(first, &self.tables, key);
        level.numbers.push(0);
        self.visited.insert(key);
        let judged = self.judge(&level).remove(0);
        self.add(judged, key, None);
        level
    }

    fn next_level(&mut self) -> Level {
        let level = std::mem::take(&mut self.level);
        let mut found = self.expand(&level);
        self.report.transitions += found.iter().map(|found| found.transitions).sum::<usize>();
        let candidates: usize = found.iter().map(|found| size_of_val(&*found.candidates)).sum();
        found.iter_mut().for_each(|found| self.taken.append(&mut found.taken));
        let mut broken_step = self.first_broken_step(&found);
        let mut fresh = self.fresh(&mut found);
        if self.limits.stop_when_unsafe
            && let Some(step) = &broken_step
        {
            fresh.retain(|candidate| candidate.order <= step.order);
        }
        fresh.truncate(self.limits.states.saturating_sub(self.states()));
        let mut next = self.build(&level, &fresh);
        let judged = self.judge(&next);
        self.take(&level, &mut next, &fresh, judged, &mut broken_step);
        self.measure(candidates.max(size_of_val(&*fresh)) + level.bytes() + next.bytes());
        if let Some(step) = broken_step {
            self.break_step(&level, step);
        }
        self.connect(&found);
        next
    }

    /// All steps out of a level.
    fn expand(&mut self, level: &Level) -> Vec<Found> {
        let slices = slices(level.len(), self.threads);
        let mut memories = std::mem::take(&mut self.memories);
        memories.resize_with(slices.len().max(memories.len()), Memory::default);
        let work = |(memory, slice)| {
            let worker = Worker {
                model: &self.model,
                limits: &self.limits,
                tables: &self.tables,
                taken: &self.taken,
                visited: &self.visited,
                memory,
                found: Found::new(),
            };
            worker.expand(level, slice)
        };
        let found = in_parallel(memories.iter_mut().zip(slices).collect(), work);
        self.memories = memories;
        found
    }

    /// The first step of the level that breaks a property.
    fn first_broken_step(&mut self, found: &[Found]) -> Option<BrokenStep> {
        self.report.unsafe_states += match self.limits.stop_when_unsafe {
            true => 0,
            false => found.iter().map(|found| found.broken_steps).sum(),
        };
        let steps = found.iter().filter_map(|found| found.broken_step.as_ref());
        let first = steps.min_by_key(|step| step.order)?;
        Some(BrokenStep { order: first.order, code: first.code, broken: first.broken.clone() })
    }

    fn break_step(&mut self, level: &Level, step: BrokenStep) {
        let mut path = self.report.graph.codes_to(level.numbers[step.order.0 as usize]);
        path.push(step.code);
        let path = path.into_iter().map(|code| self.tables.action(code)).collect();
        self.report.unsafe_states += usize::from(self.limits.stop_when_unsafe);
        self.report.violation.get_or_insert(Violation { broken: step.broken, path });
    }

    /// The candidates that are new, in the order of the level. Each thread adds to shards of its own.
    fn fresh(&mut self, found: &mut [Found]) -> Vec<Candidate> {
        let found: Vec<_> = found.iter_mut().map(|f| std::mem::take(&mut f.candidates)).collect();
        let all = || found.iter().flatten();
        let count = all().count();
        let groups = if count < WORTH_A_THREAD { 1 } else { self.threads };
        let groups: Vec<_> = self.visited.split(groups).collect();
        let mut fresh: Vec<Vec<Candidate>> = in_parallel(groups, |(from, shards)| {
            let own = from..from + shards.len();
            let mine = all().filter(|candidate| own.contains(&shard_of(candidate.key)));
            let mut mine: Vec<Candidate> = mine.copied().collect();
            insert_new(shards, from, &mut mine, |candidate| candidate.key);
            mine
        });
        if fresh.len() == 1 {
            return fresh.remove(0);
        }
        let mut fresh: Vec<Candidate> = fresh.into_iter().flatten().collect();
        fresh.sort_unstable_by_key(|candidate| candidate.order);
        fresh
    }

    /// The rows of the new states.
    fn build(&self, level: &Level, fresh: &[Candidate]) -> Level {
        let mut next = Level::new(self.tables.roles.len());
        for candidate in fresh {
            next.push(level.row(candidate.order.0 as usize), candidate, &self.tables);
        }
        next
    }

    fn judge(&self, next: &Level) -> Vec<Judged> {
        let judge = Judge {
            model: &self.model,
            limits: &self.limits,
            tables: &self.tables,
            reached: self.reached,
        };
        let slices = slices(next.len(), self.threads);
        in_parallel(slices, |slice| judge.judge(next, slice)).into_iter().flatten().collect()
    }

    /// Takes new states into the graph, and keeps those in their level that go on. Stops at the first
    /// that breaks a property, if that was asked for.
    fn take(
        &mut self,
        level: &Level,
        next: &mut Level,
        fresh: &[Candidate],
        judged: Vec<Judged>,
        broken_step: &mut Option<BrokenStep>,
    ) {
        for (row, (candidate, judged)) in fresh.iter().zip(judged).enumerate() {
            let is_broken = judged.broken.is_some();
            let before = level.numbers[candidate.order.0 as usize];
            if broken_step.as_ref().is_some_and(|step| step.order <= candidate.order) {
                let step = broken_step.take().expect("just seen");
                self.break_step(level, step);
            }
            let number = self.add(judged, candidate.key, Some((before, candidate.code)));
            if !is_broken {
                next.keep(row, number);
            }
            if self.is_done() {
                // Whatever breaks behind the end of the search was not found by it.
                *broken_step = None;
                break;
            }
        }
        next.end();
    }

    /// Notes what is held now: levels and candidates, and what is kept to the end.
    fn measure(&mut self, levels: usize) {
        let known = self.taken.bytes() + self.visited.bytes() + self.tables.bytes();
        let all = levels + known + self.report.graph.bytes();
        self.report.bytes = self.report.bytes.max(all);
    }

    fn add(&mut self, judged: Judged, key: u128, parent: Option<Parent>) -> u32 {
        let graph = &mut self.report.graph;
        let number = graph.add(key, parent);
        if self.limits.edges {
            self.visited.set_number(key, number + 1);
        }
        if judged.is_goal {
            graph.goals.push(number);
        }
        if judged.is_truncated {
            graph.truncated.push(number);
        }
        self.reached |= judged.reached;
        if let Some(broken) = judged.broken {
            graph.broken.push(number);
            self.report.unsafe_states += 1;
            if self.report.violation.is_none() {
                let codes = graph.codes_to(number);
                let path = codes.into_iter().map(|code| self.tables.action(code)).collect();
                self.report.violation = Some(Violation { broken: *broken, path });
            }
        }
        self.report.gave_up = self.report.graph.states() >= self.limits.states;
        number
    }

    /// Keeps the steps of a level, now that all states behind them have numbers. A state beyond a
    /// limit has none.
    fn connect(&mut self, found: &[Found]) {
        for (before, key, edge) in found.iter().flat_map(|found| &found.edges) {
            let number = self.visited.number(*key).and_then(|number| number.checked_sub(1));
            if let Some(after) = number {
                self.report.graph.edges.push((*before, after, *edge));
            }
        }
    }
}

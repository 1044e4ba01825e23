//! Breadth-first search, a level at a time, on all cores.
//!
//! Workers expand slices of a level and only read what earlier levels found. What may be new is then
//! numbered in the order of the level, whichever worker found it. So the numbering of the states, and
//! with it every path and every count, is the same on one core and on sixty-four.

use std::ops::Range;
use std::sync::Arc;

use super::expand::{BrokenStep, Found, Worker};
use super::graph::Parent;
use super::level::{Candidate, Level, Reader, Scratch};
use super::moves::moves;
use super::tables::Tables;
use super::visited::{Visited, shard_of};
use super::{Broken, Graph, Limits, Model, Report, Violation};
use crate::node::Protocol;
use crate::world::{Ghost, World};

/// Below this many states a level is not worth a second thread.
const WORTH_A_THREAD: usize = 512;

/// Explores every order of events within the limits.
#[must_use]
pub fn explore<P: Protocol, G: Ghost>(model: &Model<P, G>, limits: &Limits) -> Report<P> {
    explore_on(model, limits, std::thread::available_parallelism().map_or(1, usize::from))
}

/// The same on so many threads: the report does not depend on it.
#[must_use]
pub fn explore_on<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    limits: &Limits,
    threads: usize,
) -> Report<P> {
    let topology = model.topology(limits.wire, limits.async_disk);
    let first = World::new(Arc::clone(&topology), &mut ());
    let tables = Tables::new(topology, *limits);
    let graph = Graph::new(limits.edges, tables.key());
    let report = Report {
        graph,
        violation: None,
        unsafe_states: 0,
        never: Vec::new(),
        gave_up: false,
        transitions: 0,
        bytes: 0,
    };
    let mut search = Search {
        model,
        limits,
        tables: &tables,
        visited: Visited::new(limits.edges),
        report,
        reached: vec![false; model.sometimes.len()],
        threads,
    };
    let mut level = search.first(&first);
    let mut workers: Vec<_> = (0..threads).map(|_| Worker::new(model, limits, &tables)).collect();
    while level.len() > 0 && !search.done() {
        level = search.next_level(&mut workers, &level);
        search.report.graph.depth += usize::from(level.len() > 0);
    }
    let never = model.sometimes.iter().zip(&search.reached);
    search.report.never = never.filter(|(_, seen)| !**seen).map(|((name, _), _)| *name).collect();
    search.report.graph.actions = tables.key();
    search.report
}

struct Search<'a, P: Protocol, G> {
    model: &'a Model<P, G>,
    limits: &'a Limits,
    tables: &'a Tables<P, G>,
    visited: Visited,
    report: Report<P>,
    reached: Vec<bool>,
    threads: usize,
}

/// What is known of a new state.
struct Judged {
    broken: Option<Broken>,
    is_goal: bool,
    /// Whether a limit held something back.
    is_truncated: bool,
    reached: Vec<bool>,
}

impl<P: Protocol, G: Ghost> Search<'_, P, G> {
    fn done(&self) -> bool {
        self.report.gave_up || (self.limits.stop_when_unsafe && self.report.violation.is_some())
    }

    fn first(&mut self, first: &World<P, G>) -> Level {
        // All messages get their numbers before the width of a row is known.
        for envelope in first.network().in_flight() {
            self.tables.number_message(envelope);
        }
        let mut level = Level::new(self.tables.roles.len(), self.tables.messages());
        let key = self.model.fingerprint(first);
        level.push_first(first, self.tables, key);
        level.numbers.push(0);
        self.visited.insert(key);
        let judged = self.judge(&level, 0..1, &self.ranks()).remove(0);
        self.add(judged, key, None);
        level
    }

    /// For each message its place in the order of content.
    fn ranks(&self) -> Vec<u32> {
        let envelopes = self.tables.envelopes();
        let mut order: Vec<u32> = (0..envelopes.len() as u32).collect();
        order.sort_by(|a, b| envelopes[*a as usize].cmp(&envelopes[*b as usize]));
        let mut rank = vec![0; order.len()];
        for (place, message) in order.into_iter().enumerate() {
            rank[message as usize] = place as u32;
        }
        rank
    }

    fn next_level(&mut self, workers: &mut [Worker<'_, P, G>], level: &Level) -> Level {
        let rank = self.ranks();
        let slices = slices(level.len(), self.threads);
        let visited = &self.visited;
        let found: Vec<Found> =
            in_parallel(workers.iter_mut().zip(slices).collect(), |(worker, slice)| {
                worker.expand(level, slice, &rank, visited)
            });
        self.report.transitions += found.iter().map(|found| found.transitions).sum::<usize>();
        let mut broken_step = self.first_broken_step(&found);
        let mut fresh = self.fresh(&found);
        if self.limits.stop_when_unsafe
            && let Some(step) = &broken_step
        {
            fresh.retain(|candidate| candidate.order <= step.order);
        }
        fresh.truncate(self.limits.states.saturating_sub(self.report.graph.states()));
        let next = self.build(level, &fresh);
        let judged = self.judge_all(&next);
        let kept = self.take(level, &next, &fresh, judged, &mut broken_step);
        if let Some(step) = broken_step {
            self.break_step(level, step);
        }
        self.connect(&found);
        kept
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
    fn fresh(&mut self, found: &[Found]) -> Vec<Candidate> {
        let all = || found.iter().flat_map(|found| &found.candidates);
        let count = all().count();
        let groups = if count < WORTH_A_THREAD { 1 } else { self.threads };
        let groups: Vec<_> = self.visited.split(groups).collect();
        let mut fresh: Vec<Vec<Candidate>> = in_parallel(groups, |(from, shards)| {
            let own = from..from + shards.len();
            let mine = all().filter(|candidate| own.contains(&shard_of(candidate.key)));
            mine.filter(|candidate| shards[shard_of(candidate.key) - from].insert(candidate.key))
                .copied()
                .collect()
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
        let mut next = Level::new(self.tables.roles.len(), self.tables.messages());
        for candidate in fresh {
            next.push(level.row(candidate.order.0 as usize), candidate, self.tables);
        }
        next
    }

    fn judge_all(&self, next: &Level) -> Vec<Judged> {
        let rank = self.ranks();
        let slices = slices(next.len(), self.threads);
        in_parallel(slices, |slice| self.judge(next, slice, &rank)).into_iter().flatten().collect()
    }

    fn judge(&self, level: &Level, slice: Range<usize>, rank: &[u32]) -> Vec<Judged> {
        let mut reader = Reader::default();
        let mut found = Vec::new();
        let mut scratch = Scratch::new(self.tables, level.row(slice.start), self.limits);
        let mut judge = |row: usize| {
            let world = scratch.load(self.tables, level.row(row));
            let is_truncated = self.limits.timeouts.is_some() && {
                let state = reader.read(self.tables, level.row(row), rank);
                moves(&state, self.limits, &mut found)
            };
            let sometimes = self.model.sometimes.iter().zip(&self.reached);
            Judged {
                broken: self.model.broken(world),
                is_goal: (self.model.goal)(world),
                is_truncated,
                reached: sometimes.map(|((_, reached), seen)| *seen || reached(world)).collect(),
            }
        };
        slice.map(&mut judge).collect()
    }

    /// Takes new states into the graph, and gives those that go on. Stops at the first that breaks a
    /// property, if that was asked for.
    fn take(
        &mut self,
        level: &Level,
        next: &Level,
        fresh: &[Candidate],
        judged: Vec<Judged>,
        broken_step: &mut Option<BrokenStep>,
    ) -> Level {
        let mut kept = Level::new(self.tables.roles.len(), self.tables.messages());
        for (row, (candidate, judged)) in fresh.iter().zip(judged).enumerate() {
            let is_broken = judged.broken.is_some();
            let before = level.numbers[candidate.order.0 as usize];
            if broken_step.as_ref().is_some_and(|step| step.order <= candidate.order) {
                let step = broken_step.take().expect("just seen");
                self.break_step(level, step);
            }
            let number = self.add(judged, candidate.key, Some((before, candidate.code)));
            if !is_broken {
                kept.push_row(next.row(row), candidate.key, number);
            }
            if self.done() {
                // Whatever breaks behind the end of the search was not found by it.
                *broken_step = None;
                break;
            }
        }
        let bytes = level.bytes() + next.bytes() + kept.bytes() + size_of_val(fresh);
        let all = bytes + self.visited.bytes() + self.report.graph.bytes() + self.tables.bytes();
        self.report.bytes = self.report.bytes.max(all);
        kept
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
        for (seen, reached) in self.reached.iter_mut().zip(judged.reached) {
            *seen |= reached;
        }
        if let Some(broken) = judged.broken {
            graph.broken.push(number);
            self.report.unsafe_states += 1;
            if self.report.violation.is_none() {
                let codes = graph.codes_to(number);
                let path = codes.into_iter().map(|code| self.tables.action(code)).collect();
                self.report.violation = Some(Violation { broken, path });
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

/// A level in slices, as many as are worth a thread.
fn slices(count: usize, threads: usize) -> Vec<Range<usize>> {
    let threads = threads.min(count.div_ceil(WORTH_A_THREAD)).max(1);
    let size = count.div_ceil(threads).max(1);
    (0..count).step_by(size).map(|from| from..(from + size).min(count)).collect()
}

/// Does each job on a thread of its own, the only one on this.
fn in_parallel<T: Send, R: Send>(jobs: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    if jobs.len() <= 1 {
        return jobs.into_iter().map(work).collect();
    }
    let work = &work;
    std::thread::scope(|scope| {
        let workers: Vec<_> = jobs.into_iter().map(|job| scope.spawn(move || work(job))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker panicked")).collect()
    })
}

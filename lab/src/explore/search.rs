//! Breadth-first search, a level at a time, on all cores.
//!
//! Threads expand slices of a level and only read what earlier levels found; one thread then takes
//! their successors in the order of the level. So the numbering of the states, and with it every path and
//! every count, is the same on one core and on sixty-four.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use super::{Broken, Edge, Graph, Limits, Model, Report, Violation, enabled};
use crate::node::Protocol;
use crate::world::{Action, Ghost, Transition, World};

/// Every so many expansions one is done twice, to catch a node that is not a function of its inputs:
/// the two worlds must be equal, messages and ghost included.
const CHECK_TWICE_EVERY: u32 = 64;
/// Below this many states a level is not worth a second thread.
const WORTH_A_THREAD: usize = 256;

/// Fingerprints are hashes already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only fingerprints are keys here")
    }
    fn write_u128(&mut self, print: u128) {
        self.0 = print as u64;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

type Visited = HashMap<u128, u32, BuildHasherDefault<Identity>>;

/// What one worker finds in a level.
struct Successors<P: Protocol, G> {
    all: Vec<Successor<P, G>>,
    /// States that came with their world already: most are found many times over in one level.
    kept: HashSet<u128, BuildHasherDefault<Identity>>,
}

/// A step to a state, as a worker reports it.
struct Successor<P: Protocol, G> {
    parent: u32,
    action: Action<P>,
    print: u128,
    /// The new state with what is broken in it; `None` if it was visited before.
    world: Option<(World<P, G>, Option<Broken>)>,
    /// A broken step property.
    step: Option<Broken>,
}

struct Search<'a, P: Protocol, G> {
    model: &'a Model<P, G>,
    limits: Limits,
    visited: Visited,
    report: Report<P>,
    reached: Vec<bool>,
}

/// Explores every order of events within the limits.
#[must_use]
pub fn explore<P, G>(model: &Model<P, G>, limits: &Limits) -> Report<P>
where
    P: Protocol,
    G: Ghost,
{
    let first = World::new(model.topology(limits.wire, limits.async_disk), &mut ());
    let graph = Graph {
        prints: Vec::new(),
        parents: Vec::new(),
        edges: Vec::new(),
        goals: Vec::new(),
        truncated: Vec::new(),
        broken: Vec::new(),
        depth: 0,
    };
    let report =
        Report { graph, violation: None, unsafe_states: 0, never: Vec::new(), gave_up: false };
    let mut search = Search {
        model,
        limits: *limits,
        visited: Visited::default(),
        report,
        reached: vec![false; model.sometimes.len()],
    };
    let broken = model.broken(&first);
    let print = model.fingerprint(&first);
    search.add(print, &first, None, broken);
    let mut level = vec![(0, first)];
    while !level.is_empty() && !search.done() {
        level = search.next_level(&level);
        search.report.graph.depth += usize::from(!level.is_empty());
    }
    let never = model.sometimes.iter().zip(&search.reached);
    search.report.never = never.filter(|(_, seen)| !**seen).map(|((name, _), _)| *name).collect();
    search.report
}

impl<P, G> Search<'_, P, G>
where
    P: Protocol,
    G: Ghost,
{
    fn done(&self) -> bool {
        self.report.gave_up || (self.limits.stop_when_unsafe && self.report.violation.is_some())
    }

    fn next_level(&mut self, level: &[(u32, World<P, G>)]) -> Vec<(u32, World<P, G>)> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(level.len().div_ceil(WORTH_A_THREAD)).max(1);
        let slices: Vec<_> = level.chunks(level.len().div_ceil(threads)).collect();
        let this = &*self;
        let successors: Vec<Vec<Successor<P, G>>> = if slices.len() == 1 {
            vec![this.expand(slices[0])]
        } else {
            std::thread::scope(|scope| {
                let workers: Vec<_> =
                    slices.iter().map(|slice| scope.spawn(|| this.expand(slice))).collect();
                workers.into_iter().map(|w| w.join().expect("a worker panicked")).collect()
            })
        };
        let mut next = Vec::new();
        for successor in successors.into_iter().flatten() {
            self.merge(successor, &mut next);
            if self.done() {
                break;
            }
        }
        next
    }

    /// All steps out of a slice of a level.
    fn expand(&self, slice: &[(u32, World<P, G>)]) -> Vec<Successor<P, G>> {
        let mut successors = Successors { all: Vec::new(), kept: HashSet::default() };
        for (id, world) in slice {
            for transition in enabled(world, &self.limits).0 {
                let cut_points =
                    self.try_action(*id, world, Action::new(transition.clone()), &mut successors);
                for cut in 1..self.cut_points(world, &transition, cut_points) {
                    let action = Action { transition: transition.clone(), cut: Some(cut) };
                    self.try_action(*id, world, action, &mut successors);
                }
            }
        }
        successors.all
    }

    /// How many cuts of this action are worth trying. None before the first effect or after the
    /// last: those are the crash before and the crash after. None where the disk is asynchronous:
    /// there the queue itself says what a crash loses.
    fn cut_points(
        &self,
        world: &World<P, G>,
        transition: &Transition<P>,
        cut_points: usize,
    ) -> usize {
        let role = transition.node().and_then(|id| world.topology().role(id));
        let spared = role.is_none_or(|role| !role.may_crash);
        let none_left = world.spent().crashes >= self.limits.crashes;
        if spared || none_left || self.limits.async_disk { 0 } else { cut_points }
    }

    fn try_action(
        &self,
        parent: u32,
        world: &World<P, G>,
        action: Action<P>,
        successors: &mut Successors<P, G>,
    ) -> usize {
        let mut next = world.clone();
        let cut_points = next.apply(&action, Duration::ZERO, &mut ());
        if parent.is_multiple_of(CHECK_TWICE_EVERY) {
            let mut again = world.clone();
            again.apply(&action, Duration::ZERO, &mut ());
            let same = again.fingerprint() == next.fingerprint();
            assert!(same, "a step is not a function of its input: {action:?}");
        }
        if self.limits.timeouts.is_some() && matches!(action.transition, Transition::Timeout(..)) {
            next.spend_timeout();
        }
        let print = self.model.fingerprint(&next);
        let step = self.model.broken_step(world, &action, &next);
        let new = !self.visited.contains_key(&print) && successors.kept.insert(print);
        let world = new.then(|| {
            let broken = self.model.broken(&next);
            (next, broken)
        });
        successors.all.push(Successor { parent, action, print, world, step });
        cut_points
    }

    /// Takes one successor into the graph; a state that is new goes to the next level.
    fn merge(&mut self, successor: Successor<P, G>, next: &mut Vec<(u32, World<P, G>)>) {
        let Successor { parent, action, print, world, step } = successor;
        let edge = Edge::of(&action);
        if let Some(broken) = step {
            let mut path = self.report.graph.path(parent);
            path.push(action.clone());
            self.report.unsafe_states += 1;
            self.report.violation.get_or_insert(Violation { broken, path });
        }
        if let Some(&known) = self.visited.get(&print) {
            if known != parent {
                self.report.graph.edges.push((parent, known, edge));
            }
            return;
        }
        let (world, broken) = world.expect("a state that is new comes with its world");
        let is_broken = broken.is_some();
        let id = self.add(print, &world, Some((parent, action)), broken);
        self.report.graph.edges.push((parent, id, edge));
        if !is_broken {
            next.push((id, world));
        }
        self.report.gave_up = self.visited.len() >= self.limits.states;
    }

    fn add(
        &mut self,
        print: u128,
        world: &World<P, G>,
        parent: Option<(u32, Action<P>)>,
        broken: Option<Broken>,
    ) -> u32 {
        let graph = &mut self.report.graph;
        let id = u32::try_from(graph.prints.len()).expect("fewer than 2³² states");
        self.visited.insert(print, id);
        graph.prints.push(print);
        graph.parents.push(parent);
        if (self.model.goal)(world) {
            graph.goals.push(id);
        }
        if self.limits.timeouts.is_some() && enabled(world, &self.limits).1 {
            graph.truncated.push(id);
        }
        for (seen, (_, reached)) in self.reached.iter_mut().zip(&self.model.sometimes) {
            *seen |= reached(world);
        }
        if let Some(broken) = broken {
            graph.broken.push(id);
            self.report.unsafe_states += 1;
            if self.report.violation.is_none() {
                self.report.violation = Some(Violation { broken, path: graph.path(id) });
            }
        }
        id
    }
}

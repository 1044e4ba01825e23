//! Breadth-first search, a level at a time, on all cores.
//!
//! Threads expand slices of a level and only read what earlier levels met; one thread then takes
//! their finds in the order of the level. So the numbering of the states, and with it every path and
//! every count, is the same on one core and on sixty-four.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use super::{Broken, Edge, Graph, Limits, Model, Report, Violation, enabled};
use crate::node::Node;
use crate::world::{Action, What, World};

/// Every so many expansions one is done twice, to catch a node that is not a function of its inputs.
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

type Met = HashMap<u128, u32, BuildHasherDefault<Identity>>;

/// What one worker finds in a level.
struct Finds<N: Node, G> {
    all: Vec<Find<N, G>>,
    /// States that came with their world already: most are met many times over in one level.
    kept: HashSet<u128, BuildHasherDefault<Identity>>,
}

/// A step to a state, as a worker reports it.
struct Find<N: Node, G> {
    parent: u32,
    action: Action<N>,
    print: u128,
    /// The new state with what is broken in it; `None` if it was met before.
    world: Option<(World<N, G>, Option<Broken>)>,
    /// A broken step property.
    step: Option<Broken>,
}

struct Search<'a, N: Node, G> {
    model: &'a Model<N, G>,
    limits: Limits,
    met: Met,
    report: Report<N>,
    reached: Vec<bool>,
}

/// Explores every order of events within the limits.
#[must_use]
pub fn explore<N, G>(model: &Model<N, G>, limits: &Limits) -> Report<N>
where
    N: Node,
    G: Clone + Eq + std::hash::Hash + Default + Send + Sync,
{
    let first = World::new(model.stage(limits.wire, limits.lagging), &mut ());
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
        met: Met::default(),
        report,
        reached: vec![false; model.sometimes.len()],
    };
    let broken = model.broken(&first);
    let print = search.print(&first);
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

impl<N, G> Search<'_, N, G>
where
    N: Node,
    G: Clone + Eq + std::hash::Hash + Default + Send + Sync,
{
    fn done(&self) -> bool {
        self.report.gave_up || (self.limits.stop_when_unsafe && self.report.violation.is_some())
    }

    fn next_level(&mut self, level: &[(u32, World<N, G>)]) -> Vec<(u32, World<N, G>)> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(level.len().div_ceil(WORTH_A_THREAD)).max(1);
        let slices: Vec<_> = level.chunks(level.len().div_ceil(threads)).collect();
        let this = &*self;
        let finds: Vec<Vec<Find<N, G>>> = if slices.len() == 1 {
            vec![this.expand(slices[0])]
        } else {
            std::thread::scope(|scope| {
                let workers: Vec<_> =
                    slices.iter().map(|slice| scope.spawn(|| this.expand(slice))).collect();
                workers.into_iter().map(|w| w.join().expect("a worker panicked")).collect()
            })
        };
        let mut next = Vec::new();
        for find in finds.into_iter().flatten() {
            self.merge(find, &mut next);
            if self.done() {
                break;
            }
        }
        next
    }

    /// All steps out of a slice of a level.
    fn expand(&self, slice: &[(u32, World<N, G>)]) -> Vec<Find<N, G>> {
        let mut finds = Finds { all: Vec::new(), kept: HashSet::default() };
        for (id, world) in slice {
            for what in enabled(world, &self.limits).0 {
                let apart = self.try_action(*id, world, Action::new(what.clone()), &mut finds);
                for cut in 1..self.cuts(world, &what, apart) {
                    let action = Action { what: what.clone(), cut: Some(cut) };
                    self.try_action(*id, world, action, &mut finds);
                }
            }
        }
        finds.all
    }

    /// How many cuts of this action are worth trying. None in front of the first effect or behind
    /// the last: those are the crash before and the crash after. None where the disk lags: there the
    /// queue itself says what a crash loses.
    fn cuts(&self, world: &World<N, G>, what: &What<N>, apart: usize) -> usize {
        let spared = what.node().is_none_or(|id| {
            !world.stage().roles.iter().any(|role| role.id == id && role.may_crash)
        });
        let none_left = world.spent().crashes >= self.limits.crashes;
        if spared || none_left || self.limits.lagging { 0 } else { apart }
    }

    fn try_action(
        &self,
        parent: u32,
        world: &World<N, G>,
        action: Action<N>,
        finds: &mut Finds<N, G>,
    ) -> usize {
        let mut next = world.clone();
        let apart = next.apply(&action, Duration::ZERO, &mut ());
        if self.limits.timeouts.is_some() && matches!(action.what, What::Timeout(..)) {
            next.spend_timeout();
        }
        let print = self.print(&next);
        if parent.is_multiple_of(CHECK_TWICE_EVERY) {
            let mut again = world.clone();
            again.apply(&action, Duration::ZERO, &mut ());
            let same = again.host_prints().eq(next.host_prints());
            assert!(same, "a step is not a function of its input: {action:?}");
        }
        let step = self.model.steps.iter().find_map(|(property, check)| {
            check(world, &action, &next).err().map(|why| Broken { property, why })
        });
        let new = !self.met.contains_key(&print) && finds.kept.insert(print);
        let world = new.then(|| {
            let broken = self.model.broken(&next);
            (next, broken)
        });
        finds.all.push(Find { parent, action, print, world, step });
        apart
    }

    fn print(&self, world: &World<N, G>) -> u128 {
        self.model.symmetry.map_or_else(|| world.fingerprint(), |of| of(world))
    }

    /// Takes one find into the graph; a state that is new goes to the next level.
    fn merge(&mut self, find: Find<N, G>, next: &mut Vec<(u32, World<N, G>)>) {
        let Find { parent, action, print, world, step } = find;
        let edge = Edge::of(&action);
        if let Some(broken) = step {
            let mut path = self.report.graph.path(parent);
            path.push(action.clone());
            self.report.unsafe_states += 1;
            self.report.violation.get_or_insert(Violation { broken, path });
        }
        if let Some(&known) = self.met.get(&print) {
            if known != parent {
                self.report.graph.edges.push((parent, known, edge));
            }
            return;
        }
        let (world, broken) = world.expect("a state that no level met comes with its world");
        let is_broken = broken.is_some();
        let id = self.add(print, &world, Some((parent, action)), broken);
        self.report.graph.edges.push((parent, id, edge));
        if !is_broken {
            next.push((id, world));
        }
        self.report.gave_up = self.met.len() >= self.limits.states;
    }

    fn add(
        &mut self,
        print: u128,
        world: &World<N, G>,
        parent: Option<(u32, Action<N>)>,
        broken: Option<Broken>,
    ) -> u32 {
        let graph = &mut self.report.graph;
        let id = u32::try_from(graph.prints.len()).expect("fewer than 2³² states");
        self.met.insert(print, id);
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

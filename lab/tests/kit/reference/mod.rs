//! The explorer beside one that is too plain to be wrong: a queue of whole worlds, each made by the
//! same `apply` that a reader's own steps go through, and told apart by everything that can be seen of
//! it. Both have to agree state by state, on random protocols under every mixture of faults.

mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lab::explore::{Edge, Limits, Model, Report, enabled, explore_on};
use lab::world::{Action, Disks, Transition, World};

use random::{Counts, Numbers, limits, model};

type RandomWorld = World<Numbers, Counts>;

/// What the plain explorer finds.
#[derive(Default)]
struct Plain {
    /// All that can be seen of each state, in the order in which they were found.
    states: Vec<String>,
    /// The length of a shortest path to each.
    lengths: Vec<usize>,
    steps: BTreeSet<(usize, usize, &'static str)>,
    goals: BTreeSet<usize>,
    truncated: BTreeSet<usize>,
    /// The first broken property and the length of the path to it.
    violation: Option<(&'static str, usize)>,
    reached: bool,
    transitions: usize,
    gave_up: bool,
}

fn seen(world: &RandomWorld) -> String {
    let hosts = world.topology().roles.iter().map(|role| {
        let host = world.host(role.id);
        // A disk that may forget is its records; any other is the node that they recover to.
        let records = host.disk.records();
        let recovered = format!("{:?}", world.recovered(role.id));
        let lies = world.topology().disks == Disks::Lying;
        let kept = if lies { format!("{records:?}") } else { recovered };
        let disk = (kept, host.starts, &host.queue);
        format!("{:?} {disk:?} {:?} {:?}", host.node, host.timers, host.to_self)
    });
    let network: Vec<_> = world.network().in_flight().collect();
    let hosts: Vec<String> = hosts.collect();
    format!("{hosts:?} {network:?} {:?} {:?}", world.ghost(), world.spent())
}

fn edge(action: &Action<Numbers>) -> &'static str {
    match &action.transition {
        _ if action.cut.is_some() => "cut",
        transition if transition.is_fault() => "fault",
        Transition::Restart(_) => "restart",
        _ => "work",
    }
}

struct Search<'a> {
    model: &'a Model<Numbers, Counts>,
    limits: &'a Limits,
    known: BTreeMap<String, usize>,
    queue: Vec<(usize, RandomWorld)>,
    found: Plain,
}

impl Search<'_> {
    fn over(&self) -> bool {
        self.found.gave_up || (self.limits.stop_when_unsafe && self.found.violation.is_some())
    }

    fn arrive(&mut self, world: RandomWorld, length: usize) -> usize {
        let seen = seen(&world);
        if let Some(known) = self.known.get(&seen) {
            return *known;
        }
        let number = self.found.states.len();
        self.known.insert(seen.clone(), number);
        self.found.states.push(seen);
        self.found.lengths.push(length);
        if (self.model.goal)(&world) {
            self.found.goals.insert(number);
        }
        if self.limits.timeouts.is_some() && enabled(&world, self.limits).1 {
            self.found.truncated.insert(number);
        }
        self.found.reached |= (self.model.sometimes[0].1)(&world);
        match self.model.broken(&world) {
            Some(broken) => {
                self.found.violation.get_or_insert((broken.property, length));
            }
            None => self.queue.push((number, world)),
        }
        self.found.gave_up = self.found.states.len() >= self.limits.states;
        number
    }

    fn step(&mut self, number: usize, world: &RandomWorld, action: &Action<Numbers>) -> usize {
        let mut next = world.clone();
        let effects = next.apply(action, Duration::ZERO, &mut ());
        if self.limits.timeouts.is_some() && matches!(action.transition, Transition::Timeout(..)) {
            next.spend_timeout();
        }
        self.found.transitions += 1;
        let length = self.found.lengths[number] + 1;
        if let Some(broken) = self.model.broken_step(world, action, &next) {
            self.found.violation.get_or_insert((broken.property, length));
        }
        let to = self.arrive(next, length);
        if to != number {
            self.found.steps.insert((number, to, edge(action)));
        }
        effects
    }

    fn expand(&mut self, number: usize, world: &RandomWorld) {
        for transition in enabled(world, self.limits).0 {
            let whole = Action::new(transition.clone());
            let effects = self.step(number, world, &whole);
            let role = transition.node().and_then(|id| world.topology().role(id));
            let may_cut = self.limits.cuts
                && role.is_some_and(|role| role.may_crash)
                && world.spent().crashes < self.limits.crashes
                && !self.limits.async_disk;
            for cut in 1..if may_cut { effects } else { 0 } {
                if self.over() {
                    return;
                }
                self.step(number, world, &Action { cut: Some(cut), ..whole.clone() });
            }
            if self.over() {
                return;
            }
        }
    }
}

fn plain(model: &Model<Numbers, Counts>, limits: &Limits) -> Plain {
    let (known, queue, found) = (BTreeMap::new(), Vec::new(), Plain::default());
    let mut search = Search { model, limits, known, queue, found };
    let first = World::new(model.shown(limits), &mut ());
    search.arrive(first, 0);
    let mut next = 0;
    while next < search.queue.len() && !search.over() {
        let (number, world) = search.queue[next].clone();
        search.expand(number, &world);
        next += 1;
    }
    search.found
}

impl Plain {
    /// The states from which no number of these steps leads to a goal or a truncated state.
    fn stuck(&self, allowed: &[&str]) -> Vec<u32> {
        let mut fine: BTreeSet<usize> = self.goals.union(&self.truncated).copied().collect();
        loop {
            let steps = self
                .steps
                .iter()
                .filter(|(_, to, edge)| fine.contains(to) && allowed.contains(edge));
            let more: BTreeSet<usize> = steps.map(|(from, ..)| *from).collect();
            let before = fine.len();
            fine.extend(more);
            if fine.len() == before {
                return (0..self.states.len())
                    .filter(|s| !fine.contains(s))
                    .map(|s| s as u32)
                    .collect();
            }
        }
    }
}

/// The state behind each path of a report.
fn states(
    model: &Model<Numbers, Counts>,
    limits: &Limits,
    report: &Report<Numbers>,
) -> Vec<String> {
    let first = World::new(model.shown(limits), &mut ());
    let follow = |state: u32| {
        let mut world = first.clone();
        for action in report.graph.path(state) {
            world.apply(&action, Duration::ZERO, &mut ());
            let timer = matches!(action.transition, Transition::Timeout(..));
            if limits.timeouts.is_some() && timer {
                world.spend_timeout();
            }
        }
        seen(&world)
    };
    (0..report.graph.states() as u32).map(follow).collect()
}

/// Compares one seed; gives how many states there are, and whether a property broke.
fn compare(seed: u64, threads: usize) -> (usize, bool) {
    let (model, limits) = (model(seed), limits(seed, 600));
    let plain = plain(&model, &limits);
    let report = explore_on(&model, &limits, threads);
    let what = format!("seed {seed}, {limits:?}");
    assert_eq!(states(&model, &limits, &report), plain.states, "{what}");
    let violation = report.violation.as_ref();
    let violation = violation.map(|found| (found.broken.property, found.path.len()));
    assert_eq!(violation, plain.violation, "{what}");
    assert_eq!((report.gave_up, report.never.is_empty()), (plain.gave_up, plain.reached), "{what}");
    if !report.gave_up && violation.is_none() {
        assert_eq!(report.transitions, plain.transitions, "{what}");
        assert_eq!(report.graph.stuck(&[Edge::Work]), plain.stuck(&["work"]), "{what}");
        let repaired = report.graph.stuck(&[Edge::Work, Edge::Restart]);
        assert_eq!(repaired, plain.stuck(&["work", "restart"]), "{what}");
        let any = [Edge::Work, Edge::Restart, Edge::Fault, Edge::Cut];
        assert_eq!(report.graph.stuck(&any), plain.stuck(&["work", "restart", "fault", "cut"]));
    }
    (plain.states.len(), violation.is_some())
}

#[test]
fn random_protocols_have_the_states_and_verdicts_of_a_plain_search() {
    let (mut states, mut broken) = (0, 0);
    for seed in 0..1_000 {
        let (found, is_broken) = compare(seed, 1 + seed as usize % 3);
        states += found;
        broken += usize::from(is_broken);
    }
    println!("{states} states, {broken} of 1,000 protocols break a property");
    assert!(states > 100_000 && broken > 40, "too few to mean anything: {states}, {broken}");
}

/// Large enough that every thread gets a slice of a level.
#[test]
fn numbers_paths_and_counts_are_the_same_on_any_number_of_threads() {
    let mut large = 0;
    for seed in 0..60 {
        let (model, limits) = (model(seed), limits(seed, 8_000));
        let one = explore_on(&model, &limits, 1);
        large += usize::from(one.graph.states() > 2_000);
        for threads in [2, 5] {
            let many = explore_on(&model, &limits, threads);
            assert_eq!(many.graph.states(), one.graph.states(), "seed {seed}");
            assert_eq!(many.graph.prints(), one.graph.prints(), "seed {seed}");
            assert_eq!(many.graph.steps(), one.graph.steps(), "seed {seed}");
            assert_eq!(
                (many.transitions, many.unsafe_states),
                (one.transitions, one.unsafe_states)
            );
            for state in 0..one.graph.states() as u32 {
                assert_eq!(many.graph.path(state), one.graph.path(state), "seed {seed}");
            }
        }
    }
    assert!(large > 5, "only {large} searches are large");
}

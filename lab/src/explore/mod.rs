//! Every order of events of a small world.
//!
//! Random runs of a protocol with a twenty-step bug almost never meet it. A breadth-first search over
//! all states meets it at once, and by the shortest way. What the search finds is a *verdict* for
//! stated [`Limits`], and the limits bound the environment only (crashes, losses, timeouts), never the
//! protocol.
//!
//! *Unsafe* needs one path. *Stuck* needs all of them: a state is stuck if no path of fault-free
//! events leads from it to the goal, which takes the whole graph, walked backwards from the goal.
//!
//! # Left out
//!
//! Time. Timers may run out whenever they are armed, so nothing that rests on clocks (a lease) can be
//! judged here; the simulator does that. Fairness: "from here the goal can be reached" is weaker than
//! "it will be". Partial-order reduction: the worlds of the book are small enough without.

mod graph;
mod search;

use std::sync::Arc;
use std::time::Duration;

pub use graph::{Edge, Graph};
pub use search::explore;

use crate::event::Log;
use crate::node::{Node, NodeId};
use crate::record::Recorder;
use crate::world::{Action, Happening, Role, Stage, What, Wire, World};

/// Whether a world is as it should be; the error says in words what is not.
pub type Check<N, G> = fn(&World<N, G>) -> Result<(), String>;

/// Whether a step may lead from one world to another.
pub type StepCheck<N, G> = fn(&World<N, G>, &Action<N>, &World<N, G>) -> Result<(), String>;

/// Whether a world is one that should be reached.
pub type Reached<N, G> = fn(&World<N, G>) -> bool;

/// The fingerprint of a state's representative.
pub type Representative<N, G> = fn(&World<N, G>) -> u128;

/// A small world with all that is claimed about it.
#[derive(Clone, Debug)]
pub struct Model<N: Node, G> {
    /// The nodes of this world.
    pub roles: Vec<Role<N>>,
    /// Folds happenings into the ghost.
    pub observe: fn(&mut Arc<G>, NodeId, &Happening<'_, N>),
    /// One line about a node.
    pub describe: fn(&N) -> String,
    /// What holds in every state.
    pub always: Vec<(&'static str, Check<N, G>)>,
    /// What holds across every step.
    pub steps: Vec<(&'static str, StepCheck<N, G>)>,
    /// What some state reaches: a world in which nothing ever happens satisfies every invariant.
    pub sometimes: Vec<(&'static str, Reached<N, G>)>,
    /// What every state should still be able to reach.
    pub goal: Reached<N, G>,
    /// States that differ only by this are counted once: maps a state to the fingerprint of its
    /// representative.
    pub symmetry: Option<Representative<N, G>>,
}

impl<N: Node, G> Model<N, G> {
    /// The stage of this model on a given wire.
    #[must_use]
    pub fn stage(&self, wire: Wire, lagging: bool) -> Arc<Stage<N, G>> {
        Arc::new(Stage {
            roles: self.roles.clone(),
            wire,
            lagging,
            observe: self.observe,
            describe: self.describe,
        })
    }

    /// The first property that does not hold here.
    #[must_use]
    pub fn broken(&self, world: &World<N, G>) -> Option<Broken> {
        self.always
            .iter()
            .find_map(|(property, check)| check(world).err().map(|why| Broken { property, why }))
    }
}

/// A property that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Its name.
    pub property: &'static str,
    /// What is wrong, in words.
    pub why: String,
}

/// What the environment may do, and how far to search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The network.
    pub wire: Wire,
    /// Whether each record waits for its own flush.
    pub lagging: bool,
    /// Process crashes.
    pub crashes: u8,
    /// Whether a process that crashed may come back.
    pub restarts: bool,
    /// Messages lost (on a [`Wire::Bag`]; on a set it is free).
    pub losses: u8,
    /// Messages delivered twice (on a [`Wire::Bag`]).
    pub duplicates: u8,
    /// Timers that run out; `None`: as many as like.
    pub timeouts: Option<u8>,
    /// Whether timers are longer than everything on the way: they run out only when nothing else
    /// can happen. Takes schedules away, so it is no way to judge safety.
    pub patient: bool,
    /// Give up at so many states.
    pub states: usize,
    /// Whether to stop at the first state that breaks a property.
    pub stop_when_unsafe: bool,
}

impl Limits {
    /// For safety: a set, so loss, doubling and overtaking are free; so many crashes.
    #[must_use]
    pub fn safety(crashes: u8) -> Self {
        Self {
            wire: Wire::Set,
            lagging: false,
            crashes,
            restarts: true,
            losses: 0,
            duplicates: 0,
            timeouts: None,
            patient: false,
            states: 300_000,
            stop_when_unsafe: true,
        }
    }

    /// For progress: a bag with budgets, and patient timers. A state that is stuck under these is
    /// stuck; one that is not can go on if timers are long enough.
    #[must_use]
    pub fn progress(crashes: u8, losses: u8, duplicates: u8) -> Self {
        Self { wire: Wire::Bag, losses, duplicates, patient: true, ..Self::safety(crashes) }
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Report<N: Node> {
    /// The states and steps that were met.
    pub graph: Graph<N>,
    /// The shortest way to break a property.
    pub violation: Option<Violation<N>>,
    /// How many states break one; 1 at most if the search stopped there.
    pub unsafe_states: usize,
    /// Goals of `sometimes` that no state reached.
    pub never: Vec<&'static str>,
    /// Whether the bound on states ended the search.
    pub gave_up: bool,
}

/// A broken property with the shortest way to it.
#[derive(Clone, Debug)]
pub struct Violation<N: Node> {
    /// What is broken.
    pub broken: Broken,
    /// The actions from the first state.
    pub path: Vec<Action<N>>,
}

/// The things that may happen in a world within the limits, in a fixed order. `true` beside them if a
/// limit held something back: such a state says nothing about progress.
#[must_use]
pub fn enabled<N: Node, G>(world: &World<N, G>, limits: &Limits) -> (Vec<What<N>>, bool)
where
    G: Clone + Eq + std::hash::Hash + Default,
{
    let spent = world.spent();
    let mut found = Vec::new();
    let mut held_back = false;
    let bag = limits.wire == Wire::Bag;
    for envelope in world.network().in_flight() {
        let up = world.node(envelope.to).is_some();
        if up || bag {
            found.push(What::Deliver { envelope: Arc::clone(envelope), keep: false });
        }
        if bag && up && spent.duplicates < limits.duplicates {
            found.push(What::Deliver { envelope: Arc::clone(envelope), keep: true });
        }
        if bag && up && spent.losses < limits.losses {
            found.push(What::Lose(Arc::clone(envelope)));
        }
    }
    let mut restarts = Vec::new();
    let mut timeouts = Vec::new();
    for role in &world.stage().roles {
        let (id, host) = (role.id, world.host(role.id));
        if host.node.is_none() {
            restarts.push(What::Restart(id));
            continue;
        }
        if !host.own.is_empty() {
            found.push(What::Own(id));
        }
        if !host.queue.is_empty() {
            found.push(What::Flush(id));
        }
        timeouts.extend(host.timers.iter().map(|timer| What::Timeout(id, timer.clone())));
    }
    let busy = found.iter().any(|what| !what.is_fault());
    if limits.timeouts.is_some_and(|most| spent.timeouts >= most) {
        held_back = !timeouts.is_empty();
    } else if !(limits.patient && busy) {
        found.append(&mut timeouts);
    }
    if limits.restarts {
        found.append(&mut restarts);
    }
    if spent.crashes < limits.crashes {
        let up = world.stage().roles.iter().filter(|role| world.node(role.id).is_some());
        let hit = up.filter(|role| role.may_crash);
        found.extend(hit.map(|role| What::Crash { node: role.id, forget: 0 }));
    }
    (found, held_back)
}

/// The log of a path: what an explorer found, for the eyes of a reader.
pub fn log_of<N, G>(
    model: &Model<N, G>,
    limits: &Limits,
    path: &[Action<N>],
    title: &str,
) -> (Log, World<N, G>)
where
    N: Node,
    G: Clone + Eq + std::hash::Hash + Default,
{
    let stage = model.stage(limits.wire, limits.lagging);
    let mut recorder = Recorder::new(title, &stage);
    let mut world = World::new(stage, &mut recorder);
    for action in path {
        world.apply(action, Duration::ZERO, &mut recorder);
    }
    if let Some(broken) = model.broken(&world) {
        recorder.violation(broken.property, &broken.why);
    }
    (recorder.into_log(), world)
}

//! Every order of events of a small world.
//!
//! Random runs of a protocol with a twenty-step bug almost never meet it. A breadth-first search over
//! all states meets it, and by a shortest path. What the search finds is a *verdict* for
//! stated [`Limits`], and the limits bound the environment only (crashes, losses, timeouts), never the
//! protocol.
//!
//! *Unsafe* needs one path. *Stuck* needs all of them: a state is stuck if no path of fault-free
//! events leads from it to the goal, which takes the whole graph, walked backwards from the goal.
//!
//! A node is a value, so what it answers to an input is computed once and remembered (`tables.rs`); a
//! state is a row of numbers (`level.rs`), and its key is known before it is built (`expand.rs`).
//!
//! # Left out
//!
//! Time. Timers may expire whenever they are armed, so nothing that rests on clocks (a lease) can be
//! judged here; the simulator does that. Fairness: "from here the goal can be reached" is weaker than
//! "it will be". Partial-order reduction: the worlds of the book are small enough without.

mod arena;
mod code;
mod expand;
mod graph;
mod judge;
mod level;
mod moves;
mod numbered;
mod parallel;
mod search;
mod situation;
mod tables;
mod taken;
mod visited;

use std::sync::Arc;
use std::time::Duration;

pub use graph::{Edge, Graph};
pub use search::{Search, explore, explore_on};
pub use situation::enabled;

use crate::event::Log;
use crate::node::{NodeId, Protocol};
use crate::record::Recorder;
use crate::world::{Action, Disks, Event, Ghost, Role, Topology, Wire, World};

/// Whether a world is as it should be; the error says in words what is not.
pub type Check<P, G> = fn(&World<P, G>) -> Result<(), String>;

/// Whether a step may lead from one world to another.
pub type StepCheck<P, G> = fn(&World<P, G>, &Action<P>, &World<P, G>) -> Result<(), String>;

/// Whether a world is one that should be reached.
pub type Reached<P, G> = fn(&World<P, G>) -> bool;

/// The fingerprint of a state's representative.
pub type Representative<P, G> = fn(&World<P, G>) -> u128;

/// A small world with all that is claimed about it.
#[derive(Clone, Debug)]
pub struct Model<P: Protocol, G> {
    /// The processes of this world.
    pub roles: Vec<Role<P>>,
    /// Folds events into the ghost.
    pub observe: fn(&mut Arc<G>, NodeId, &Event<'_, P>),
    /// What holds in every state.
    pub always: Vec<(&'static str, Check<P, G>)>,
    /// What holds across every step.
    pub steps: Vec<(&'static str, StepCheck<P, G>)>,
    /// What some state reaches: a world in which nothing ever happens satisfies every invariant.
    pub sometimes: Vec<(&'static str, Reached<P, G>)>,
    /// What every state should still be able to reach.
    pub goal: Reached<P, G>,
    /// States that differ only by this are counted once: maps a state to the fingerprint of its
    /// representative.
    pub symmetry: Option<Representative<P, G>>,
}

impl<P: Protocol, G: Ghost> Model<P, G> {
    /// A world of these processes about which nothing is claimed yet: its goal holds at once.
    #[must_use]
    pub fn new(roles: Vec<Role<P>>) -> Self {
        Self {
            roles,
            observe: |_, _, _| {},
            always: Vec::new(),
            steps: Vec::new(),
            sometimes: Vec::new(),
            goal: |_| true,
            symmetry: None,
        }
    }

    /// The topology of this model on a given wire.
    #[must_use]
    pub fn topology(&self, wire: Wire, async_disk: bool) -> Arc<Topology<P, G>> {
        self.topology_with(wire, async_disk, Disks::Log)
    }

    /// The topology within these limits as a reader sees it: every record is kept.
    #[must_use]
    pub fn shown(&self, limits: &Limits) -> Arc<Topology<P, G>> {
        let disks = if limits.forgets > 0 { Disks::Lying } else { Disks::Log };
        self.topology_with(limits.wire, limits.async_disk, disks)
    }

    /// The topology of a search: each state has the fingerprint that it has where it is shown.
    fn searched(&self, limits: &Limits) -> Arc<Topology<P, G>> {
        let disks = if limits.forgets > 0 { Disks::Lying } else { Disks::Fold };
        self.topology_with(limits.wire, limits.async_disk, disks)
    }

    fn topology_with(&self, wire: Wire, async_disk: bool, disks: Disks) -> Arc<Topology<P, G>> {
        let (roles, observe) = (self.roles.clone(), self.observe);
        Arc::new(Topology { roles, wire, async_disk, disks, observe })
    }

    /// The first property that does not hold here.
    #[must_use]
    pub fn broken(&self, world: &World<P, G>) -> Option<Broken> {
        self.always
            .iter()
            .find_map(|(property, check)| check(world).err().map(|why| Broken { property, why }))
    }

    /// The first property that does not hold across this step.
    #[must_use]
    pub fn broken_step(
        &self,
        before: &World<P, G>,
        action: &Action<P>,
        after: &World<P, G>,
    ) -> Option<Broken> {
        self.steps.iter().find_map(|(property, check)| {
            check(before, action, after).err().map(|why| Broken { property, why })
        })
    }

    /// The fingerprint that stands for a state: its own, or its representative's.
    #[must_use]
    pub fn fingerprint(&self, world: &World<P, G>) -> u128 {
        self.symmetry.map_or_else(|| world.fingerprint(), |representative| representative(world))
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
    pub async_disk: bool,
    /// Process crashes.
    pub crashes: u8,
    /// Whether a process that crashed may come back.
    pub restarts: bool,
    /// Whether a crash may also come in the middle of a step.
    pub cuts: bool,
    /// How many of the newest durable records a crash may take: above 0, disks lie.
    pub forgets: u8,
    /// Whether a process that crashed may come back with an empty disk.
    pub wipes: bool,
    /// Connections of clients that end; see [`Role::client_of`].
    pub disconnects: u8,
    /// Messages lost (on a [`Wire::Bag`]; on a set it is free).
    pub losses: u8,
    /// Messages delivered twice (on a [`Wire::Bag`]).
    pub duplicates: u8,
    /// Timers that expire; `None`: as many as are set.
    pub timeouts: Option<u8>,
    /// Whether timers are longer than everything on the way: they expire only when nothing else can
    /// happen. Takes schedules away, so it is no way to judge safety.
    pub timers_last: bool,
    /// Whether to keep every step between two states: only what asks for progress, or for distances,
    /// needs them.
    pub edges: bool,
    /// Give up at so many states.
    pub states: usize,
    /// Whether to stop at the first state that breaks a property.
    pub stop_when_unsafe: bool,
}

impl Limits {
    /// For safety: a set, so loss, duplication and overtaking are free; so many crashes.
    #[must_use]
    pub fn safety(crashes: u8) -> Self {
        Self {
            wire: Wire::Set,
            async_disk: false,
            crashes,
            restarts: true,
            cuts: true,
            forgets: 0,
            wipes: false,
            disconnects: 0,
            losses: 0,
            duplicates: 0,
            timeouts: None,
            timers_last: false,
            edges: false,
            states: 300_000,
            stop_when_unsafe: true,
        }
    }

    /// For progress: a bag with budgets, and timers that expire last. A state that is stuck under
    /// these is stuck; one that is not can go on if timers are long enough.
    #[must_use]
    pub fn progress(crashes: u8, losses: u8, duplicates: u8) -> Self {
        let (wire, timers_last, edges) = (Wire::Bag, true, true);
        Self { wire, losses, duplicates, timers_last, edges, ..Self::safety(crashes) }
    }
}

impl Limits {
    /// The same, and every step is kept.
    #[must_use]
    pub fn with_edges(self) -> Self {
        Self { edges: true, ..self }
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Report<P: Protocol> {
    /// The states and steps that were visited.
    pub graph: Graph<P>,
    /// The shortest schedule that breaks a property.
    pub violation: Option<Violation<P>>,
    /// How many states break one; 1 at most if the search stopped there.
    pub unsafe_states: usize,
    /// Goals of `sometimes` that no state reached.
    pub never: Vec<&'static str>,
    /// Whether the bound on states ended the search.
    pub gave_up: bool,
    /// How many steps were taken, those to known states included.
    pub transitions: usize,
    /// How many bytes the search held at most, about: what nodes own elsewhere is left out.
    pub bytes: usize,
}

/// A broken property with the shortest way to it.
#[derive(Clone, Debug)]
pub struct Violation<P: Protocol> {
    /// What is broken.
    pub broken: Broken,
    /// The actions from the first state.
    pub path: Vec<Action<P>>,
}

/// The log of a path: what an explorer found, for the eyes of a reader.
pub fn log_of<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    limits: &Limits,
    path: &[Action<P>],
    title: &str,
) -> (Log, World<P, G>) {
    let topology = model.shown(limits);
    let mut recorder = Recorder::new(title, &topology);
    let world = World::new(topology, &mut recorder);
    log_on(model, recorder, world, path)
}

/// The same, from a world that has a past, which stands in the log already.
pub(crate) fn log_on<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    mut recorder: Recorder,
    mut world: World<P, G>,
    path: &[Action<P>],
) -> (Log, World<P, G>) {
    let mut broken_step = None;
    for action in path {
        let before = world.clone();
        world.apply(action, Duration::ZERO, &mut recorder);
        broken_step = model.broken_step(&before, action, &world);
    }
    if let Some(broken) = model.broken(&world).or(broken_step) {
        recorder.violation(broken.property, &broken.why);
    }
    (recorder.into_log(), world)
}

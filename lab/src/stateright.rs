//! The nodes of a world as actors of stateright: a second explorer, written by others, that has to come
//! to the same verdicts.
//!
//! | here | stateright |
//! |---|---|
//! | a node, and how many of its timers expired | an actor's state |
//! | its records and its starts | an actor's storage |
//! | a bag | a network that is unordered and delivers each message once |
//! | crash, restart | `Crash`, `Recover` |
//! | budgets of timers and crashes | a boundary around the states |
//!
//! A message that is lost is one that is never delivered: stateright need not deliver any.
//!
//! # Left out
//!
//! A crash in the middle of a step: stateright carries out all of a step or nothing, so it is blind to
//! what a node sends before it writes. `send_ahead` is a `send`, snapshots are not discarded, and
//! messages to oneself may overtake each other. Notes and ghosts: a property asks the nodes.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use stateright::actor::{
    Actor, ActorModel, ActorModelState, Envelope, Id, Network, Out, RandomChoices, Timers,
};
use stateright::{Checker, Model, Property};

use crate::node::{AnyNode, Cx, Effect, Input, NodeId, Protocol, recover, take};
use crate::world::{Ghost, Role, World};

/// One process of a world.
#[derive(Clone, Debug)]
pub struct Process<P: Protocol> {
    /// All ids, in the order of the actors.
    ids: Vec<NodeId>,
    program: AnyNode<P>,
    /// Whether its timers are counted. Elsewhere two states that differ by that are the same state.
    counts_timeouts: bool,
}

/// A process that has been started.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Started<P: Protocol> {
    /// The node as it is, or as it was when it crashed.
    node: AnyNode<P>,
    kept: Kept<P>,
}

/// What outlives a process.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Kept<P: Protocol> {
    /// How often it was started.
    starts: u64,
    /// The node that its records recover to.
    disk: AnyNode<P>,
    /// How many of its timers have expired; no disk has this, but a budget.
    timeouts: u8,
}

/// What the environment may do, and what has to hold whatever it does.
#[derive(Clone, Debug)]
pub struct Bounds<P: Protocol> {
    /// How many timers may expire; `None`: as many as are set.
    pub timeouts: Option<u8>,
    /// How often a process may crash. Those that may are the roles' own choice.
    pub crashes: u8,
    /// What holds of all nodes, in every state. A process that is down counts as it was.
    pub holds: fn(&[&AnyNode<P>]) -> bool,
}

/// What stateright found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checked {
    /// How many states it visited; fewer than there are if something broke.
    pub states: usize,
    /// Whether the property holds in all of them.
    pub holds: bool,
}

type System<P> = ActorModel<Process<P>>;
type State<P> = ActorModelState<Process<P>>;

/// Lets stateright search all orders of events that may follow in this world, on all cores.
///
/// # Panics
/// If a process of the world is down.
#[must_use]
pub fn check<P: Protocol, G: Ghost>(world: &World<P, G>, bounds: Bounds<P>) -> Checked {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let search = Search::new(world, bounds);
    let checker = search.checker().threads(cores).spawn_bfs().join();
    let holds = checker.discovery(HOLDS).is_none();
    Checked { states: checker.unique_state_count(), holds }
}

const HOLDS: &str = "holds";

/// Stateright's model of a system of actors, from a state of ours.
struct Search<P: Protocol> {
    system: System<P>,
    first: State<P>,
    bounds: Bounds<P>,
    may_crash: Vec<bool>,
}

impl<P: Protocol> Search<P> {
    fn new<G: Ghost>(world: &World<P, G>, bounds: Bounds<P>) -> Self {
        let roles = &world.topology().roles;
        let ids: Vec<NodeId> = roles.iter().map(|role| role.id).collect();
        let counts_timeouts = bounds.timeouts.is_some();
        let process = |role: &Role<P>| {
            let (ids, program) = (ids.clone(), role.program.clone());
            Process { ids, program, counts_timeouts }
        };
        let processes: Vec<_> = roles.iter().map(process).collect();
        let started = |id: &NodeId| {
            let node = world.node(*id).expect("every process is up").clone();
            let (starts, disk) = (world.host(*id).starts, world.recovered(*id));
            Arc::new(Started { node, kept: Kept { starts, disk, timeouts: 0 } })
        };
        let timers = |id: &NodeId| {
            let mut timers = Timers::new();
            for timer in &world.host(*id).timers {
                timers.set(timer.clone());
            }
            timers
        };
        let on_the_way = world.network().in_flight().map(|envelope| {
            let [src, dst] = [envelope.from, envelope.to].map(|id| actor(&ids, id));
            Envelope { src, dst, msg: envelope.msg.clone() }
        });
        let actor_states: Vec<_> = ids.iter().map(started).collect();
        let first = ActorModelState {
            network: Network::new_unordered_nonduplicating(on_the_way),
            timers_set: ids.iter().map(timers).collect(),
            random_choices: vec![RandomChoices::default(); ids.len()],
            crashed: vec![false; ids.len()],
            history: (),
            actor_storages: actor_states.iter().map(|one| Some(one.kept.clone())).collect(),
            actor_states,
        };
        let system = ActorModel::new((), ())
            .actors(processes)
            .init_network(Network::new_unordered_nonduplicating([]))
            .max_crashes(usize::from(bounds.crashes));
        Self { system, first, bounds, may_crash: roles.iter().map(|role| role.may_crash).collect() }
    }

    fn holds(&self, state: &State<P>) -> bool {
        let nodes: Vec<_> = state.actor_states.iter().map(|started| &started.node).collect();
        (self.bounds.holds)(&nodes)
    }
}

impl<P: Protocol> Model for Search<P> {
    type State = State<P>;
    type Action = <System<P> as Model>::Action;

    fn init_states(&self) -> Vec<State<P>> {
        vec![self.first.clone()]
    }

    fn actions(&self, state: &State<P>, actions: &mut Vec<Self::Action>) {
        self.system.actions(state, actions);
    }

    fn next_state(&self, state: &State<P>, action: Self::Action) -> Option<State<P>> {
        self.system.next_state(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(HOLDS, Self::holds)]
    }

    /// Whether a state is within the budgets.
    fn within_boundary(&self, state: &State<P>) -> bool {
        let (states, first) = (&state.actor_states, &self.first.actor_states);
        let timeouts: u64 = states.iter().map(|one| u64::from(one.kept.timeouts)).sum();
        let pairs = states.iter().zip(first);
        let restarts: u64 = pairs.map(|(one, first)| one.kept.starts - first.kept.starts).sum();
        let down = state.crashed.iter().zip(&self.may_crash).filter(|(is_down, _)| **is_down);
        self.bounds.timeouts.is_none_or(|most| timeouts <= u64::from(most))
            && restarts + down.clone().count() as u64 <= u64::from(self.bounds.crashes)
            && down.clone().all(|(_, may_crash)| *may_crash)
    }
}

impl<P: Protocol> Process<P> {
    fn me(&self, id: Id) -> NodeId {
        self.ids[usize::from(id)]
    }

    /// Lets the node take an input, and carries out what it asks for.
    fn step(&self, id: Id, started: &mut Started<P>, input: Input<P>, out: &mut Out<Self>) {
        let (me, mut marks, mut effects) = (self.me(id), 0, Vec::new());
        let mut cx = Cx::new(me, Duration::ZERO, &mut marks, &mut effects);
        take(&mut started.node, input, &mut cx);
        for effect in effects {
            match effect {
                Effect::Send { to, msg } | Effect::SendAhead { to, msg } => {
                    out.send(actor(&self.ids, to), msg);
                }
                Effect::Persist(record) => recover(&mut started.kept.disk, me, [record]),
                Effect::SetTimer { timer, after } => out.set_timer(timer, after),
                Effect::CancelTimer(timer) => out.cancel_timer(timer),
                Effect::Mark(_)
                | Effect::DiscardBefore(_)
                | Effect::Connect { .. }
                | Effect::Disconnect(_)
                | Effect::Note(_) => {}
            }
        }
        out.save(started.kept.clone());
    }
}

fn actor(ids: &[NodeId], of: NodeId) -> Id {
    let place = ids.iter().position(|id| *id == of);
    Id::from(place.unwrap_or_else(|| panic!("{of} is not part of this world")))
}

impl<P: Protocol> Actor for Process<P> {
    type Msg = P::Msg;
    type Timer = P::Timer;
    type State = Started<P>;
    type Storage = Kept<P>;
    type Random = ();

    fn on_start(&self, id: Id, storage: &Option<Kept<P>>, out: &mut Out<Self>) -> Started<P> {
        let new = || Kept { starts: 0, disk: self.program.clone(), timeouts: 0 };
        let mut kept = storage.clone().unwrap_or_else(new);
        kept.starts += 1;
        let (node, start) = (kept.disk.clone(), kept.starts);
        let mut started = Started { node, kept };
        self.step(id, &mut started, Input::Boot { start }, out);
        started
    }

    fn on_msg(
        &self,
        id: Id,
        state: &mut Cow<'_, Started<P>>,
        src: Id,
        msg: P::Msg,
        out: &mut Out<Self>,
    ) {
        // Written to even if it is ignored: an actor that does nothing has not taken the message.
        let input = Input::Message { from: self.me(src), msg };
        self.step(id, state.to_mut(), input, out);
    }

    fn on_timeout(
        &self,
        id: Id,
        state: &mut Cow<'_, Started<P>>,
        timer: &P::Timer,
        out: &mut Out<Self>,
    ) {
        let started = state.to_mut();
        started.kept.timeouts += u8::from(self.counts_timeouts);
        self.step(id, started, Input::Timeout(timer.clone()), out);
    }
}

//! All steps out of one state.

use std::ops::Range;

use super::code::Code;
use super::level::{Candidate, Level, State, spent_after};
use super::moves::{Move, moves};
use super::tables::{Outcome, Tables};
use super::taken::Taken;
use super::visited::{AT_ONCE, Visited};
use super::{Broken, Edge, Limits, Model};
use crate::node::Protocol;
use crate::world::{Ghost, Spent, World, spent_key};

/// A worker remembers keys that it met a moment ago, because most states are met many times over in
/// one level, and mostly soon; and ghosts, each after an outcome. So many at first, and at most.
const REMEMBERED: (usize, usize) = (1 << 8, 1 << 16);

/// What one worker finds in a slice of a level.
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    /// Steps to other states: the state before, the key of the one after.
    pub(super) edges: Vec<(u32, u128, Edge)>,
    /// Steps that no level before this one had taken.
    pub(super) taken: Taken,
    /// The first broken step, and how many there are.
    pub(super) broken_step: Option<BrokenStep>,
    pub(super) broken_steps: usize,
    pub(super) transitions: usize,
}

/// A step that breaks a property.
pub(super) struct BrokenStep {
    pub(super) order: (u32, u32),
    pub(super) code: Code,
    pub(super) broken: Broken,
}

/// Works through a slice of a level.
pub(super) struct Worker<'a, P: Protocol, G> {
    pub(super) model: &'a Model<P, G>,
    pub(super) limits: &'a Limits,
    pub(super) tables: &'a Tables<P, G>,
    /// What earlier levels found.
    pub(super) taken: &'a Taken,
    pub(super) visited: &'a Visited,
    pub(super) memory: &'a mut Memory,
    pub(super) found: Found,
}

/// What a worker keeps from one level to the next.
#[derive(Default)]
pub(super) struct Memory {
    moves: Vec<Move>,
    /// Steps whose states are still to be looked up.
    pending: Vec<Candidate>,
    recent: Vec<u128>,
    /// A ghost or a network, an outcome, and what came of them.
    ghosts: Vec<(u32, u32, u32)>,
    networks: Vec<(u32, u32, u32)>,
}

/// The state that is being expanded.
struct Here<'a, P: Protocol, G> {
    state: State<'a, P, G>,
    key: u128,
    /// Its row, and its number in the graph.
    row: u32,
    number: u32,
    steps: u32,
    /// The world behind it, where a property of steps asks for it.
    world: Option<World<P, G>>,
}

impl<P: Protocol, G: Ghost> Worker<'_, P, G> {
    /// All steps out of the states of a slice.
    pub(super) fn expand(mut self, level: &Level, slice: Range<usize>) -> Found {
        let size = slice.len().next_power_of_two().clamp(REMEMBERED.0, REMEMBERED.1);
        if size > self.memory.recent.len() {
            self.memory.recent = vec![0; size];
            self.memory.ghosts = vec![(u32::MAX, 0, 0); size];
            self.memory.networks = vec![(u32::MAX, 0, 0); size];
        }
        let mut moves_here = std::mem::take(&mut self.memory.moves);
        for row in slice {
            let state = State::read(self.tables, level.row(row));
            let world = (!self.model.steps.is_empty()).then(|| state.world(self.limits));
            let (key, number) = (level.keys[row], level.numbers[row]);
            let mut here = Here { state, key, row: row as u32, number, steps: 0, world };
            moves(&here.state, self.limits, &mut moves_here);
            for found in &moves_here {
                self.step(&mut here, *found);
            }
            if self.memory.pending.len() >= AT_ONCE {
                self.keep_new();
            }
        }
        self.keep_new();
        self.memory.moves = moves_here;
        self.found
    }

    /// One move out of a state, whole and with every cut.
    fn step(&mut self, here: &mut Here<'_, P, G>, found: Move) {
        let state = &here.state;
        let message = match found {
            Move::Deliver { message, .. } | Move::Lose { message } => Some(state.messages[message]),
            _ => None,
        };
        let column = match found {
            Move::Deliver { .. } | Move::Lose { .. } => {
                self.tables.message(message.expect("just looked up")).to
            }
            Move::SelfDelivery { host }
            | Move::Flush { host }
            | Move::Timeout { host, .. }
            | Move::Disconnected { host, .. }
            | Move::Crash { host, .. }
            | Move::Restart { host }
            | Move::Wipe { host } => host,
        };
        let host = state.host(column);
        let which = match found {
            Move::Timeout { timer, .. } => self.tables.host(host).timers[timer],
            _ => message.unwrap_or_default(),
        };
        let code = Code::new(found, which);
        let number = self.outcome_of(state, column, code, message);
        self.arrive(here, found, number, code, false);
        let may_cut = self.tables.roles[column].may_crash && !matches!(found, Move::Lose { .. });
        if may_cut && here.state.spent.crashes < self.limits.crashes {
            let cuts = &self.tables.outcome(number).cuts;
            for (before, cut) in cuts.iter().enumerate() {
                self.arrive(here, found, *cut, code.cut_after(before + 1), true);
            }
        }
    }

    /// What comes of a step: known, or carried out now.
    fn outcome_of(
        &mut self,
        state: &State<'_, P, G>,
        column: usize,
        code: Code,
        message: Option<u32>,
    ) -> u32 {
        let host = state.host(column);
        if let Some(known) = self.taken.get(host, code).or_else(|| self.found.taken.get(host, code))
        {
            return known;
        }
        let world = state.world_of_step(self.limits, message);
        let number = self.tables.carry_out(column, code, &world);
        self.found.taken.insert(host, code, number);
        number
    }

    /// The state that an outcome leads to: its key, before it is built, and whether it may be new.
    fn arrive(
        &mut self,
        here: &mut Here<'_, P, G>,
        found: Move,
        number: u32,
        code: Code,
        is_cut: bool,
    ) {
        let (tables, state) = (self.tables, &here.state);
        let outcome = tables.outcome(number);
        let ghost = self.ghost_after(state.ghost(), number);
        let network = self.network_after(state.network(), code, number);
        let spent = spent_after(state.spent, found, is_cut, self.limits);
        let mut key = key_after(tables, here, (ghost, network, spent), outcome);
        let order = (here.row, here.steps);
        here.steps += 1;
        self.found.transitions += 1;
        let candidate =
            |key| Candidate { key, order, code, ghost, network, outcome: number, spent };
        if here.world.is_some() || self.model.symmetry.is_some() {
            key = self.look_closer(here, &candidate(key));
        }
        if key == here.key {
            return;
        }
        if self.limits.edges {
            self.found.edges.push((here.number, key, code.edge()));
        }
        self.memory.pending.push(candidate(key));
    }

    /// Keeps those candidates whose states no earlier level has found, and each but once if it was met
    /// a moment ago.
    fn keep_new(&mut self) {
        let Memory { pending, recent, .. } = &mut *self.memory;
        self.visited.retain_new(pending, |candidate| candidate.key);
        let mask = recent.len() - 1;
        for candidate in pending.drain(..) {
            let recent = &mut recent[candidate.key as usize & mask];
            if *recent != candidate.key {
                *recent = candidate.key;
                self.found.candidates.push(candidate);
            }
        }
    }

    /// What only some models ask for, and takes a whole world: properties of steps, and symmetry.
    /// Gives the key of the state's representative.
    fn look_closer(&mut self, here: &Here<'_, P, G>, candidate: &Candidate) -> u128 {
        let mut one = Level::new(self.tables.roles.len());
        one.push(here.state.row, candidate, self.tables);
        let after = State::read(self.tables, one.row(0)).world(self.limits);
        if let Some(before) = &here.world {
            let action = self.tables.action(candidate.code);
            let broken = self.model.broken_step(before, &action, &after);
            if let Some(broken) = broken {
                self.found.broken_steps += 1;
                let (order, code) = (candidate.order, candidate.code);
                self.found.broken_step.get_or_insert(BrokenStep { order, code, broken });
            }
        }
        self.model.fingerprint(&after)
    }

    /// The ghost after an outcome, remembered for a while.
    fn ghost_after(&mut self, ghost: u32, number: u32) -> u32 {
        if size_of::<G>() == 0 {
            return ghost;
        }
        let tables = self.tables;
        remembered(&mut self.memory.ghosts, ghost, number, || {
            tables.ghost_after(ghost, tables.outcome(number))
        })
    }

    /// The network after an outcome, remembered for a while.
    fn network_after(&mut self, network: u32, code: Code, number: u32) -> u32 {
        let tables = self.tables;
        let (gone, sent) = (code.message_gone(self.limits.wire), &tables.outcome(number).sent);
        if gone.is_none() && sent.is_empty() {
            return network;
        }
        remembered(&mut self.memory.networks, network, number, || {
            tables.network_after(network, gone, sent)
        })
    }
}

/// What came of a thing after an outcome: remembered, or found now.
fn remembered(
    known: &mut [(u32, u32, u32)],
    before: u32,
    outcome: u32,
    find: impl FnOnce() -> u32,
) -> u32 {
    let place = (before.wrapping_mul(0x9e37_79b1) ^ outcome.wrapping_mul(0x85eb_ca6b)) as usize;
    let place = (place ^ (place >> 15)) & (known.len() - 1);
    if (known[place].0, known[place].1) != (before, outcome) {
        known[place] = (before, outcome, find());
    }
    known[place].2
}

/// The key of the state behind a step: each term that changes is taken away or added.
fn key_after<P: Protocol, G: Ghost>(
    tables: &Tables<P, G>,
    here: &Here<'_, P, G>,
    (ghost, network, spent): (u32, u32, Spent),
    outcome: &Outcome<P>,
) -> u128 {
    let state = &here.state;
    let mut key = here.key.wrapping_add(outcome.host_change);
    let mut replace = |before: u128, after: u128| {
        key = key.wrapping_sub(before).wrapping_add(after);
    };
    if state.ghost() != ghost {
        replace(tables.ghost(state.ghost()).key, tables.ghost(ghost).key);
    }
    if state.network() != network {
        replace(tables.network(state.network()).key, tables.network(network).key);
    }
    if state.spent != spent {
        replace(spent_key(state.spent), spent_key(spent));
    }
    key
}

impl Found {
    pub(super) fn new() -> Self {
        let (candidates, edges, taken) = (Vec::new(), Vec::new(), Taken::new());
        Self { candidates, edges, taken, broken_step: None, broken_steps: 0, transitions: 0 }
    }
}

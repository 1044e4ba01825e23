//! The states of one level, a few words each, and the world behind each.

use std::sync::Arc;

use super::Limits;
use super::code::Code;
use super::moves::{Facts, Move, RoleFacts, Situation};
use super::tables::Tables;
use crate::node::Protocol;
use crate::world::{Ghost, Network, Spent, World};

/// Words for the ghost, the network and the budgets.
const EXTRA: usize = 4;

/// States as rows of words: the number of each host, of the ghost, of the network, and the budgets.
#[derive(Default)]
pub(super) struct Level {
    words: Vec<u32>,
    width: usize,
    pub(super) keys: Vec<u128>,
    /// The number of each state in the graph.
    pub(super) numbers: Vec<u32>,
}

/// A step to a state that may be new.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) key: u128,
    /// The row of the state before, and which of its steps this is.
    pub(super) order: (u32, u32),
    pub(super) code: Code,
    pub(super) ghost: u32,
    pub(super) network: u32,
    pub(super) outcome: u32,
    pub(super) spent: Spent,
}

impl Level {
    pub(super) fn new(roles: usize) -> Self {
        Self { width: roles + EXTRA, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn row(&self, state: usize) -> &[u32] {
        &self.words[state * self.width..][..self.width]
    }

    pub(super) fn bytes(&self) -> usize {
        4 * (self.words.capacity() + self.numbers.capacity()) + 16 * self.keys.capacity()
    }

    /// Appends the first state.
    pub(super) fn push_first<P: Protocol, G: Ghost>(
        &mut self,
        world: &World<P, G>,
        tables: &Tables<P, G>,
        key: u128,
    ) {
        let hosts = world.hosts().iter().enumerate();
        self.words.extend(hosts.map(|(column, host)| tables.number_host(column, host)));
        let messages = world.network().in_flight();
        let messages = messages.map(|envelope| tables.number_message(envelope)).collect();
        let network = tables.number_network(messages);
        self.words.extend([tables.number_ghost(world.shared_ghost()), network]);
        self.words.extend(words_of(world.spent()));
        self.keys.push(key);
    }

    /// Appends the state that a candidate leads to.
    pub(super) fn push<P: Protocol, G: Ghost>(
        &mut self,
        from: &[u32],
        candidate: &Candidate,
        tables: &Tables<P, G>,
    ) {
        let (start, roles) = (self.words.len(), tables.roles.len());
        self.words.extend_from_slice(&from[..roles]);
        let outcome = tables.outcome(candidate.outcome);
        self.words[start + outcome.column as usize] = outcome.host;
        self.words.extend([candidate.ghost, candidate.network]);
        self.words.extend(words_of(candidate.spent));
        self.keys.push(candidate.key);
    }

    /// Keeps a state as the next one that goes on, under its number in the graph. What is before it and
    /// was not kept is overwritten.
    pub(super) fn keep(&mut self, state: usize, number: u32) {
        let (to, width) = (self.numbers.len(), self.width);
        self.words.copy_within(state * width..(state + 1) * width, to * width);
        self.keys[to] = self.keys[state];
        self.numbers.push(number);
    }

    /// Ends the level behind the last state that was kept.
    pub(super) fn end(&mut self) {
        self.words.truncate(self.numbers.len() * self.width);
        self.keys.truncate(self.numbers.len());
    }
}

fn words_of(spent: Spent) -> [u32; 2] {
    let Spent { crashes, losses, duplicates, disconnects, timeouts } = spent;
    [u32::from_le_bytes([crashes, losses, duplicates, disconnects]), u32::from(timeouts)]
}

fn spent_of(words: &[u32]) -> Spent {
    let [crashes, losses, duplicates, disconnects] = words[0].to_le_bytes();
    Spent { crashes, losses, duplicates, disconnects, timeouts: words[1] as u8 }
}

/// One row, read.
pub(super) struct State<'a, P: Protocol, G> {
    tables: &'a Tables<P, G>,
    pub(super) row: &'a [u32],
    /// The messages on their way, in the order of their content.
    pub(super) messages: &'a [u32],
    pub(super) spent: Spent,
}

impl<'a, P: Protocol, G: Ghost> State<'a, P, G> {
    pub(super) fn read(tables: &'a Tables<P, G>, row: &'a [u32]) -> Self {
        let roles = tables.roles.len();
        let messages = &tables.network(row[roles + 1]).messages;
        Self { tables, row, messages, spent: spent_of(&row[roles + 2..]) }
    }

    /// The number of a host.
    pub(super) fn host(&self, column: usize) -> u32 {
        self.row[column]
    }

    /// The number of the ghost.
    pub(super) fn ghost(&self) -> u32 {
        self.row[self.tables.roles.len()]
    }

    /// The number of the network.
    pub(super) fn network(&self) -> u32 {
        self.row[self.tables.roles.len() + 1]
    }

    /// The world that this row stands for.
    pub(super) fn world(&self, limits: &Limits) -> World<P, G> {
        assemble(self.tables, self.row, limits, self.messages)
    }

    /// The same with at most one message: a host's step depends on no other.
    pub(super) fn world_of_step(&self, limits: &Limits, message: Option<u32>) -> World<P, G> {
        assemble(self.tables, self.row, limits, message.as_slice())
    }
}

/// A world that follows from row to row: neighbours differ in little.
pub(super) struct Scratch<P: Protocol, G> {
    row: Vec<u32>,
    world: World<P, G>,
}

impl<P: Protocol, G: Ghost> Scratch<P, G> {
    /// Begins with this row.
    pub(super) fn new(tables: &Tables<P, G>, row: &[u32], limits: &Limits) -> Self {
        Self { row: row.to_vec(), world: State::read(tables, row).world(limits) }
    }

    /// The world that a row stands for.
    pub(super) fn load(&mut self, tables: &Tables<P, G>, row: &[u32]) -> &World<P, G> {
        let roles = tables.roles.len();
        for column in (0..roles).filter(|&column| self.row[column] != row[column]) {
            self.world.set_host(column, &tables.host(row[column]).host);
        }
        if self.row[roles] != row[roles] {
            self.world.set_ghost(&tables.ghost(row[roles]).ghost);
        }
        let (before, after) = (self.row[roles + 1], row[roles + 1]);
        if before != after {
            let messages = |network| &tables.network(network).messages;
            let (before, after) = (messages(before), messages(after));
            for gone in before.iter().filter(|message| !after.contains(message)) {
                self.world.set_message(&tables.message(*gone).envelope, false);
            }
            for sent in after.iter().filter(|message| !before.contains(message)) {
                self.world.set_message(&tables.message(*sent).envelope, true);
            }
        }
        self.world.set_spent(spent_of(&row[roles + 2..]));
        self.row.copy_from_slice(row);
        &self.world
    }
}

fn assemble<P: Protocol, G: Ghost>(
    tables: &Tables<P, G>,
    row: &[u32],
    limits: &Limits,
    messages: &[u32],
) -> World<P, G> {
    let roles = tables.roles.len();
    let hosts = row[..roles].iter().map(|host| Arc::clone(&tables.host(*host).host)).collect();
    let messages = messages.iter().map(|message| Arc::clone(&tables.message(*message).envelope));
    let network = Network::assemble(limits.wire, messages);
    let ghost = Arc::clone(&tables.ghost(row[roles]).ghost);
    let topology = Arc::clone(&tables.topology);
    World::assemble(topology, hosts, network, ghost, spent_of(&row[roles + 2..]))
}

impl<P: Protocol, G: Ghost> Situation for State<'_, P, G> {
    fn roles(&self) -> &[RoleFacts] {
        &self.tables.roles
    }

    fn facts(&self, host: usize) -> Facts {
        self.tables.host(self.row[host]).facts
    }

    fn messages(&self) -> usize {
        self.messages.len()
    }

    fn receiver(&self, message: usize) -> usize {
        self.tables.message(self.messages[message]).to
    }

    fn spent(&self) -> Spent {
        self.spent
    }
}

/// The budgets after a move.
pub(super) fn spent_after(before: Spent, found: Move, is_cut: bool, limits: &Limits) -> Spent {
    let mut spent = before;
    let budget = match found {
        Move::Deliver { keep: true, .. } => Some(&mut spent.duplicates),
        Move::Lose { .. } => Some(&mut spent.losses),
        Move::Disconnected { .. } => Some(&mut spent.disconnects),
        Move::Crash { .. } => Some(&mut spent.crashes),
        // Only a search with such a budget counts timers: else two worlds that differ by it are one.
        Move::Timeout { .. } if limits.timeouts.is_some() => Some(&mut spent.timeouts),
        _ => None,
    };
    if let Some(budget) = budget {
        *budget = budget.saturating_add(1);
    }
    if is_cut {
        spent.crashes = spent.crashes.saturating_add(1);
    }
    spent
}

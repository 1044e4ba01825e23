//! The states of one level, a few words each, and the world behind each.

use std::sync::Arc;

use super::Limits;
use super::code::Code;
use super::moves::{Facts, Move, RoleFacts, Situation};
use super::tables::Tables;
use crate::node::Protocol;
use crate::world::{Ghost, Network, Spent, World};

/// Words for the ghost and the budgets.
const EXTRA: usize = 3;

/// States as rows of words: the number of each host, the ghost, the budgets, and a bit for each
/// message that is on its way.
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
    pub(super) outcome: u32,
    pub(super) spent: Spent,
}

impl Level {
    /// Room for states with all messages that are known by now.
    pub(super) fn new(roles: usize, messages: usize) -> Self {
        let width = roles + EXTRA + messages.div_ceil(32);
        Self { width, ..Self::default() }
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
        let mut row = vec![0; self.width];
        for (column, host) in world.hosts().iter().enumerate() {
            row[column] = tables.number_host(column, host);
        }
        let roles = tables.roles.len();
        row[roles] = tables.number_ghost(world.shared_ghost());
        write_spent(&mut row[roles + 1..], world.spent());
        for envelope in world.network().in_flight() {
            set_bit(&mut row, roles, tables.number_message(envelope));
        }
        self.words.extend(row);
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
        self.words.extend_from_slice(from);
        self.words.resize(start + self.width, 0);
        let row = &mut self.words[start..];
        let outcome = tables.outcome(candidate.outcome);
        row[outcome.column as usize] = outcome.host;
        row[roles] = candidate.ghost;
        write_spent(&mut row[roles + 1..], candidate.spent);
        if let Some(gone) = candidate.code.message_gone(tables.topology.wire) {
            row[roles + EXTRA + gone as usize / 32] &= !(1 << (gone % 32));
        }
        for &message in &outcome.sent {
            set_bit(row, roles, message);
        }
        self.keys.push(candidate.key);
    }

    /// Appends a row of another level.
    pub(super) fn push_row(&mut self, row: &[u32], key: u128, number: u32) {
        self.words.extend_from_slice(row);
        self.keys.push(key);
        self.numbers.push(number);
    }
}

fn set_bit(row: &mut [u32], roles: usize, message: u32) {
    row[roles + EXTRA + message as usize / 32] |= 1 << (message % 32);
}

fn write_spent(words: &mut [u32], spent: Spent) {
    let Spent { crashes, losses, duplicates, disconnects, timeouts } = spent;
    words[0] = u32::from_le_bytes([crashes, losses, duplicates, disconnects]);
    words[1] = u32::from(timeouts);
}

/// One row, read.
pub(super) struct State<'a, P: Protocol, G> {
    tables: &'a Tables<P, G>,
    row: &'a [u32],
    /// The messages on their way, in the order of their content.
    pub(super) messages: &'a [u32],
    receivers: &'a [usize],
    pub(super) spent: Spent,
}

/// Buffers for reading one row after the other.
#[derive(Default)]
pub(super) struct Reader {
    messages: Vec<u32>,
    receivers: Vec<usize>,
}

impl Reader {
    /// Reads a row; `rank` gives the place of each message in the order of their content.
    pub(super) fn read<'a, P: Protocol, G: Ghost>(
        &'a mut self,
        tables: &'a Tables<P, G>,
        row: &'a [u32],
        rank: &[u32],
    ) -> State<'a, P, G> {
        let roles = tables.roles.len();
        self.messages.clear();
        self.messages.extend(bits(&row[roles + EXTRA..]));
        self.messages.sort_unstable_by_key(|message| rank[*message as usize]);
        self.receivers.clear();
        self.receivers.extend(self.messages.iter().map(|message| tables.message(*message).to));
        let (messages, receivers) = (&self.messages, &self.receivers);
        State { tables, row, messages, receivers, spent: read_spent(&row[roles + 1..]) }
    }
}

fn read_spent(words: &[u32]) -> Spent {
    let [crashes, losses, duplicates, disconnects] = words[0].to_le_bytes();
    Spent { crashes, losses, duplicates, disconnects, timeouts: words[1] as u8 }
}

/// The numbers of the bits that are set.
fn bits(words: &[u32]) -> impl Iterator<Item = u32> + '_ {
    words.iter().enumerate().flat_map(|(place, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            Some(32 * place as u32 + bit)
        })
    })
}

impl<P: Protocol, G: Ghost> State<'_, P, G> {
    /// The number of a host.
    pub(super) fn host(&self, column: usize) -> u32 {
        self.row[column]
    }

    /// The number of the ghost.
    pub(super) fn ghost(&self) -> u32 {
        self.row[self.tables.roles.len()]
    }

    pub(super) fn row(&self) -> &[u32] {
        self.row
    }

    /// Whether a message is on its way.
    pub(super) fn carries(&self, message: u32) -> bool {
        let words = &self.row[self.tables.roles.len() + EXTRA..];
        words.get(message as usize / 32).is_some_and(|word| word & (1 << (message % 32)) != 0)
    }

    /// The world that this row stands for.
    pub(super) fn world(&self, limits: &Limits) -> World<P, G> {
        world(self.tables, self.row, limits)
    }

    /// The same with at most one message: a host's step depends on no other.
    pub(super) fn world_of_step(&self, limits: &Limits, message: Option<u32>) -> World<P, G> {
        assemble(self.tables, self.row, limits, message.into_iter())
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
        Self { row: row.to_vec(), world: world(tables, row, limits) }
    }

    /// The world that a row stands for.
    pub(super) fn load(&mut self, tables: &Tables<P, G>, row: &[u32]) -> &World<P, G> {
        let roles = tables.roles.len();
        self.row.resize(row.len(), 0);
        for column in (0..roles).filter(|&column| self.row[column] != row[column]) {
            self.world.set_host(column, &tables.host(row[column]).host);
        }
        if self.row[roles] != row[roles] {
            self.world.set_ghost(&tables.ghost(row[roles]).ghost);
        }
        self.world.set_spent(read_spent(&row[roles + 1..]));
        let messages = self.row[roles + EXTRA..].iter().zip(&row[roles + EXTRA..]);
        for (place, (before, after)) in messages.enumerate().filter(|(_, (a, b))| a != b) {
            for bit in bits(&[before ^ after]) {
                let envelope = &tables.message(32 * place as u32 + bit).envelope;
                self.world.set_message(envelope, after & (1 << bit) != 0);
            }
        }
        self.row.copy_from_slice(row);
        &self.world
    }
}

/// The world that a row stands for.
pub(super) fn world<P: Protocol, G: Ghost>(
    tables: &Tables<P, G>,
    row: &[u32],
    limits: &Limits,
) -> World<P, G> {
    let messages = bits(&row[tables.roles.len() + EXTRA..]);
    assemble(tables, row, limits, messages)
}

fn assemble<P: Protocol, G: Ghost>(
    tables: &Tables<P, G>,
    row: &[u32],
    limits: &Limits,
    messages: impl Iterator<Item = u32>,
) -> World<P, G> {
    let roles = tables.roles.len();
    let hosts = row[..roles].iter().map(|host| Arc::clone(&tables.host(*host).host)).collect();
    let messages = messages.map(|message| {
        let known = tables.message(message);
        (Arc::clone(&known.envelope), known.key)
    });
    let network = Network::assemble(limits.wire, messages);
    let ghost = Arc::clone(&tables.ghost(row[roles]).ghost);
    let topology = Arc::clone(&tables.topology);
    World::assemble(topology, hosts, network, ghost, read_spent(&row[roles + 1..]))
}

impl<P: Protocol, G: Ghost> Situation for State<'_, P, G> {
    fn roles(&self) -> &[RoleFacts] {
        &self.tables.roles
    }

    fn facts(&self, host: usize) -> Facts {
        self.tables.host(self.row[host]).facts
    }

    fn receivers(&self) -> &[usize] {
        self.receivers
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

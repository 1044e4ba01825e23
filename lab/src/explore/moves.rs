//! What may happen in a state: the rules, once, for worlds and for the compact states of a search.

use super::Limits;
use super::tables::column;
use crate::node::Protocol;
use crate::world::{Host, Spent, Topology, Wire};

/// What the rules need to know about a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Facts {
    pub(super) is_up: bool,
    /// Whether it was ever started since its disk was last empty.
    pub(super) has_started: bool,
    /// Whether a message to itself waits.
    pub(super) has_to_self: bool,
    /// Whether effects wait for its disk.
    pub(super) has_queue: bool,
    /// How many timers are armed.
    pub(super) timers: usize,
    /// How many records its disk could forget.
    pub(super) records: usize,
}

/// What the rules need to know about a role.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct RoleFacts {
    pub(super) may_crash: bool,
    /// The servers, by place, whose connection to this client may end.
    pub(super) client_of: Vec<usize>,
}

impl Facts {
    pub(super) fn of<P: Protocol>(host: &Host<P>) -> Self {
        Self {
            is_up: host.node.is_some(),
            has_started: host.starts > 0,
            has_to_self: !host.to_self.is_empty(),
            has_queue: !host.queue.is_empty(),
            timers: host.timers.len(),
            records: host.disk.records().len(),
        }
    }
}

impl RoleFacts {
    pub(super) fn of<P: Protocol, G>(topology: &Topology<P, G>) -> Vec<Self> {
        let servers = |client_of: &[_]| client_of.iter().map(|id| column(topology, *id)).collect();
        let of = |role: &crate::world::Role<P>| Self {
            may_crash: role.may_crash,
            client_of: servers(&role.client_of),
        };
        topology.roles.iter().map(of).collect()
    }
}

/// A state, as far as the rules go. Hosts, messages and timers are named by their places.
pub(super) trait Situation {
    fn roles(&self) -> &[RoleFacts];
    fn facts(&self, host: usize) -> Facts;
    /// How many messages are on their way.
    fn messages(&self) -> usize;
    /// The receiver of one, in the order of their content.
    fn receiver(&self, message: usize) -> usize;
    fn spent(&self) -> Spent;
}

/// Something that may happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Move {
    Deliver { message: usize, keep: bool },
    Lose { message: usize },
    SelfDelivery { host: usize },
    Flush { host: usize },
    Timeout { host: usize, timer: usize },
    Disconnected { host: usize, client: usize },
    Crash { host: usize, forget: usize },
    Restart { host: usize },
    Wipe { host: usize },
}

/// The moves of a state within the limits, in a fixed order, into `found`. Gives whether a limit held
/// something back: such a state proves nothing about progress.
pub(super) fn moves(state: &impl Situation, limits: &Limits, found: &mut Vec<Move>) -> bool {
    found.clear();
    let spent = state.spent();
    deliveries(state, limits, found);
    for host in 0..state.roles().len() {
        let facts = state.facts(host);
        if facts.is_up && facts.has_to_self {
            found.push(Move::SelfDelivery { host });
        }
        if facts.is_up && facts.has_queue {
            found.push(Move::Flush { host });
        }
    }
    // Whatever was found up to here, losses apart, is the system at work.
    let is_work =
        |found: &Move| !matches!(found, Move::Lose { .. } | Move::Deliver { keep: true, .. });
    let busy = limits.timers_last && found.iter().any(is_work);
    let exhausted = limits.timeouts.is_some_and(|most| spent.timeouts >= most);
    let mut held_back = false;
    for host in 0..state.roles().len() {
        let facts = state.facts(host);
        if !facts.is_up {
            continue;
        }
        held_back |= exhausted && facts.timers > 0;
        if !exhausted && !busy {
            found.extend((0..facts.timers).map(|timer| Move::Timeout { host, timer }));
        }
    }
    if limits.restarts {
        for host in (0..state.roles().len()).filter(|&host| !state.facts(host).is_up) {
            found.push(Move::Restart { host });
            if limits.wipes && state.facts(host).has_started {
                found.push(Move::Wipe { host });
            }
        }
    }
    faults(state, limits, spent, found);
    held_back
}

/// What can become of the messages on their way.
fn deliveries(state: &impl Situation, limits: &Limits, found: &mut Vec<Move>) {
    let (spent, bag) = (state.spent(), limits.wire != Wire::Set);
    for message in 0..state.messages() {
        let up = state.facts(state.receiver(message)).is_up;
        if up || bag {
            found.push(Move::Deliver { message, keep: false });
        }
        if bag && up && spent.duplicates < limits.duplicates {
            found.push(Move::Deliver { message, keep: true });
        }
        if bag && up && spent.losses < limits.losses {
            found.push(Move::Lose { message });
        }
    }
}

/// Crashes between two steps (a lying disk forgets any number of its newest records), and connections
/// between a client and a server, both up, that may end.
fn faults(state: &impl Situation, limits: &Limits, spent: Spent, found: &mut Vec<Move>) {
    let roles = state.roles();
    if spent.crashes < limits.crashes {
        for (host, _) in roles.iter().enumerate().filter(|(_, role)| role.may_crash) {
            let facts = state.facts(host);
            if facts.is_up {
                let most = facts.records.min(usize::from(limits.forgets));
                found.extend((0..=most).map(|forget| Move::Crash { host, forget }));
            }
        }
    }
    if spent.disconnects < limits.disconnects {
        for (client, role) in roles.iter().enumerate() {
            let open = role.client_of.iter().copied();
            let open = open.filter(|&host| state.facts(host).is_up && state.facts(client).is_up);
            found.extend(open.map(|host| Move::Disconnected { host, client }));
        }
    }
}

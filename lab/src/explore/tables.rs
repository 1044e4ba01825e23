//! What a search knows already: hosts, messages and ghosts by number, and what comes of each input.
//!
//! A node is a value, so its answer to an input is always the same. A host meets the same input in
//! thousands of states; its step is taken once, and remembered with all its cuts. Every table only
//! grows, so threads read them without locks and lock only to add.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Limits;
use super::arena::Arena;
use super::code::{Code, Key, decode};
use super::moves::{Facts, RoleFacts};
use super::numbered::Numbered;
use crate::node::{NodeId, Protocol};
use crate::world::{
    Action, Envelope, Event, Ghost, Host, Network, Observer, OwnedEvent, Topology, World,
    ghost_key, host_key,
};

/// A host of one column.
pub(super) struct KnownHost<P: Protocol> {
    pub(super) host: Arc<Host<P>>,
    pub(super) key: u128,
    pub(super) facts: Facts,
    /// Its armed timers, by number.
    pub(super) timers: Box<[u32]>,
}

/// A message between two columns.
pub(super) struct KnownMessage<M> {
    pub(super) envelope: Arc<Envelope<M>>,
    pub(super) key: u128,
    /// The receiver's column.
    pub(super) to: usize,
}

/// The messages that are on their way together.
pub(super) struct KnownNetwork {
    /// In the order of their content.
    pub(super) messages: Box<[u32]>,
    /// The sum of their keys.
    pub(super) key: u128,
}

/// A ghost.
pub(super) struct KnownGhost<G> {
    pub(super) ghost: Arc<G>,
    pub(super) key: u128,
}

/// What comes of one input at one host, cut or whole.
pub(super) struct Outcome<P: Protocol> {
    /// Where it happens.
    pub(super) column: u32,
    /// The host afterwards.
    pub(super) host: u32,
    /// What has to be added to a state's key because of the host: wraps.
    pub(super) host_change: u128,
    /// Messages that left for other hosts, in order.
    pub(super) sent: Box<[u32]>,
    /// What an observer sees of it.
    events: Box<[OwnedEvent<P>]>,
    /// The same input with a crash after so many effects: the first is the cut after one.
    pub(super) cuts: Box<[u32]>,
}

pub(super) struct Tables<P: Protocol, G> {
    pub(super) topology: Arc<Topology<P, G>>,
    pub(super) roles: Vec<RoleFacts>,
    limits: Limits,
    hosts: Numbered<KnownHost<P>>,
    messages: Numbered<KnownMessage<P::Msg>>,
    networks: Numbered<KnownNetwork>,
    ghosts: Numbered<KnownGhost<G>>,
    timers: Mutex<Vec<(NodeId, P::Timer)>>,
    outcomes: Arena<Outcome<P>>,
}

/// Sees an action and keeps everything.
struct Witness<P: Protocol>(Vec<OwnedEvent<P>>);

impl<P: Protocol, G> Observer<P, G> for Witness<P> {
    fn see(&mut self, _at: NodeId, event: &Event<'_, P>, _world: &World<P, G>) {
        self.0.push(OwnedEvent::new(event));
    }
}

impl<P: Protocol, G: Ghost> Tables<P, G> {
    pub(super) fn new(topology: Arc<Topology<P, G>>, limits: Limits) -> Self {
        Self {
            roles: RoleFacts::of(&topology),
            topology,
            limits,
            hosts: Numbered::new(),
            messages: Numbered::new(),
            networks: Numbered::new(),
            ghosts: Numbered::new(),
            timers: Mutex::default(),
            outcomes: Arena::new(),
        }
    }

    pub(super) fn host(&self, number: u32) -> &KnownHost<P> {
        self.hosts.things.get(number)
    }

    pub(super) fn message(&self, number: u32) -> &KnownMessage<P::Msg> {
        self.messages.things.get(number)
    }

    pub(super) fn network(&self, number: u32) -> &KnownNetwork {
        self.networks.things.get(number)
    }

    pub(super) fn ghost(&self, number: u32) -> &KnownGhost<G> {
        self.ghosts.things.get(number)
    }

    pub(super) fn outcome(&self, number: u32) -> &Outcome<P> {
        self.outcomes.get(number)
    }

    /// All messages by number.
    pub(super) fn envelopes(&self) -> Vec<Arc<Envelope<P::Msg>>> {
        self.messages.things.iter().map(|known| Arc::clone(&known.envelope)).collect()
    }

    /// What the numbers in codes stand for.
    pub(super) fn key(&self) -> Key<P> {
        let roles = self.topology.roles.iter().map(|role| role.id).collect();
        let timers = self.timers.lock().expect("nobody panics with it").clone();
        Key { roles, messages: self.envelopes(), timers }
    }

    /// The action of a code.
    pub(super) fn action(&self, code: Code) -> Action<P> {
        let message = |which: usize| Arc::clone(&self.message(which as u32).envelope);
        let timer =
            |which: usize| self.timers.lock().expect("nobody panics with it")[which].clone();
        decode(code, |place| self.topology.roles[place].id, message, timer)
    }

    /// About how many bytes are kept here, what values own elsewhere left out.
    pub(super) fn bytes(&self) -> usize {
        let hosts = self.hosts.things.bytes() + self.hosts.things.len() * size_of::<Host<P>>();
        let ghosts = self.ghosts.things.bytes() + self.ghosts.things.len() * size_of::<G>();
        let events = |outcome: &Outcome<P>| {
            size_of_val(&*outcome.events) + 4 * (outcome.sent.len() + outcome.cuts.len())
        };
        let outcomes: usize = self.outcomes.iter().map(events).sum();
        let networks = self.networks.things.iter().map(|known| 4 * known.messages.len());
        let networks = networks.sum::<usize>() + self.networks.things.bytes();
        let messages = self.messages.things.bytes();
        hosts + ghosts + networks + messages + outcomes + self.outcomes.bytes()
    }

    pub(super) fn number_host(&self, column: usize, host: &Arc<Host<P>>) -> u32 {
        let key = host_key(&self.topology, column, host);
        self.hosts.number(key, || {
            let facts = Facts::of(host);
            let id = self.topology.roles[column].id;
            let timers = host.timers.iter().map(|timer| self.number_timer(id, timer));
            let (host, timers) = (Arc::clone(host), timers.collect());
            KnownHost { host, key, facts, timers }
        })
    }

    fn number_timer(&self, id: NodeId, timer: &P::Timer) -> u32 {
        let mut timers = self.timers.lock().expect("nobody panics with it");
        let known = timers.iter().position(|(at, known)| *at == id && known == timer);
        let place = known.unwrap_or_else(|| {
            timers.push((id, timer.clone()));
            timers.len() - 1
        });
        place as u32
    }

    pub(super) fn number_message(&self, envelope: &Arc<Envelope<P::Msg>>) -> u32 {
        let key = Network::message_key(envelope);
        self.messages.number(key, || {
            let to = column(&self.topology, envelope.to);
            KnownMessage { envelope: Arc::clone(envelope), key, to }
        })
    }

    pub(super) fn number_ghost(&self, ghost: &Arc<G>) -> u32 {
        let key = ghost_key(&**ghost);
        self.ghosts.number(key, || KnownGhost { ghost: Arc::clone(ghost), key })
    }

    /// The number of these messages together, whatever their order.
    pub(super) fn number_network(&self, mut messages: Vec<u32>) -> u32 {
        let keys = messages.iter().map(|message| self.message(*message).key);
        let key = keys.fold(0, u128::wrapping_add);
        self.networks.number(key, || {
            messages.sort_by_key(|message| &self.message(*message).envelope);
            KnownNetwork { messages: messages.into(), key }
        })
    }

    /// The network after one message left it and others were sent. What is there stays there once.
    pub(super) fn network_after(&self, before: u32, gone: Option<u32>, sent: &[u32]) -> u32 {
        let before = self.network(before).messages.iter().copied();
        let mut messages: Vec<u32> = before.filter(|message| Some(*message) != gone).collect();
        for message in sent {
            if !messages.contains(message) {
                messages.push(*message);
            }
        }
        self.number_network(messages)
    }

    /// The ghost after an outcome was seen.
    pub(super) fn ghost_after(&self, ghost: u32, outcome: &Outcome<P>) -> u32 {
        let before = &self.ghost(ghost).ghost;
        let mut after = Arc::clone(before);
        let at = self.topology.roles[outcome.column as usize].id;
        for event in &outcome.events {
            (self.topology.observe)(&mut after, at, &event.as_event());
        }
        if Arc::ptr_eq(before, &after) { ghost } else { self.number_ghost(&after) }
    }

    /// Carries a transition out, and every cut of it that is worth trying. None before the first
    /// effect or after the last: those are the crash before and the crash after. None where the disk
    /// is asynchronous: there the queue itself says what a crash loses.
    pub(super) fn carry_out(&self, column: usize, code: Code, world: &World<P, G>) -> u32 {
        let whole = self.action(code);
        let (effects, mut outcome) = self.carry_out_one(column, &whole, world);
        let may_cut = self.limits.cuts && self.limits.crashes > 0 && self.roles[column].may_crash;
        if may_cut && !self.limits.async_disk {
            let cut = |cut| {
                let action = Action { transition: whole.transition.clone(), cut: Some(cut) };
                self.outcomes.push(self.carry_out_one(column, &action, world).1)
            };
            outcome.cuts = (1..effects).map(cut).collect();
        }
        self.outcomes.push(outcome)
    }

    fn carry_out_one(
        &self,
        column: usize,
        action: &Action<P>,
        world: &World<P, G>,
    ) -> (usize, Outcome<P>) {
        // ANCHOR: twice
        let once = || {
            let (mut world, mut witness) = (world.clone(), Witness(Vec::new()));
            let effects = world.apply(action, Duration::ZERO, &mut witness);
            (effects, Arc::clone(&world.hosts()[column]), witness.0)
        };
        let (effects, host, events) = once();
        // Once more: what is remembered has to be a function of its input.
        let again = once();
        let key = |host| host_key(&self.topology, column, host);
        let same = (effects, key(&host), &events) == (again.0, key(&again.1), &again.2);
        assert!(same, "a step is not a function of its input: {action:?}");
        // ANCHOR_END: twice
        let sent = events.iter().filter_map(|event| match event {
            OwnedEvent::Send(envelope) if envelope.to != envelope.from => {
                Some(self.number_message(envelope))
            }
            _ => None,
        });
        let sent = sent.collect();
        let (before, host) = (&world.hosts()[column], self.number_host(column, &host));
        let host_change =
            self.host(host).key.wrapping_sub(host_key(&self.topology, column, before));
        let (column, cuts) = (column as u32, Box::default());
        (effects, Outcome { column, host, host_change, sent, events: events.into(), cuts })
    }
}

/// The column of a node.
pub(super) fn column<P: Protocol, G>(topology: &Topology<P, G>, id: NodeId) -> usize {
    let found = topology.roles.iter().position(|role| role.id == id);
    found.unwrap_or_else(|| panic!("{id} is not part of this world: add a role for it"))
}

//! What a search knows already: hosts, messages and ghosts by number, and what comes of each input.
//!
//! A node is a value, so its answer to an input is always the same. A host meets the same input in
//! thousands of states; its step is taken once, and remembered with all its cuts. Every table only
//! grows, so threads read them without locks and lock only to add.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Limits;
use super::arena::{Arena, Memo};
use super::code::{Code, Key, decode};
use super::moves::{Facts, Move, RoleFacts};
use super::numbered::Numbered;
use crate::node::{NodeId, Protocol};
use crate::world::{
    Action, Envelope, Event, Ghost, Host, Network, Observer, OwnedEvent, Topology, Transition,
    Wire, World, ghost_key, host_key,
};

/// A host of one column.
pub(super) struct KnownHost<P: Protocol> {
    pub(super) host: Arc<Host<P>>,
    pub(super) key: u128,
    pub(super) facts: Facts,
    /// Its armed timers, by number.
    pub(super) timers: Box<[u32]>,
    /// The outcome of each input, by its place.
    outcomes: Memo,
}

/// A message between two columns.
pub(super) struct KnownMessage<M> {
    pub(super) envelope: Arc<Envelope<M>>,
    pub(super) key: u128,
    /// The receiver's column.
    pub(super) to: usize,
    /// Which of the receiver's messages this is.
    place: usize,
}

/// A ghost.
pub(super) struct KnownGhost<G> {
    pub(super) ghost: Arc<G>,
    pub(super) key: u128,
}

/// What comes of one input at one host, cut or whole.
pub(super) struct Outcome<P: Protocol> {
    /// The host afterwards.
    pub(super) host: u32,
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
    /// How many messages each column may receive.
    places: Vec<Mutex<usize>>,
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
        let places = topology.roles.iter().map(|_| Mutex::new(0));
        Self {
            places: places.collect(),
            roles: RoleFacts::of(&topology),
            topology,
            limits,
            hosts: Numbered::new(),
            messages: Numbered::new(),
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

    pub(super) fn messages(&self) -> usize {
        self.messages.things.len()
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
        let memos: usize = self.hosts.things.iter().map(|known| known.outcomes.bytes()).sum();
        let hosts = self.hosts.things.bytes() + self.hosts.things.len() * size_of::<Host<P>>();
        let ghosts = self.ghosts.things.bytes() + self.ghosts.things.len() * size_of::<G>();
        let events = |outcome: &Outcome<P>| {
            size_of_val(&*outcome.events) + 4 * (outcome.sent.len() + outcome.cuts.len())
        };
        let outcomes: usize = self.outcomes.iter().map(events).sum();
        memos + hosts + ghosts + outcomes + self.outcomes.bytes() + self.messages.things.bytes()
    }

    pub(super) fn number_host(&self, column: usize, host: &Arc<Host<P>>) -> u32 {
        let key = host_key(column, host);
        self.hosts.number(key, || {
            let facts = Facts::of(host);
            let id = self.topology.roles[column].id;
            let timers = host.timers.iter().map(|timer| self.number_timer(id, timer));
            let (host, timers) = (Arc::clone(host), timers.collect());
            KnownHost { host, key, facts, timers, outcomes: Memo::new() }
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
            let mut places = self.places[to].lock().expect("nobody panics with it");
            let place = *places;
            *places += 1;
            KnownMessage { envelope: Arc::clone(envelope), key, to, place }
        })
    }

    pub(super) fn number_ghost(&self, ghost: &Arc<G>) -> u32 {
        let key = ghost_key(&**ghost);
        self.ghosts.number(key, || KnownGhost { ghost: Arc::clone(ghost), key })
    }

    /// The ghost after an outcome was seen.
    pub(super) fn ghost_after(&self, ghost: u32, column: usize, outcome: &Outcome<P>) -> u32 {
        let before = &self.ghost(ghost).ghost;
        let mut after = Arc::clone(before);
        let at = self.topology.roles[column].id;
        for event in &outcome.events {
            (self.topology.observe)(&mut after, at, &event.as_event());
        }
        if Arc::ptr_eq(before, &after) { ghost } else { self.number_ghost(&after) }
    }

    /// The outcome of a move; `world` gives the state it is made in, if it has not been made yet.
    pub(super) fn outcome_of(
        &self,
        host: u32,
        column: usize,
        found: Move,
        message: Option<u32>,
        world: impl FnOnce() -> World<P, G>,
    ) -> u32 {
        let known = self.host(host);
        let place = self.place(known, found, message);
        known.outcomes.get(place).unwrap_or_else(|| {
            let transition = self.transition(column, known, found, message);
            known.outcomes.set(place, self.carry_out(column, transition, &world()))
        })
    }

    /// Where the outcome of a move is kept: first what a host may meet on its own, then messages.
    fn place(&self, known: &KnownHost<P>, found: Move, message: Option<u32>) -> usize {
        let crashes = 4;
        let disconnects = crashes + usize::from(self.limits.forgets) + 1;
        let timeouts = disconnects + self.roles.len();
        let messages = timeouts + known.timers.len();
        let set = self.limits.wire == Wire::Set;
        let of_message = |kind| {
            let place = message.map_or(0, |message| self.message(message).place);
            messages + if set { place } else { 3 * place + kind }
        };
        match found {
            Move::SelfDelivery { .. } => 0,
            Move::Flush { .. } => 1,
            Move::Restart { .. } => 2,
            Move::Wipe { .. } => 3,
            Move::Crash { forget, .. } => crashes + forget,
            Move::Disconnected { client, .. } => disconnects + client,
            Move::Timeout { timer, .. } => timeouts + timer,
            Move::Deliver { keep, .. } => of_message(usize::from(keep)),
            Move::Lose { .. } => of_message(2),
        }
    }

    fn transition(
        &self,
        column: usize,
        known: &KnownHost<P>,
        found: Move,
        message: Option<u32>,
    ) -> Transition<P> {
        let id = |column: usize| self.topology.roles[column].id;
        let envelope = || {
            let message = message.expect("a move of a message has one");
            Arc::clone(&self.message(message).envelope)
        };
        match found {
            Move::Deliver { keep, .. } => Transition::Deliver { envelope: envelope(), keep },
            Move::Lose { .. } => Transition::Lose(envelope()),
            Move::SelfDelivery { .. } => Transition::SelfDelivery(id(column)),
            Move::Flush { .. } => Transition::Flush(id(column)),
            Move::Timeout { timer, .. } => {
                let timer = known.host.timers.iter().nth(timer).expect("an armed timer");
                Transition::Timeout(id(column), timer.clone())
            }
            Move::Disconnected { client, .. } => {
                Transition::Disconnected { node: id(column), client: id(client) }
            }
            Move::Crash { forget, .. } => Transition::Crash { node: id(column), forget },
            Move::Restart { .. } => Transition::Restart(id(column)),
            Move::Wipe { .. } => Transition::Wipe(id(column)),
        }
    }

    /// Carries a transition out, and every cut of it that is worth trying. None before the first
    /// effect or after the last: those are the crash before and the crash after. None where the disk
    /// is asynchronous: there the queue itself says what a crash loses.
    fn carry_out(&self, column: usize, transition: Transition<P>, world: &World<P, G>) -> u32 {
        let whole = Action::new(transition.clone());
        let (effects, mut outcome) = self.carry_out_one(column, &whole, world);
        let spared = !self.roles[column].may_crash || self.limits.crashes == 0;
        if !spared && !self.limits.async_disk {
            let cut = |cut| {
                let action = Action { transition: transition.clone(), cut: Some(cut) };
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
        let once = || {
            let (mut world, mut witness) = (world.clone(), Witness(Vec::new()));
            let effects = world.apply(action, Duration::ZERO, &mut witness);
            (effects, Arc::clone(&world.hosts()[column]), witness.0)
        };
        let (effects, host, events) = once();
        // Once more: what is remembered for ever has to be a function of its input.
        let again = once();
        let same = (effects, host.print(), &events) == (again.0, again.1.print(), &again.2);
        assert!(same, "a step is not a function of its input: {action:?}");
        let sent = events.iter().filter_map(|event| match event {
            OwnedEvent::Send(envelope) if envelope.to != envelope.from => {
                Some(self.number_message(envelope))
            }
            _ => None,
        });
        let (sent, host) = (sent.collect(), self.number_host(column, &host));
        (effects, Outcome { host, sent, events: events.into(), cuts: Box::default() })
    }
}

/// The column of a node.
pub(super) fn column<P: Protocol, G>(topology: &Topology<P, G>, id: NodeId) -> usize {
    let found = topology.roles.iter().position(|role| role.id == id);
    found.unwrap_or_else(|| panic!("{id} is not part of this world: add a role for it"))
}

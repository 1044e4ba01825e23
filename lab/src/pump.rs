//! Nodes on one thread with nothing between them: how fast a protocol is by itself.
//!
//! A pump holds concrete nodes, hands each message to its receiver in the order of sending, and does
//! nothing else: no world, no faults, no log, no words. What leaves the nodes for the outside goes to
//! an [`Outside`]: a bench counts there, or keeps the records in memory.
//!
//! # Left out
//!
//! Time: timers go to the outside, which may call [`Pump::input`]. Disks: a record is taken as durable
//! at once. The limits on the size of messages and records, which take an encoding to check.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use crate::node::{Cx, Effect, Input, Mark, Node, NodeId, Protocol, take};

/// Where effects go that no node takes. Everything is ignored that is not overridden.
pub trait Outside<P: Protocol> {
    /// A message to a node that is not in the pump: an answer to a client.
    fn message(&mut self, _from: NodeId, _to: NodeId, _msg: P::Msg) {}

    /// A record.
    fn persist(&mut self, _at: NodeId, _record: P::Record) {}

    /// Records before a mark are not needed any more.
    fn discard_before(&mut self, _at: NodeId, _mark: Mark) {}

    /// A fact for observers.
    fn note(&mut self, _at: NodeId, _note: P::Note) {}

    /// A timer is armed.
    fn set_timer(&mut self, _at: NodeId, _timer: P::Timer, _after: Range<Duration>) {}

    /// A timer is disarmed.
    fn cancel_timer(&mut self, _at: NodeId, _timer: P::Timer) {}
}

/// Ignores everything.
impl<P: Protocol> Outside<P> for () {}

/// Nodes and the messages between them.
pub struct Pump<N: Node> {
    seats: Vec<Seat<N>>,
    waiting: VecDeque<Waiting<N::Protocol>>,
    /// Reused from step to step.
    effects: Vec<Effect<N::Protocol>>,
}

struct Seat<N> {
    id: NodeId,
    node: N,
    marks: u32,
}

struct Waiting<P: Protocol> {
    seat: usize,
    from: NodeId,
    msg: P::Msg,
}

impl<N: Node> Pump<N> {
    /// A pump with these nodes, booted in order as on their first start.
    pub fn new(
        nodes: impl IntoIterator<Item = (NodeId, N)>,
        outside: &mut impl Outside<N::Protocol>,
    ) -> Self {
        let seats = nodes.into_iter().map(|(id, node)| Seat { id, node, marks: 0 });
        let (seats, waiting, effects) = (seats.collect(), VecDeque::new(), Vec::new());
        let mut pump = Self { seats, waiting, effects };
        for seat in 0..pump.seats.len() {
            pump.step(seat, Input::Boot { start: 1 }, outside);
        }
        pump
    }

    /// A node.
    ///
    /// # Panics
    /// If it is not in the pump.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &N {
        &self.seats[self.seat(id)].node
    }

    /// Puts a message behind those that wait: a request of a client, which need not be in the pump.
    ///
    /// # Panics
    /// If the receiver is not in the pump.
    pub fn send(&mut self, from: NodeId, to: NodeId, msg: <N::Protocol as Protocol>::Msg) {
        let seat = self.seat(to);
        self.waiting.push_back(Waiting { seat, from, msg });
    }

    /// Gives a node an input now, before the messages that wait.
    ///
    /// # Panics
    /// If it is not in the pump.
    pub fn input(
        &mut self,
        id: NodeId,
        input: Input<N::Protocol>,
        outside: &mut impl Outside<N::Protocol>,
    ) {
        self.step(self.seat(id), input, outside);
    }

    /// Delivers messages until none waits, at most so many. Gives how many were delivered: so many
    /// steps were taken.
    pub fn run(&mut self, most: usize, outside: &mut impl Outside<N::Protocol>) -> usize {
        for delivered in 0..most {
            let Some(Waiting { seat, from, msg }) = self.waiting.pop_front() else {
                return delivered;
            };
            self.step(seat, Input::Message { from, msg }, outside);
        }
        most
    }

    fn step(
        &mut self,
        seat: usize,
        input: Input<N::Protocol>,
        outside: &mut impl Outside<N::Protocol>,
    ) {
        let Seat { id, node, marks } = &mut self.seats[seat];
        let me = *id;
        take(node, input, &mut Cx::new(me, Duration::ZERO, marks, &mut self.effects));
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Send { to, msg } | Effect::SendAhead { to, msg } => {
                    match self.seats.iter().position(|seat| seat.id == to) {
                        Some(seat) => self.waiting.push_back(Waiting { seat, from: me, msg }),
                        None => outside.message(me, to, msg),
                    }
                }
                Effect::Persist(record) => outside.persist(me, record),
                Effect::DiscardBefore(mark) => outside.discard_before(me, mark),
                Effect::Note(note) => outside.note(me, note),
                Effect::SetTimer { timer, after } => outside.set_timer(me, timer, after),
                Effect::CancelTimer(timer) => outside.cancel_timer(me, timer),
                Effect::Mark(_) | Effect::Connect { .. } | Effect::Disconnect(_) => {}
            }
        }
    }

    fn seat(&self, id: NodeId) -> usize {
        let found = self.seats.iter().position(|seat| seat.id == id);
        found.unwrap_or_else(|| panic!("{id} is not in this pump"))
    }
}

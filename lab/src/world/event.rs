//! What observers of a world see.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::{Envelope, World};
use crate::node::{Effect, NodeId, Protocol};

/// One thing that an observer sees at a node.
#[derive(Debug)]
pub enum Event<'a, P: Protocol> {
    /// It started, after replaying what its disk had kept.
    Boot {
        /// Which start this is.
        start: u64,
    },
    /// It takes a message; from itself, if both ends are the same.
    Receive(&'a Envelope<P::Msg>),
    /// It takes a message of which a copy stays on the way.
    Duplicate(&'a Envelope<P::Msg>),
    /// A message to it vanished.
    Lose(&'a Envelope<P::Msg>),
    /// A timer expired.
    Timeout(&'a P::Timer),
    /// A client's connection ended.
    Disconnected(NodeId),
    /// A message left; for itself, if both ends are the same.
    Send(&'a Envelope<P::Msg>),
    /// A record became durable.
    Persist(&'a P::Record),
    /// A snapshot is complete: the records before its mark were dropped.
    Discard,
    /// A timer was armed.
    SetTimer {
        /// Which one.
        timer: &'a P::Timer,
        /// When it may expire.
        after: Range<Duration>,
    },
    /// A timer was disarmed.
    CancelTimer(&'a P::Timer),
    /// The node tells a fact; every record it persisted before is durable.
    Note(&'a P::Note),
    /// The process died.
    Crash {
        /// Effects that it had asked for and that never happened.
        lost: &'a VecDeque<Effect<P>>,
        /// Records its lying disk had called durable.
        forgotten: &'a [P::Record],
    },
    /// Its disk was emptied.
    Wipe,
}

/// Watches a world, changing nothing.
pub trait Observer<P: Protocol, G> {
    /// Something happened at a node; the world is in the middle of an action.
    fn see(&mut self, at: NodeId, event: &Event<'_, P>, world: &World<P, G>);

    /// What follows happens at this time, in µs.
    fn time(&mut self, _micros: u64) {}

    /// An action is complete.
    fn after(&mut self, _at: NodeId, _world: &World<P, G>) {}
}

/// Watches nothing.
impl<P: Protocol, G> Observer<P, G> for () {
    fn see(&mut self, _at: NodeId, _event: &Event<'_, P>, _world: &World<P, G>) {}
}

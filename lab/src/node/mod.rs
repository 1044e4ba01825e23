//! A node is a value: it learns only from its inputs and acts only through its effects.
//!
//! Everything else in this workspace follows from that one sentence. Because a node owns no socket,
//! no clock, no thread and no random numbers, the same code runs under a search of every possible
//! order of events ([`crate::explore`]), under a simulator with virtual time ([`crate::sim`]), in
//! the page of the book, and as an operating system process with a real disk (`lab::run`).
//!
//! # The failure model
//!
//! *A node's effects form one queue, and a crash may cut it anywhere.* What was before the cut
//! happened; what was after it never did. So [`Cx::send`] waits for every record persisted before
//! it, and "write it down, then say it" is the order of two lines.
//!
//! # Protocol and node
//!
//! A [`Protocol`] is the vocabulary of one system: its messages, timers, records and notes. All its
//! nodes share it, so drivers are written, and compiled, for a protocol and hold nodes as
//! [`AnyNode`]: a coordinator, a participant and eleven designs of each are one type to them.
//!
//! # Left out
//!
//! Nodes do not fail on their own: `step` returns nothing. A refusal is a message, and an impossible
//! state is an `assert!` with a sentence. Torn writes and bit rot are below this model: the log has
//! to make a disk look like a prefix of the records, or refuse to start.

mod any;
mod changed;
mod limits;

use std::fmt::{self, Debug, Display};
use std::hash::Hash;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use any::AnyNode;
pub use changed::Changed;
pub use limits::{MAX_MESSAGE, MAX_RECORD};
pub(crate) use limits::{assert_message_fits, assert_record_fits};

/// Names a node for its whole life. Ids of client connections are never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u64);

impl Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// What messages, timers, records and notes have in common: plain data with an order, that can leave
/// the process, and a [`Display`] that reads well in a log.
pub trait Fact:
    Clone + Ord + Hash + Debug + Display + Serialize + DeserializeOwned + Send + Sync + 'static
{
}
impl<T> Fact for T where
    T: Clone + Ord + Hash + Debug + Display + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// The vocabulary that the nodes of one system share.
pub trait Protocol: Clone + Eq + Hash + Debug + Send + Sync + 'static {
    /// What nodes send each other. At most [`MAX_MESSAGE`] bytes when encoded.
    type Msg: Fact;
    /// What a node asks to be woken for.
    type Timer: Fact;
    /// What survives a crash. At most [`MAX_RECORD`] bytes when encoded.
    type Record: Fact;
    /// Facts for observers that no message or record shows already.
    type Note: Fact;
    /// What properties and pages may ask about a node's state. Displayed, it is the node's line in
    /// logs.
    type Summary: Clone + Debug + Display + Send + Sync + 'static;
}

/// A state machine that a driver feeds with inputs.
///
/// Implementations hold no clock, random number generator, channel, thread, closure or float, and
/// iterate no `HashMap`: two equal nodes given equal inputs produce equal effects, always.
pub trait Node: Clone + Eq + Hash + Debug + Send + Sync + 'static {
    /// The vocabulary it shares with the others.
    type Protocol: Protocol;

    /// Takes one input; everything the node asks for goes into `cx`, in order.
    fn step(&mut self, input: Input<Self::Protocol>, cx: &mut Cx<'_, Self::Protocol>);

    /// What properties and pages may know of its state.
    fn summary(&self) -> <Self::Protocol as Protocol>::Summary;
}

// ANCHOR: input
/// The only ways a node learns anything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input<P: Protocol> {
    /// Once per record that survived, oldest first. No effects allowed: recovery is a fold.
    Replay(P::Record),
    /// Then once per start. `start` counts the starts of this node and is durable before the first
    /// effect, so `(start, counter)` never names two things. A disk that was wiped starts at 1 again.
    Boot {
        /// 1 for the first start.
        start: u64,
    },
    /// A message arrived; it may be late, duplicated, or the only one of many that got through.
    Message {
        /// The sender.
        from: NodeId,
        /// The message.
        msg: P::Msg,
    },
    /// A timer that was set, and neither cancelled nor replaced, expired.
    Timeout(P::Timer),
    /// A client's connection ended; its id will not be seen again.
    Disconnected(NodeId),
}
// ANCHOR_END: input

/// The only ways a node acts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Effect<P: Protocol> {
    /// Leaves after every earlier record is durable. May be lost, duplicated or overtaken on the way.
    Send {
        /// The receiver.
        to: NodeId,
        /// The message.
        msg: P::Msg,
    },
    /// May leave before earlier records are durable: must stay true if they are lost.
    SendAhead {
        /// The receiver.
        to: NodeId,
        /// The message.
        msg: P::Msg,
    },
    /// Appends to the log. Never dropped while the node is up.
    Persist(P::Record),
    /// Marks this place of the log: behind everything persisted so far.
    Mark(Mark),
    /// Drops all records before a mark, once everything persisted before this effect is durable.
    DiscardBefore(Mark),
    /// Wakes the node after some time out of the range: the driver draws, a node has no randomness.
    SetTimer {
        /// An armed timer that is set again is replaced.
        timer: P::Timer,
        /// From when (included) to when (excluded).
        after: Range<Duration>,
    },
    /// Disarms a timer; does nothing if it is not armed.
    CancelTimer(P::Timer),
    /// From now on this node can reach a peer at an address. Nothing to do in a world.
    Connect {
        /// The peer.
        peer: NodeId,
        /// Where it listens: `127.0.0.1:4000`.
        address: Arc<str>,
    },
    /// Ends the connection to a peer. Nothing to do in a world.
    Disconnect(NodeId),
    /// Tells observers, not another node, once every earlier record is durable.
    Note(P::Note),
}

/// A place in this node's log, named by [`Cx::mark`]. It dies with the process, and the next one
/// replaces it: a node takes one snapshot at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mark(pub(crate) u32);

/// What a node may know (`me`, `now`) and may ask for while it takes one step.
#[derive(Debug)]
pub struct Cx<'a, P: Protocol> {
    me: NodeId,
    now: Duration,
    marks: &'a mut u32,
    out: &'a mut Vec<Effect<P>>,
}

impl<'a, P: Protocol> Cx<'a, P> {
    /// A context for steps of node `me`, whose own clock shows `now`. `marks` counts the marks of
    /// this start; effects are appended to `out`, which the driver may reuse.
    #[must_use]
    pub fn new(me: NodeId, now: Duration, marks: &'a mut u32, out: &'a mut Vec<Effect<P>>) -> Self {
        Self { me, now, marks, out }
    }

    /// This node's own id.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// This node's own clock since some unknown moment, read after the input was taken. No two
    /// nodes agree on it. The explorer holds it at zero and lets timers expire at any moment.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Sends once everything persisted so far is durable. A send to `me` arrives exactly once, in
    /// order, behind the inputs already waiting, and dies with the process.
    pub fn send(&mut self, to: NodeId, msg: P::Msg) {
        self.out.push(Effect::Send { to, msg });
    }

    /// Sends without waiting for the disk. Only for what stays true if this node forgets everything
    /// it has not yet written: an answer to a read, a refusal; never a promise or a vote.
    pub fn send_ahead(&mut self, to: NodeId, msg: P::Msg) {
        self.out.push(Effect::SendAhead { to, msg });
    }

    /// Writes a record that survives a crash, before any later `send` leaves.
    pub fn persist(&mut self, record: P::Record) {
        self.out.push(Effect::Persist(record));
    }

    /// Begins a snapshot: the records persisted from here on, over many steps if there are many, say
    /// again what is worth keeping of all records before; then [`Cx::discard_before`] drops those.
    pub fn mark(&mut self) -> Mark {
        *self.marks += 1;
        let mark = Mark(*self.marks);
        self.out.push(Effect::Mark(mark));
        mark
    }

    /// Ends a snapshot: a node recovered from the records after the mark alone must equal one that
    /// is recovered from all of them. Worlds assert that, so a snapshot that leaves something out is
    /// caught; one that says something false is a false record, which only properties can catch.
    pub fn discard_before(&mut self, mark: Mark) {
        self.out.push(Effect::DiscardBefore(mark));
    }

    /// Asks to be woken; takes effect when the step returns and dies with the process.
    pub fn set_timer(&mut self, timer: P::Timer, after: Range<Duration>) {
        self.out.push(Effect::SetTimer { timer, after });
    }

    /// Disarms a timer.
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.out.push(Effect::CancelTimer(timer));
    }

    /// Adds a peer, or gives it a new address: addresses are data in a membership record.
    pub fn connect(&mut self, peer: NodeId, address: Arc<str>) {
        self.out.push(Effect::Connect { peer, address });
    }

    /// Removes a peer.
    pub fn disconnect(&mut self, peer: NodeId) {
        self.out.push(Effect::Disconnect(peer));
    }

    /// Tells observers a fact, once every earlier record is durable.
    pub fn note(&mut self, note: P::Note) {
        self.out.push(Effect::Note(note));
    }

    /// Any effect, as a value.
    pub fn push(&mut self, effect: Effect<P>) {
        self.out.push(effect);
    }

    /// Runs a step of another node inside this one, and gives back what it asked for instead of doing
    /// it. For a node that wraps another: it passes most effects on with [`Cx::push`], and changes
    /// the few that it is there for.
    pub fn capture(&mut self, step: impl FnOnce(&mut Self)) -> Vec<Effect<P>> {
        let from = self.out.len();
        step(self);
        self.out.split_off(from)
    }
}

/// Lets a node take one input.
///
/// # Panics
/// If a node acts while it recovers.
pub fn take<N: Node>(node: &mut N, input: Input<N::Protocol>, cx: &mut Cx<'_, N::Protocol>) {
    let before = cx.out.len();
    let replaying = matches!(input, Input::Replay(_));
    node.step(input, cx);
    let silent = cx.out.len() == before;
    assert!(!replaying || silent, "recovery is a fold: Replay may have no effects");
}

/// One step as a function: the input goes in, the effects come out. For tests and tools; drivers
/// reuse the buffer.
pub fn react<N: Node>(
    node: &mut N,
    me: NodeId,
    now: Duration,
    input: Input<N::Protocol>,
) -> Vec<Effect<N::Protocol>> {
    let (mut marks, mut out) = (0, Vec::new());
    take(node, input, &mut Cx::new(me, now, &mut marks, &mut out));
    out
}

/// Recovery is a fold over the records that survived.
pub(crate) fn recover<N: Node>(
    node: &mut N,
    me: NodeId,
    records: impl IntoIterator<Item = <N::Protocol as Protocol>::Record>,
) {
    let (mut marks, mut out) = (0, Vec::new());
    for record in records {
        let mut cx = Cx::new(me, Duration::ZERO, &mut marks, &mut out);
        take(node, Input::Replay(record), &mut cx);
    }
}

//! A node is a value: it learns only from its inputs and acts only through its effects.
//!
//! Everything else in this workspace follows from that one sentence. Because a node owns no socket,
//! no clock, no thread and no random numbers, the same code runs under a search of every possible
//! order of events ([`crate::explore`]), under a simulator with virtual time ([`crate::sim`]), in
//! the page of the book, and as an operating system process with a real disk (`lab::run`).
//!
//! # The failure model
//!
//! *A node's effects form one queue, and a crash may cut it anywhere.* What was in front of the cut
//! happened; what was behind it never did. So [`Cx::send`] waits for every record persisted before
//! it, and "write it down, then say it" is the order of two lines.
//!
//! # Left out
//!
//! Nodes do not fail on their own: `step` returns nothing. A refusal is a message, and an impossible
//! state is an `assert!` with a sentence. Torn writes and bit rot are below this model: the log has
//! to make a disk look like a prefix of the records, or refuse to start.

use std::fmt::{self, Debug, Display};
use std::hash::Hash;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest message, in the bytes it has when it is encoded: 1 MiB with what travels in front of
/// it. A node that has more to say says it in chunks; to send a longer one is a programming error.
pub const MAX_MESSAGE: usize = (1 << 20) - 256;

/// The longest record, in the bytes it has when it is encoded. A node that has more to keep keeps it
/// in chunks; to persist a longer one is a programming error.
pub const MAX_RECORD: usize = 1 << 20;

/// Names a node for its whole life. Ids of client connections are never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u64);

impl Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// What messages, timers, records and notes have in common: plain data with an order, and a
/// [`Display`] that reads well in a log.
pub trait Fact: Clone + Ord + Hash + Debug + Display + Send + Sync + 'static {}
impl<T: Clone + Ord + Hash + Debug + Display + Send + Sync + 'static> Fact for T {}

/// A state machine that a driver feeds with inputs.
///
/// Implementations hold no clock, random number generator, channel, thread, closure or float, and
/// iterate no `HashMap`: two equal nodes given equal inputs produce equal effects, always.
pub trait Node: Clone + Eq + Hash + Debug + Send + Sync + 'static {
    /// What nodes say to each other.
    type Msg: Fact;
    /// What a node asks to be woken for.
    type Timer: Fact;
    /// What survives a crash.
    type Record: Fact;
    /// What an observer may be told: facts that no message or record shows already.
    type Note: Fact;

    /// Takes one input; everything the node wants done goes into `cx`, in order.
    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>);
}

// ANCHOR: input
/// The only ways a node learns anything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input<N: Node> {
    /// Once per record that survived, oldest first. No effects allowed: recovery is a fold.
    Replay(N::Record),
    /// Then once per start. `start` counts the starts of this node and is durable before the first
    /// effect, so `(start, counter)` never names two things.
    Boot {
        /// 1 for the first start.
        start: u64,
    },
    /// A message arrived; it may be late, doubled, or the only one of many that got through.
    Message {
        /// Who sent it.
        from: NodeId,
        /// What it says.
        msg: N::Msg,
    },
    /// A timer that was set, and neither cancelled nor replaced, ran out.
    Timeout(N::Timer),
    /// A client's connection ended; its id will not be seen again.
    Gone(NodeId),
}
// ANCHOR_END: input

/// The only ways a node acts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Effect<N: Node> {
    /// Leaves after every earlier record is durable. May be lost, doubled or overtaken on the way.
    Send {
        /// The receiver.
        to: NodeId,
        /// The message.
        msg: N::Msg,
    },
    /// May leave before earlier records are durable: must stay true if they are lost.
    SendAhead {
        /// The receiver.
        to: NodeId,
        /// The message.
        msg: N::Msg,
    },
    /// Appends to the log. Never dropped while the node lives.
    Persist(N::Record),
    /// Replaces the log by one record. Until that is durable, the old log is the valid one.
    Checkpoint(N::Record),
    /// Wakes the node after some time out of the range: the driver draws, the node has no dice.
    SetTimer {
        /// An armed timer that is set again is replaced.
        timer: N::Timer,
        /// From when (included) to when (excluded).
        after: Range<Duration>,
    },
    /// Disarms a timer; does nothing if it is not armed.
    CancelTimer(N::Timer),
    /// Tells an observer, not another node.
    Note(N::Note),
}

/// What a node may know (`me`, `now`) and may ask for while it takes one step.
#[derive(Debug)]
pub struct Cx<N: Node> {
    me: NodeId,
    now: Duration,
    effects: Vec<Effect<N>>,
}

impl<N: Node> Cx<N> {
    /// A fresh context for one step of node `me`, whose own clock shows `now`.
    #[must_use]
    pub fn new(me: NodeId, now: Duration) -> Self {
        Self { me, now, effects: Vec::new() }
    }

    /// This node's own id.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// This node's own clock since some unknown moment, read after the input was taken. No two
    /// nodes agree on it. The explorer holds it at zero and lets timers fire whenever they like.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Sends once everything persisted so far is durable. A send to `me` arrives exactly once, in
    /// order, behind the inputs already waiting, and dies with the process.
    pub fn send(&mut self, to: NodeId, msg: N::Msg) {
        self.effects.push(Effect::Send { to, msg });
    }

    /// Sends without waiting for the disk. Only for what stays true if this node forgets everything
    /// it has not yet written: an answer to a read, a refusal; never a promise or a vote.
    pub fn send_ahead(&mut self, to: NodeId, msg: N::Msg) {
        self.effects.push(Effect::SendAhead { to, msg });
    }

    /// Writes a record that survives a crash, before any later `send` leaves.
    pub fn persist(&mut self, record: N::Record) {
        self.effects.push(Effect::Persist(record));
    }

    /// Replaces the whole log by one record that says the same.
    pub fn checkpoint(&mut self, record: N::Record) {
        self.effects.push(Effect::Checkpoint(record));
    }

    /// Asks to be woken; takes effect when the step returns and dies with the process.
    pub fn set_timer(&mut self, timer: N::Timer, after: Range<Duration>) {
        self.effects.push(Effect::SetTimer { timer, after });
    }

    /// Takes a wish to be woken back.
    pub fn cancel_timer(&mut self, timer: N::Timer) {
        self.effects.push(Effect::CancelTimer(timer));
    }

    /// Tells observers a fact.
    pub fn note(&mut self, note: N::Note) {
        self.effects.push(Effect::Note(note));
    }

    /// Any effect, as a value.
    pub fn push(&mut self, effect: Effect<N>) {
        self.effects.push(effect);
    }

    /// Ends the step: the effects, in the order they were asked for.
    #[must_use]
    pub fn into_effects(self) -> Vec<Effect<N>> {
        self.effects
    }
}

/// One step as a function: the input goes in, the effects come out.
pub fn react<N: Node>(node: &mut N, me: NodeId, now: Duration, input: Input<N>) -> Vec<Effect<N>> {
    let replaying = matches!(input, Input::Replay(_));
    let mut cx = Cx::new(me, now);
    node.step(input, &mut cx);
    let effects = cx.into_effects();
    assert!(!replaying || effects.is_empty(), "recovery is a fold: Replay may have no effects");
    effects
}

/// Lets a node of one kind play inside a node that is one of several kinds: same vocabulary, so its
/// input and its effects pass through unchanged.
pub fn delegate<N, R>(role: &mut R, input: Input<N>, cx: &mut Cx<N>)
where
    N: Node,
    R: Node<Msg = N::Msg, Timer = N::Timer, Record = N::Record, Note = N::Note>,
{
    cx.effects.extend(inner(role, input, cx));
}

/// What a node inside this one answers to an input. For a node that wraps another: it passes most
/// effects on with [`Cx::push`], and changes the few that it is there for.
pub fn inner<N, R>(role: &mut R, input: Input<N>, cx: &Cx<N>) -> Vec<Effect<N>>
where
    N: Node,
    R: Node<Msg = N::Msg, Timer = N::Timer, Record = N::Record, Note = N::Note>,
{
    let input = match input {
        Input::Replay(record) => Input::Replay(record),
        Input::Boot { start } => Input::Boot { start },
        Input::Message { from, msg } => Input::Message { from, msg },
        Input::Timeout(timer) => Input::Timeout(timer),
        Input::Gone(client) => Input::Gone(client),
    };
    let mut own = Cx::new(cx.me, cx.now);
    role.step(input, &mut own);
    let renamed = own.effects.into_iter().map(|effect| match effect {
        Effect::Send { to, msg } => Effect::Send { to, msg },
        Effect::SendAhead { to, msg } => Effect::SendAhead { to, msg },
        Effect::Persist(record) => Effect::Persist(record),
        Effect::Checkpoint(record) => Effect::Checkpoint(record),
        Effect::SetTimer { timer, after } => Effect::SetTimer { timer, after },
        Effect::CancelTimer(timer) => Effect::CancelTimer(timer),
        Effect::Note(note) => Effect::Note(note),
    });
    renamed.collect()
}

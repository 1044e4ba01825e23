//! Clients of a replicated store (step 7): they count.
//!
//! A counter shows what a register hides: a write that is done twice looks like one that is done once,
//! and an increment does not.

use std::collections::VecDeque;

use lab::{Node, NodeId};

use crate::group::{Cx, Group, Input, Paxos, Summary};
use crate::types::kv::{Blob, Msg as Kv, Op, Outcome, Refusal, RequestId, SessionId};
use crate::types::{Msg, Timer, wait};

/// What all clients count.
pub const COUNTER: &str = "sold";

/// Increments the counter so often. Every second time it is read as well, and at the end.
#[must_use]
pub fn counting(increments: u8) -> Vec<Op> {
    let key = || Blob::new(COUNTER);
    let round = |n| {
        let read = (n % 2 == 0).then(|| Op::Get { key: key() });
        std::iter::once(Op::Increment { key: key() }).chain(read)
    };
    (1..=increments).flat_map(round).collect()
}

/// How a client reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Way {
    /// Through the log.
    Log,
    /// Beside it.
    Index,
    /// Beside it, and the leader's lease is enough.
    Lease,
}

/// A client of the store. Does one thing after the other, each until it is answered.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StoreClient {
    /// What is still to be done; the first is being asked for.
    ops: VecDeque<Op>,
    /// Which one that is, from 1.
    seq: u64,
    /// How often it has asked for anything, and how often before it asked for this.
    tries: u64,
    tries_before: u64,
    /// Whom it asks: the first, and after each silence or refusal the next.
    replicas: VecDeque<NodeId>,
    /// The session that it has.
    session: Option<SessionId>,
    /// How it reads.
    reads: Way,
    /// What the last answer was.
    told: Option<Outcome>,
}

impl StoreClient {
    /// A client that does this, and begins with the replica of this number.
    #[must_use]
    pub fn new(group: &Group, first: usize, ops: impl IntoIterator<Item = Op>) -> Self {
        let mut replicas: VecDeque<NodeId> = group.replicas.iter().copied().collect();
        replicas.rotate_left(first);
        let ops = ops.into_iter().collect();
        Self {
            ops,
            seq: 1,
            tries: 0,
            tries_before: 0,
            replicas,
            session: None,
            reads: Way::Log,
            told: None,
        }
    }

    /// The same, and it opens a session first.
    #[must_use]
    pub fn in_a_session(mut self) -> Self {
        self.ops.push_front(Op::OpenSession);
        self
    }

    /// The same, and it reads beside the log.
    #[must_use]
    pub fn reading_beside(self) -> Self {
        Self { reads: Way::Index, ..self }
    }

    /// The same, and a leader with a lease may answer it without asking the others.
    #[must_use]
    pub fn reading_by_lease(self) -> Self {
        Self { reads: Way::Lease, ..self }
    }

    /// Whether everything is answered.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.ops.is_empty()
    }

    fn ask(&mut self, cx: &mut Cx) {
        if let Some(op) = self.ops.front() {
            self.tries += 1;
            let (number, op) = (self.tries, op.clone());
            let id = self.session.map(|session| RequestId { session, seq: self.seq });
            let msg = match op {
                Op::Get { key } if self.reads != Way::Log => {
                    Kv::Read { number, key, by_lease: self.reads == Way::Lease }
                }
                op => Kv::Request { number, id, op },
            };
            cx.send(self.replicas[0], Msg::Kv(msg));
            cx.set_timer(Timer::Retry, wait::RETRY);
        }
    }

    fn on_answer(&mut self, number: u64, outcome: Result<Outcome, Refusal>, cx: &mut Cx) {
        if self.is_done() || number <= self.tries_before {
            return;
        }
        match outcome {
            // The timer is running: it asks again soon, and the next one.
            Err(_) => {}
            Ok(outcome) => {
                match outcome {
                    Outcome::Opened(session) => {
                        self.session = Some(session);
                        // Its first request is number 1.
                        self.seq = 0;
                    }
                    Outcome::Expired => self.ops.clear(),
                    _ => {}
                }
                self.ops.pop_front();
                self.seq += 1;
                self.tries_before = self.tries;
                self.told = Some(outcome);
                cx.cancel_timer(Timer::Retry);
                self.ask(cx);
            }
        }
    }
}

impl Node for StoreClient {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } => self.ask(cx),
            Input::Timeout(_) => {
                self.replicas.rotate_left(1);
                self.ask(cx);
            }
            Input::Message { msg: Msg::Kv(Kv::Answer { number, outcome }), .. } => {
                self.on_answer(number, outcome, cx);
            }
            Input::Message { .. } | Input::Replay(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        let told = self.told.as_ref().map_or("no answer yet".into(), |told| format!("told {told}"));
        Summary::of(match self.ops.front() {
            Some(op) => format!("{told}; waits for: {op}"),
            None => format!("{told}; has its answers"),
        })
    }
}

//! Deeper: may a participant that only read leave early?
//!
//! A participant that changes nothing has nothing to commit. It can answer what it saw, release its
//! locks at once, write nothing and receive no further message about it: the *read-only vote* of
//! Mohan, Lindsay and Obermarck (1986). It saves an fsync and a message, and it is in the
//! textbooks.
//!
//! It is also where isolation gets lost. Releasing is harmless once *every* participant has all the
//! locks it needs. Here a participant takes its locks when it is asked, so one may release them
//! while another has not begun: between the two another order sells an umbrella, and the read sees
//! half of that order.
//!
//! Left out: the cure, a round of *work* before the round of *votes*. Most databases have it.

use lab::Node;

use crate::shop::{AnyNode, Cx, Effect, Input, Shop, Summary};
use crate::types::{COORD, Msg, Note, Outcome, Record, TxId};

/// The coordinator of a step, which does not send *abort* to a participant that has released its
/// locks already.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Coordinator(AnyNode);

impl Coordinator {
    /// Around the node of a step.
    #[must_use]
    pub fn new(inner: impl Node<Protocol = Shop>) -> Self {
        Self(AnyNode::new(inner))
    }
}

impl Node for Coordinator {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        let effects = cx.capture(|cx| self.0.step(input, cx));
        let seen = effects.iter().any(|effect| match effect {
            Effect::Send { msg: Msg::Answer { outcome: Outcome::Done(seen), .. }, .. } => {
                !seen.is_empty()
            }
            _ => false,
        });
        let useless =
            |effect: &Effect| seen && matches!(effect, Effect::Send { msg: Msg::Abort { .. }, .. });
        effects.into_iter().filter(|e| !useless(e)).for_each(|effect| cx.push(effect));
    }

    fn summary(&self) -> Summary {
        self.0.summary()
    }
}

/// The participant of a step, which leaves early if it only read.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant(AnyNode);

impl Participant {
    /// Around the node of a step.
    #[must_use]
    pub fn new(inner: impl Node<Protocol = Shop>) -> Self {
        Self(AnyNode::new(inner))
    }

    // ANCHOR: leave
    fn pass(&mut self, input: Input, cx: &mut Cx) {
        let mut read = Vec::new();
        for effect in cx.capture(|cx| self.0.step(input, cx)) {
            match effect {
                Effect::Persist(Record::Prepared { tx, branch, .. })
                    if branch.iter().all(|change| change.by == 0) =>
                {
                    read.push(tx);
                }
                other => cx.push(other),
            }
        }
        read.into_iter().for_each(|tx| self.leave(tx, cx));
    }

    /// Releases its locks. It promised nothing, so nothing is written down.
    fn leave(&mut self, tx: TxId, cx: &mut Cx) {
        let off = Input::Message { from: COORD, msg: Msg::Abort { tx } };
        for effect in cx.capture(|cx| self.0.step(off, cx)) {
            match effect {
                Effect::Persist(Record::Aborted { .. }) | Effect::Note(Note::LetGo(_)) => {}
                other => cx.push(other),
            }
        }
    }
    // ANCHOR_END: leave
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.0.step(Input::Replay(record), cx),
            other => self.pass(other, cx),
        }
    }

    fn summary(&self) -> Summary {
        self.0.summary()
    }
}

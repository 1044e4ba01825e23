//! A participant: the one of a step, which listens to the newest epoch only.

use lab::Node;

use super::COORD_2;
use crate::deeper::{Msg as Deeper, Record as Kept};
use crate::shop::{AnyNode, Cx, Effect, Input, Shop, Summary};
use crate::types::{COORD, Msg, Record};

/// The participant of a step, behind a fence.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    inner: AnyNode,
    /// The newest it knows of.
    epoch: u64,
}

impl Participant {
    /// Around the node of a step.
    #[must_use]
    pub fn new(inner: impl Node<Protocol = Shop>) -> Self {
        Self { inner: AnyNode::new(inner), epoch: 0 }
    }

    // ANCHOR: hear
    /// Whether messages of this epoch still count here. A newer one is written down before it is
    /// obeyed: after a restart the older one must stay fenced off.
    fn admits(&mut self, epoch: u64, cx: &mut Cx) -> bool {
        if epoch > self.epoch {
            self.epoch = epoch;
            cx.persist(Record::Deeper(Kept::Epoch(epoch)));
        }
        epoch == self.epoch
    }
    // ANCHOR_END: hear

    fn pass(&mut self, input: Input, cx: &mut Cx) {
        for effect in cx.capture(|cx| self.inner.step(input, cx)) {
            // It does not know who coordinates now, so it asks both.
            if let Effect::Send { msg: Msg::Inquire { tx }, .. } = effect {
                cx.send(COORD, Msg::Inquire { tx });
                cx.send(COORD_2, Msg::Inquire { tx });
            } else {
                cx.push(effect);
            }
        }
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(Record::Deeper(Kept::Epoch(epoch))) => self.epoch = epoch,
            Input::Message { from, msg: Msg::Deeper(Deeper::Fenced { epoch, msg }) } => {
                if self.admits(epoch, cx) {
                    self.pass(Input::Message { from, msg: *msg }, cx);
                }
            }
            other => self.pass(other, cx),
        }
    }

    fn summary(&self) -> Summary {
        self.inner.summary()
    }
}

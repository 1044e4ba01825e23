//! A participant: the one of a step, which answers the coordinator that asks, and asks both.

use lab::Node;

use super::{COORD_2, owner};
use crate::deeper::Msg as Deeper;
use crate::shop::{AnyNode, ByTx, Cx, Effect, Input, Shop, Summary};
use crate::types::{COORD, Key, Msg, Record, TxId};

/// The participant of a step. It remembers for which request each attempt is: a coordinator that does
/// not know the attempt needs that to ask the store.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    inner: AnyNode,
    keys: ByTx<Key>,
}

impl Participant {
    /// Around the node of a step.
    #[must_use]
    pub fn new(inner: impl Node<Protocol = Shop>) -> Self {
        Self { inner: AnyNode::new(inner), keys: ByTx::new() }
    }

    fn ask_both(&self, tx: TxId, cx: &mut Cx) {
        let Some(key) = self.keys.get(&tx) else { return };
        for coordinator in [COORD, COORD_2] {
            cx.send(coordinator, Msg::Deeper(Deeper::InquireAbout { tx, key: key.clone() }));
        }
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        if let Input::Replay(Record::Prepared { tx, key, .. })
        | Input::Message { msg: Msg::Prepare { tx, key, .. }, .. } = &input
        {
            self.keys.insert(*tx, key.clone());
        }
        for effect in cx.capture(|cx| self.inner.step(input, cx)) {
            match effect {
                Effect::Send { msg: Msg::Inquire { tx }, .. } => self.ask_both(tx, cx),
                Effect::Send {
                    msg: msg @ (Msg::Vote { tx, .. } | Msg::Wound { tx, .. }), ..
                } => {
                    cx.send(owner(tx), msg);
                }
                other => cx.push(other),
            }
        }
    }

    fn summary(&self) -> Summary {
        self.inner.summary()
    }
}

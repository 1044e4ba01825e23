//! A participant: the one of a step, which listens to the newest epoch only.

use lab::node::{Effect, inner};
use lab::{Cx, Input, Node};

use super::COORD_2;
use crate::accounts::Accounts;
use crate::deeper::{Msg as Deeper, Record as Kept};
use crate::shop;
use crate::types::{Account, COORD, Msg, Note, Record, Timer, TxId};

/// The participant of a step, behind a fence.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant<P> {
    inner: P,
    /// The newest it has heard of.
    epoch: u64,
}

impl<P: shop::Participant> Participant<P> {
    // ANCHOR: hear
    /// Whether this epoch may still say anything here. A newer one is written down before it is
    /// obeyed: after a restart the older one must stay fenced off.
    fn hear(&mut self, epoch: u64, cx: &mut Cx<Self>) -> bool {
        if epoch > self.epoch {
            self.epoch = epoch;
            cx.persist(Record::Deeper(Kept::Epoch(epoch)));
        }
        epoch == self.epoch
    }
    // ANCHOR_END: hear

    fn pass(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        for effect in inner(&mut self.inner, input, cx) {
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

impl<P: shop::Participant> Node for Participant<P> {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        match input {
            Input::Replay(Record::Deeper(Kept::Epoch(epoch))) => self.epoch = epoch,
            Input::Message { from, msg: Msg::Deeper(Deeper::Fenced { epoch, msg }) } => {
                if self.hear(epoch, cx) {
                    self.pass(Input::Message { from, msg: *msg }, cx);
                }
            }
            other => self.pass(other, cx),
        }
    }
}

impl<P: shop::Participant> shop::Participant for Participant<P> {
    fn new(accounts: Accounts) -> Self {
        Self { inner: P::new(accounts), epoch: 0 }
    }

    fn accounts(&self) -> &Accounts {
        self.inner.accounts()
    }

    fn locked(&self) -> Vec<Account> {
        self.inner.locked()
    }
}

impl<P: shop::Participant> shop::Part for Participant<P> {
    fn in_doubt(&self) -> Vec<TxId> {
        self.inner.in_doubt()
    }

    fn line(&self) -> String {
        self.inner.line()
    }
}

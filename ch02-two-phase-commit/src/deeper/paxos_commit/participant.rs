//! A participant: the one of a step, unchanged. Only who receives its *yes* is different.

use std::collections::BTreeSet;

use lab::{Node, NodeId};

use super::{ALL, COORD_2};
use crate::deeper::{Msg as Deeper, Peers, Phase, Record as Kept, Votes};
use crate::shop::{self, AnyNode, ByTx, Cx, Effect, Input, Shop, Summary};
use crate::types::{COORD, Msg, Record, TxId, Vote};

/// The participant of a step, whose vote goes to more than one coordinator.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    inner: AnyNode,
    /// Who takes part, for what it was asked and has not ended.
    asked: ByTx<Peers>,
    /// What it voted yes to and has not ended.
    promised: BTreeSet<TxId>,
    /// Reads that it holds locks for, and whether it has asked about them.
    reads: ByTx<bool>,
}

impl Participant {
    /// Around the node of a step.
    #[must_use]
    pub fn new(inner: impl Node<Protocol = Shop>) -> Self {
        let (asked, reads) = (ByTx::new(), ByTx::new());
        Self { inner: AnyNode::new(inner), asked, promised: BTreeSet::new(), reads }
    }

    // ANCHOR: pass
    /// Gives the participant inside an input. Its *yes* goes to as many coordinators as have to
    /// keep it; when it asks what became of a yes, it sends it again, to all of them.
    fn pass(&mut self, input: Input, cx: &mut Cx) {
        let mut unanswered = Vec::new();
        for effect in cx.capture(|cx| self.inner.step(input, cx)) {
            match effect {
                Effect::Send { msg: Msg::Vote { tx, vote: Vote::Yes(_) }, .. }
                    if self.promised.contains(&tx) =>
                {
                    self.propose(tx, &[COORD, COORD_2], cx);
                }
                Effect::Send { msg: Msg::Inquire { tx }, .. } if self.promised.contains(&tx) => {
                    self.propose(tx, &ALL, cx);
                }
                Effect::Send { to, msg: Msg::Inquire { tx } } => {
                    cx.send(to, Msg::Inquire { tx });
                    let asked = self.reads.get_mut(&tx).is_some_and(|a| std::mem::replace(a, true));
                    unanswered.extend(asked.then_some(tx));
                }
                Effect::Persist(record) => {
                    let record = self.keep(record);
                    cx.persist(record);
                }
                other => cx.push(other),
            }
        }
        // A read has promised nothing. The coordinator that began it will ask whether it is still
        // held.
        for tx in unanswered {
            self.pass(Input::Message { from: COORD, msg: Msg::Abort { tx } }, cx);
        }
    }

    fn propose(&self, tx: TxId, to: &[NodeId], cx: &mut Cx) {
        for &coordinator in to {
            let (peers, votes) = (self.asked[&tx].clone(), Votes::from([(cx.me(), true)]));
            cx.send(coordinator, Msg::Deeper(Deeper::Propose { tx, peers, ballot: 0, votes }));
        }
    }
    // ANCHOR_END: pass

    /// What it promised has to be known after a restart, and to whom else it was put.
    fn keep(&mut self, record: Record) -> Record {
        match record {
            // A read promises nothing, so its vote needs no keeping.
            Record::Prepared { tx, key, branch } if branch.iter().any(|change| change.by != 0) => {
                self.promised.insert(tx);
                let peers = self.asked[&tx].clone();
                Record::Deeper(Kept::Prepared { tx, key, branch, peers })
            }
            other => {
                self.watch(&other);
                other
            }
        }
    }

    fn watch(&mut self, record: &Record) {
        match record {
            Record::Prepared { tx, .. } => {
                self.reads.insert(*tx, false);
            }
            Record::Committed { tx } | Record::Aborted { tx } => {
                self.promised.remove(tx);
                self.asked.remove(tx);
                self.reads.remove(tx);
            }
            other => shop::foreign_record(other),
        }
    }

    fn on_replay(&mut self, record: Record, cx: &mut Cx) {
        let record = match record {
            Record::Deeper(Kept::Prepared { tx, key, branch, peers }) => {
                self.asked.insert(tx, peers);
                self.promised.insert(tx);
                Record::Prepared { tx, key, branch }
            }
            other => {
                self.watch(&other);
                other
            }
        };
        self.pass(Input::Replay(record), cx);
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record, cx),
            Input::Message {
                from,
                msg: Msg::Deeper(Deeper::Prepare { tx, key, branch, peers }),
            } => {
                self.asked.insert(tx, peers);
                self.pass(Input::Message { from, msg: Msg::Prepare { tx, key, branch } }, cx);
            }
            Input::Message { from, msg: Msg::Deeper(Deeper::StateQuery { tx }) } => {
                if self.reads.contains_key(&tx) {
                    cx.send(from, Msg::Deeper(Deeper::StateReply { tx, phase: Phase::Prepared }));
                }
            }
            other => self.pass(other, cx),
        }
    }

    fn summary(&self) -> Summary {
        self.inner.summary()
    }
}

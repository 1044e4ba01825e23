//! Deeper: an order of a single participant needs no vote.
//!
//! Where only one has a branch, its *yes* is the decision already. So the coordinator hands the order
//! over and writes nothing: one fsync instead of three, two messages instead of four. In return
//! the participant has to remember the key. A client that asks twice may reach it twice, and the
//! coordinator that could have told them apart may have forgotten the first.
//!
//! Left out: orders that grow a second participant later, as they do in an application server. By then
//! it is too late for this.

use std::collections::BTreeMap;

use lab::{Node, NodeId};

use super::{Msg as Deeper, Record as Kept};
use crate::shop::{self, AnyNode, ByTx, Cx, Effect, Input, Shop, Summary};
use crate::types::{Branch, Key, Msg, Order, Outcome, Record, Refusal, Timer, TxId, Vote, wait};

/// An order that was handed over.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Handed {
    client: NodeId,
    key: Key,
    to: NodeId,
    branch: Branch,
}

/// The coordinator of a step, which hands over what only one has to do.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Coordinator {
    inner: AnyNode,
    start: u64,
    count: u64,
    handed: ByTx<Handed>,
    /// What was answered since the start. Losing it costs one more message, not an order done twice.
    answered: BTreeMap<Key, (Branch, Outcome)>,
}

impl Coordinator {
    /// Around the node of a step.
    #[must_use]
    pub fn new(inner: impl Node<Protocol = Shop>) -> Self {
        let (handed, answered) = (ByTx::new(), BTreeMap::new());
        Self { inner: AnyNode::new(inner), start: 0, count: 0, handed, answered }
    }

    // ANCHOR: hand_over
    fn hand_over(&mut self, client: NodeId, key: Key, order: &Order, cx: &mut Cx) {
        let (&to, branch) = order.0.first_key_value().expect("an order of one");
        let branch = branch.clone();
        if let Some((_, outcome)) = self.answered.get(&key).filter(|(same, _)| *same == branch) {
            cx.send(client, Msg::Answer { key, outcome: outcome.clone() });
            return;
        }
        let known = self.handed.iter_mut().find(|(_, handed)| handed.key == key);
        if let Some((_, handed)) = known.filter(|(_, handed)| handed.branch == branch) {
            handed.client = client;
            return;
        }
        self.count += 1;
        // The attempts of the step begin at 1, so no id of its is ever one of these.
        let tx = TxId { start: self.start, count: self.count, attempt: 0 };
        self.handed.insert(tx, Handed { client, key, to, branch });
        self.apply(tx, cx);
    }

    fn apply(&self, tx: TxId, cx: &mut Cx) {
        let Handed { key, to, branch, .. } = &self.handed[&tx];
        cx.send(*to, Msg::Apply { tx, key: key.clone(), branch: branch.clone() });
        cx.set_timer(Timer::Resend(tx), wait::RESEND);
    }
    // ANCHOR_END: hand_over

    fn answer(&mut self, tx: TxId, outcome: Outcome, cx: &mut Cx) {
        if let Some(Handed { client, key, branch, .. }) = self.handed.remove(&tx) {
            cx.cancel_timer(Timer::Resend(tx));
            if outcome != Outcome::KeyReused {
                self.answered.insert(key.clone(), (branch, outcome.clone()));
            }
            cx.send(client, Msg::Answer { key, outcome });
        }
    }
}

impl Node for Coordinator {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Message { from, msg: Msg::Submit { key, order } } if order.0.len() == 1 => {
                self.hand_over(from, key, &order, cx);
            }
            Input::Message { msg: Msg::Applied { tx }, .. } => self.answer(tx, Outcome::done(), cx),
            Input::Message { msg: Msg::Refused { tx, why }, .. } => {
                self.answer(tx, Outcome::Declined(why), cx);
            }
            Input::Message { msg: Msg::Deeper(Deeper::KeyTaken { tx }), .. } => {
                self.answer(tx, Outcome::KeyReused, cx);
            }
            Input::Timeout(Timer::Resend(tx)) if self.handed.contains_key(&tx) => {
                self.apply(tx, cx);
            }
            other => {
                if let Input::Boot { start } = other {
                    self.start = start;
                }
                self.inner.step(other, cx);
            }
        }
    }

    fn summary(&self) -> Summary {
        let Summary { mut in_doubt, line, .. } = self.inner.summary();
        in_doubt.extend(self.handed.keys());
        let handed = shop::list("handed over", self.handed.keys());
        Summary::coordinator(in_doubt, shop::join([line, handed]))
    }
}

/// How a key ended here: the branch, and why it was refused if it was.
type Ended = (Branch, Option<Refusal>);

/// The participant of a step, which can also do an order all by itself.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    inner: AnyNode,
    ended: BTreeMap<Key, Ended>,
}

impl Participant {
    /// Around the node of a step.
    #[must_use]
    pub fn new(inner: impl Node<Protocol = Shop>) -> Self {
        Self { inner: AnyNode::new(inner), ended: BTreeMap::new() }
    }

    // ANCHOR: on_apply
    fn on_apply(&mut self, from: NodeId, tx: TxId, key: Key, branch: Branch, cx: &mut Cx) {
        if !self.ended.contains_key(&key) {
            let why = self.do_it(from, tx, &key, &branch, cx);
            let (key_, part_) = (key.clone(), branch.clone());
            cx.persist(match why.clone() {
                None => Record::Applied { tx, key: key_, branch: part_ },
                Some(why) => Record::Deeper(Kept::Refused { key: key_, branch: part_, why }),
            });
            self.ended.insert(key.clone(), (branch.clone(), why));
        }
        let answer = match &self.ended[&key] {
            (same, _) if *same != branch => Msg::Deeper(Deeper::KeyTaken { tx }),
            (_, None) => Msg::Applied { tx },
            (_, Some(why)) => Msg::Refused { tx, why: why.clone() },
        };
        cx.send(from, answer);
    }
    // ANCHOR_END: on_apply

    /// Vote and commit in one step. What the participant inside writes and sends about it is
    /// dropped: one record and one message hold it all.
    fn do_it(
        &mut self,
        from: NodeId,
        tx: TxId,
        key: &Key,
        branch: &Branch,
        cx: &mut Cx,
    ) -> Option<Refusal> {
        let msg = Msg::Prepare { tx, key: key.clone(), branch: branch.clone() };
        let said = cx.capture(|cx| self.inner.step(Input::Message { from, msg }, cx));
        let no = said.into_iter().find_map(|effect| match effect {
            Effect::Send { msg: Msg::Vote { vote: Vote::No(why), .. }, .. } => Some(why),
            _ => None,
        });
        if no.is_none() {
            cx.capture(|cx| self.inner.step(Input::Message { from, msg: Msg::Commit { tx } }, cx));
        }
        no
    }

    fn on_replay(&mut self, record: Record, cx: &mut Cx) {
        let as_two = match record {
            Record::Applied { tx, key, branch } => {
                self.ended.insert(key.clone(), (branch.clone(), None));
                vec![Record::Prepared { tx, key, branch }, Record::Committed { tx }]
            }
            Record::Deeper(Kept::Refused { key, branch, why }) => {
                self.ended.insert(key, (branch, Some(why)));
                Vec::new()
            }
            other => vec![other],
        };
        for record in as_two {
            cx.capture(|cx| self.inner.step(Input::Replay(record), cx));
        }
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record, cx),
            Input::Message { from, msg: Msg::Apply { tx, key, branch } } => {
                self.on_apply(from, tx, key, branch, cx);
            }
            other => self.inner.step(other, cx),
        }
    }

    fn summary(&self) -> Summary {
        self.inner.summary()
    }
}

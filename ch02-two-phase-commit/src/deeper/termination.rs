//! Deeper: participants in doubt ask each other.
//!
//! A participant that voted yes and receives no decision asks the other participants. One that
//! knows the outcome answers it. One that has not voted yet may still vote no, so it does, writes
//! that down, and the outcome is *abort*. That is *cooperative termination* (Bernstein, Hadzilacos
//! and Goodman 1987, section 7.4).
//!
//! What it buys: a participant that can reach one that knows need not wait for the coordinator.
//! What it leaves: if all that can be reached have voted yes and know no more, they have to wait as
//! before.
//!
//! Left out: a peer on whose disk nothing is left. It must not answer at all; here it would take the
//! transaction for one it has not voted on.

use std::collections::BTreeMap;

use lab::{Node, NodeId};

use super::{Msg as Deeper, Peers, Phase, Record as Kept};
use crate::shop::{self, AnyNode, ByTx, Cx, Effect, Input, Shop, Summary};
use crate::types::{COORD, Msg, Record, TxId, Vote};

/// The coordinator of a step, which also tells who else is asked.
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
        name_peers(effects, cx);
    }

    fn summary(&self) -> Summary {
        self.0.summary()
    }
}

/// Passes effects on; every *prepare* also names all to whom the same attempt goes.
fn name_peers(effects: Vec<Effect>, cx: &mut Cx) {
    let mut asked: BTreeMap<TxId, Vec<NodeId>> = BTreeMap::new();
    for effect in &effects {
        if let Effect::Send { to, msg: Msg::Prepare { tx, .. } }
        | Effect::SendAhead { to, msg: Msg::Prepare { tx, .. } } = effect
        {
            asked.entry(*tx).or_default().push(*to);
        }
    }
    let named = |msg: Msg| match msg {
        Msg::Prepare { tx, key, branch } => {
            let peers = asked[&tx].as_slice().into();
            Msg::Deeper(Deeper::Prepare { tx, key, branch, peers })
        }
        other => other,
    };
    for effect in effects {
        cx.push(match effect {
            Effect::Send { to, msg } => Effect::Send { to, msg: named(msg) },
            Effect::SendAhead { to, msg } => Effect::SendAhead { to, msg: named(msg) },
            other => other,
        });
    }
}

/// What a participant knows of one attempt.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Known {
    /// Empty if it never was asked itself.
    peers: Peers,
    /// `None`: it has not voted.
    phase: Option<Phase>,
}

/// The participant of a step, which also asks and answers its peers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Participant {
    inner: AnyNode,
    known: ByTx<Known>,
}

impl Participant {
    /// Around the node of a step.
    #[must_use]
    pub fn new(inner: impl Node<Protocol = Shop>) -> Self {
        Self { inner: AnyNode::new(inner), known: ByTx::new() }
    }

    fn phase(&self, tx: TxId) -> Option<Phase> {
        self.known.get(&tx)?.phase
    }

    fn on_prepare(&mut self, from: NodeId, tx: TxId, peers: Peers, msg: Msg, cx: &mut Cx) {
        if self.phase(tx) != Some(Phase::Aborted) {
            self.known.entry(tx).or_insert(Known { peers, phase: None });
            self.pass(Input::Message { from, msg }, cx);
        }
    }

    // ANCHOR: on_how_far
    fn on_state_query(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if self.phase(tx).is_none() {
            self.refuse(tx, cx);
        }
        if let Some(phase @ (Phase::Committed | Phase::Aborted)) = self.phase(tx) {
            cx.send(from, Msg::Deeper(Deeper::StateReply { tx, phase }));
        }
    }

    /// It has not voted, so it may still vote no; and it must not vote yes after a restart.
    fn refuse(&mut self, tx: TxId, cx: &mut Cx) {
        cx.persist(Record::Aborted { tx });
        self.end(tx, Phase::Aborted);
        self.pass(Input::Message { from: COORD, msg: Msg::Abort { tx } }, cx);
    }
    // ANCHOR_END: on_how_far

    /// Tells the participant inside what the coordinator would have told it.
    fn on_state_reply(&mut self, tx: TxId, phase: Phase, cx: &mut Cx) {
        let msg = match phase {
            Phase::Committed => Msg::Commit { tx },
            Phase::Aborted => Msg::Abort { tx },
            Phase::Prepared | Phase::PreCommitted => return,
        };
        if self.phase(tx) == Some(Phase::Prepared) {
            self.pass(Input::Message { from: COORD, msg }, cx);
        }
    }

    /// Gives the participant inside an input, and notes how far that brings it.
    fn pass(&mut self, input: Input, cx: &mut Cx) {
        for effect in cx.capture(|cx| self.inner.step(input, cx)) {
            match effect {
                Effect::Persist(Record::Prepared { tx, key, branch }) => {
                    let known = self.known.get_mut(&tx).expect("it was asked before it votes");
                    known.phase = Some(Phase::Prepared);
                    let peers = known.peers.clone();
                    cx.persist(Record::Deeper(Kept::Prepared { tx, key, branch, peers }));
                }
                Effect::Send { to, msg: Msg::Inquire { tx } } => {
                    cx.send(to, Msg::Inquire { tx });
                    self.ask_peers(tx, cx);
                }
                other => {
                    self.watch(&other);
                    cx.push(other);
                }
            }
        }
    }

    fn ask_peers(&self, tx: TxId, cx: &mut Cx) {
        let me = cx.me();
        let peers = self.known.get(&tx).map_or(&[][..], |known| &known.peers);
        for &peer in peers.iter().filter(|peer| **peer != me) {
            cx.send(peer, Msg::Deeper(Deeper::StateQuery { tx }));
        }
    }

    fn watch(&mut self, effect: &Effect) {
        match effect {
            Effect::Persist(Record::Committed { tx }) => self.end(*tx, Phase::Committed),
            Effect::Persist(Record::Aborted { tx })
            | Effect::Send { msg: Msg::Vote { tx, vote: Vote::No(_) }, .. } => {
                self.end(*tx, Phase::Aborted);
            }
            _ => {}
        }
    }

    fn end(&mut self, tx: TxId, phase: Phase) {
        let unknown = Known { peers: Peers::from([]), phase: None };
        self.known.entry(tx).or_insert(unknown).phase = Some(phase);
    }

    fn on_replay(&mut self, record: Record, cx: &mut Cx) {
        let record = match record {
            Record::Deeper(Kept::Prepared { tx, key, branch, peers }) => {
                self.known.insert(tx, Known { peers, phase: Some(Phase::Prepared) });
                Record::Prepared { tx, key, branch }
            }
            other => {
                self.watch(&Effect::Persist(other.clone()));
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
            Input::Message { from, msg: Msg::Deeper(msg) } => match msg {
                Deeper::Prepare { tx, key, branch, peers } => {
                    self.on_prepare(from, tx, peers, Msg::Prepare { tx, key, branch }, cx);
                }
                Deeper::StateQuery { tx } => self.on_state_query(from, tx, cx),
                Deeper::StateReply { tx, phase } => self.on_state_reply(tx, phase, cx),
                other => shop::ignore(&Msg::Deeper(other)),
            },
            other => self.pass(other, cx),
        }
    }

    fn summary(&self) -> Summary {
        self.inner.summary()
    }
}

//! A participant: the one of step 3, which knows one phase more and need not wait alone.

use std::collections::BTreeMap;

use lab::{Node, NodeId};

use crate::deeper::{Msg as Deeper, Peers, Phase, Record as Kept};
use crate::shop::{self, AnyNode, ByTx, Cx, Effect, Input, Shop, Summary};
use crate::types::{COORD, Msg, Record, TxId, Vote};

/// What a participant knows of one attempt.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Known {
    peers: Peers,
    /// `None`: it has not voted.
    phase: Option<Phase>,
    /// How far the others answered that they are, since it began to ask; `None`: it does not ask.
    round: Option<BTreeMap<NodeId, Phase>>,
    /// Whether it has told the peers that answered that all voted yes.
    told: bool,
    /// Whether it was down meanwhile. Then others may have decided, and it must not.
    was_down: bool,
}

/// The participant of a step, with one phase more.
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

    fn entry(&mut self, tx: TxId, peers: &Peers) -> &mut Known {
        let peers = peers.clone();
        self.known.entry(tx).or_insert(Known {
            peers,
            phase: None,
            round: None,
            told: false,
            was_down: false,
        })
    }

    fn on_prepare(&mut self, from: NodeId, tx: TxId, peers: &Peers, msg: Msg, cx: &mut Cx) {
        if self.phase(tx) != Some(Phase::Aborted) {
            self.entry(tx, peers);
            self.pass(Input::Message { from, msg }, cx);
        }
    }

    fn on_pre_commit(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        match self.phase(tx) {
            None | Some(Phase::Aborted) => return,
            Some(Phase::Prepared) => self.now_pre_committed(tx, cx),
            Some(Phase::PreCommitted | Phase::Committed) => {}
        }
        cx.send(from, Msg::Deeper(Deeper::PreAck { tx }));
    }

    fn now_pre_committed(&mut self, tx: TxId, cx: &mut Cx) {
        cx.persist(Record::Deeper(Kept::PreCommitted { tx }));
        self.known.get_mut(&tx).expect("it has voted").phase = Some(Phase::PreCommitted);
    }

    fn on_state_query(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        if self.phase(tx).is_none() {
            // It has not voted, so it may still vote no, and stays with that.
            cx.persist(Record::Aborted { tx });
            self.entry(tx, &Peers::from([])).phase = Some(Phase::Aborted);
        }
        let phase = self.phase(tx).expect("it has answered so just now");
        cx.send(from, Msg::Deeper(Deeper::StateReply { tx, phase }));
    }

    fn on_state_reply(&mut self, from: NodeId, tx: TxId, phase: Phase, cx: &mut Cx) {
        if !matches!(self.phase(tx), Some(Phase::Prepared | Phase::PreCommitted)) {
            return;
        }
        match phase {
            Phase::Committed | Phase::Aborted => self.conclude(tx, phase, cx),
            Phase::Prepared | Phase::PreCommitted => {
                let known = self.known.get_mut(&tx).expect("it has voted");
                if let Some(round) = &mut known.round {
                    round.insert(from, phase);
                }
            }
        }
    }

    // ANCHOR: on_silence
    /// The coordinator was silent for long. First ask the others how far they are; after the next
    /// silence, the peers that answered are all that is left.
    fn on_silence(&mut self, tx: TxId, cx: &mut Cx) {
        let Some(known) = self.known.get_mut(&tx) else { return };
        let Some(mut round) = known.round.take().filter(|_| !known.was_down) else {
            known.round = Some(BTreeMap::new());
            let me = cx.me();
            for &peer in known.peers.iter().filter(|peer| **peer != me) {
                cx.send(peer, Msg::Deeper(Deeper::StateQuery { tx }));
            }
            return;
        };
        let own = known.phase.expect("only who has voted waits");
        if known.told {
            // A peer that was told and has not acknowledged is gone now.
            round.retain(|_, phase| *phase == Phase::PreCommitted);
        } else if own == Phase::Prepared && round.values().all(|phase| *phase == own) {
            return self.conclude(tx, Phase::Aborted, cx);
        }
        // Before any of them commits, all that are left have to know that all voted yes.
        known.told = true;
        for (&peer, _) in round.iter().filter(|(_, phase)| **phase == Phase::Prepared) {
            cx.send(peer, Msg::Deeper(Deeper::PreCommit { tx }));
        }
        known.round = Some(round);
        if own == Phase::Prepared {
            self.now_pre_committed(tx, cx);
        }
        self.commit_if_all_know(tx, cx);
    }
    // ANCHOR_END: on_silence

    fn on_pre_ack(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        let Some(known) = self.known.get_mut(&tx) else { return };
        if let Some(round) = &mut known.round {
            round.insert(from, Phase::PreCommitted);
            self.commit_if_all_know(tx, cx);
        }
    }

    fn commit_if_all_know(&mut self, tx: TxId, cx: &mut Cx) {
        let known = &self.known[&tx];
        let all =
            |round: &BTreeMap<NodeId, Phase>| round.values().all(|p| *p == Phase::PreCommitted);
        if known.phase == Some(Phase::PreCommitted) && known.round.as_ref().is_some_and(all) {
            self.conclude(tx, Phase::Committed, cx);
        }
    }

    /// Does what was decided, and tells the others.
    fn conclude(&mut self, tx: TxId, phase: Phase, cx: &mut Cx) {
        let commit = phase == Phase::Committed;
        let msg = if commit { Msg::Commit { tx } } else { Msg::Abort { tx } };
        self.pass(Input::Message { from: COORD, msg }, cx);
        let me = cx.me();
        for &peer in self.known[&tx].peers.iter().filter(|peer| **peer != me) {
            cx.send(peer, Msg::Deeper(Deeper::StateReply { tx, phase }));
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
                    self.on_silence(tx, cx);
                }
                other => {
                    self.watch(&other);
                    cx.push(other);
                }
            }
        }
    }

    fn watch(&mut self, effect: &Effect) {
        let (tx, phase) = match effect {
            Effect::Persist(Record::Committed { tx }) => (*tx, Phase::Committed),
            Effect::Persist(Record::Aborted { tx })
            | Effect::Send { msg: Msg::Vote { tx, vote: Vote::No(_) }, .. } => {
                (*tx, Phase::Aborted)
            }
            _ => return,
        };
        let known = self.entry(tx, &Peers::from([]));
        known.phase = Some(phase);
        known.round = None;
    }

    fn on_replay(&mut self, record: Record, cx: &mut Cx) {
        let record = match record {
            Record::Deeper(Kept::Prepared { tx, key, branch, peers }) => {
                let phase = Some(Phase::Prepared);
                let known = Known { peers, phase, round: None, told: false, was_down: true };
                self.known.insert(tx, known);
                Record::Prepared { tx, key, branch }
            }
            Record::Deeper(Kept::PreCommitted { tx }) => {
                self.known.get_mut(&tx).expect("prepared before").phase = Some(Phase::PreCommitted);
                return;
            }
            other => {
                self.watch(&Effect::Persist(other.clone()));
                other
            }
        };
        self.pass(Input::Replay(record), cx);
    }

    fn on_deeper(&mut self, from: NodeId, msg: Deeper, cx: &mut Cx) {
        match msg {
            Deeper::Prepare { tx, key, branch, peers } => {
                self.on_prepare(from, tx, &peers, Msg::Prepare { tx, key, branch }, cx);
            }
            Deeper::PreCommit { tx } => self.on_pre_commit(from, tx, cx),
            Deeper::PreAck { tx } => self.on_pre_ack(from, tx, cx),
            Deeper::StateQuery { tx } => self.on_state_query(from, tx, cx),
            Deeper::StateReply { tx, phase } => self.on_state_reply(from, tx, phase, cx),
            other => shop::ignore(&Msg::Deeper(other)),
        }
    }
}

impl Node for Participant {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record, cx),
            Input::Message { from, msg: Msg::Deeper(msg) } => self.on_deeper(from, msg, cx),
            other => self.pass(other, cx),
        }
    }

    fn summary(&self) -> Summary {
        let known = self.known.iter();
        let pre_committed = known.filter(|(_, known)| known.phase == Some(Phase::PreCommitted));
        let pre_committed = shop::list("pre-committed:", pre_committed.map(|(tx, _)| tx));
        self.inner.summary().and(pre_committed)
    }
}

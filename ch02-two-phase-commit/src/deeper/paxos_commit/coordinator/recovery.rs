//! What a coordinator does after a start: the log it reads, what it takes from whom, what it waits for.

use std::collections::BTreeSet;

use lab::{Node, NodeId};

use super::super::acceptor::Acceptor;
use super::{Begun, Coordinator, ReadState};
use crate::deeper::{Msg as Deeper, Peers, Phase, Record as Kept};
use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{COORD, Msg, Outcome, Record, Refusal, Timer, TxId, wait};

impl Coordinator {
    /// A participant sends that about a read; a coordinator, about what is over.
    fn on_state_reply(&mut self, from: NodeId, tx: TxId, phase: Phase, cx: &mut Cx) {
        if phase == Phase::Prepared {
            self.on_held(from, tx, cx);
        } else if !self.begun.contains_key(&tx) {
            self.leading.remove(&tx);
            self.ended.insert(tx, phase == Phase::Committed);
            cx.cancel_timer(Timer::Votes(tx));
        }
    }

    fn on_inquire(&mut self, from: NodeId, tx: TxId, cx: &mut Cx) {
        match self.ended.get(&tx) {
            Some(true) => cx.send(from, Msg::Commit { tx }),
            Some(false) => cx.send(from, Msg::Abort { tx }),
            None if self.peers(tx).is_none() && cx.me() == COORD => {
                // Only a read leaves nothing behind: no coordinator will ever decide it.
                cx.send(from, Msg::Abort { tx });
            }
            None => {}
        }
    }

    fn on_wound(&mut self, tx: TxId, by: TxId, cx: &mut Cx) {
        let Some(begun) = self.begun.get_mut(&tx).filter(|begun| begun.after.is_none()) else {
            return;
        };
        begun.after = Some(by);
        if begun.order.is_read() {
            let begun = self.begun.remove(&tx).expect("just found");
            self.leading.remove(&tx);
            cx.cancel_timer(Timer::Votes(tx));
            begun.order.participants().for_each(|id| cx.send(id, Msg::Abort { tx }));
            return self.begin_again(tx.again(), begun, cx);
        }
        self.take_over(tx, cx);
    }

    fn on_silence(&mut self, tx: TxId, cx: &mut Cx) {
        if self.begun.get(&tx).is_some_and(|begun| begun.order.is_read()) {
            return self.forget_read(tx, Outcome::Declined(Refusal::NoVote), cx);
        }
        if !self.ended.contains_key(&tx) {
            self.take_over(tx, cx);
        }
    }

    fn on_replay(&mut self, record: Record) {
        match record {
            Record::Begun { tx, key, order } => {
                self.earlier_are_off(tx);
                let (client, read) = (None, ReadState::default());
                let begun = Begun { client, key, order, read, after: None, is_off: false };
                self.begun.insert(tx, begun);
            }
            Record::Decided { tx, key, order, outcome } => {
                let commit = outcome == Outcome::done();
                if commit {
                    self.committed.insert(tx, order.participants().collect());
                }
                self.begun.remove(&tx);
                self.ended.insert(tx, commit);
                self.decided.insert(key, (order, outcome));
            }
            Record::Ended { tx } => {
                self.committed.remove(&tx);
                self.ended.insert(tx, true);
            }
            Record::Deeper(Kept::Promised { tx, peers, ballot }) => {
                self.remembered(tx, peers).promise(ballot);
            }
            Record::Deeper(Kept::Accepted { tx, peers, ballot, votes }) => {
                self.remembered(tx, peers).accept(ballot, votes);
            }
            other => shop::foreign_record(&other),
        }
    }

    /// Another attempt begins only when those before it have come to *abort*.
    fn earlier_are_off(&mut self, tx: TxId) {
        let earlier = self.begun.range(TxId { attempt: 0, ..tx }..tx);
        for earlier in earlier.map(|(tx, _)| *tx).collect::<Vec<_>>() {
            self.begun.remove(&earlier);
            self.ended.insert(earlier, false);
        }
    }

    fn remembered(&mut self, tx: TxId, peers: Peers) -> &mut Acceptor {
        self.acceptors.entry(tx).or_insert_with(|| Acceptor::new(peers))
    }

    fn on_boot(&mut self, start: u64, cx: &mut Cx) {
        self.start = start;
        self.committed.keys().for_each(|&tx| self.tell_commit(tx, cx));
        // What others began it is asked about again, if a participant is in doubt.
        self.begun.keys().for_each(|&tx| cx.set_timer(Timer::Votes(tx), wait::VOTES));
    }

    fn on_message(&mut self, from: NodeId, msg: Msg, cx: &mut Cx) {
        match msg {
            Msg::Submit { key, order } => self.on_submit(from, key, order, cx),
            Msg::Vote { tx, vote } => self.on_vote(from, tx, vote, cx),
            Msg::Ack { tx } => self.on_ack(from, tx, cx),
            Msg::Inquire { tx } => self.on_inquire(from, tx, cx),
            Msg::Wound { tx, by } => self.on_wound(tx, by, cx),
            Msg::Status => cx.send(from, self.status()),
            Msg::Deeper(msg) => self.on_deeper(from, msg, cx),
            other => shop::ignore(&other),
        }
    }

    fn on_deeper(&mut self, from: NodeId, msg: Deeper, cx: &mut Cx) {
        match msg {
            Deeper::Propose { tx, peers, ballot, votes } => {
                self.on_propose(from, (tx, peers), ballot, votes, cx);
            }
            Deeper::Accepted { tx, ballot, votes } => {
                self.on_accepted(from, tx, ballot, &votes, cx)
            }
            Deeper::Lead { tx, peers, ballot } => self.on_lead(from, tx, &peers, ballot, cx),
            Deeper::Promise { tx, ballot, accepted } => {
                self.on_promise(from, tx, ballot, accepted, cx);
            }
            Deeper::StateReply { tx, phase } => self.on_state_reply(from, tx, phase, cx),
            other => shop::ignore(&Msg::Deeper(other)),
        }
    }

    fn status(&self) -> Msg {
        let open = self.begun.keys().chain(self.leading.keys()).chain(self.committed.keys());
        let open: BTreeSet<TxId> = open.copied().collect();
        Msg::StatusIs { in_doubt: open.into_iter().collect(), locked: Vec::new() }
    }

    fn on_timeout(&mut self, timer: Timer, cx: &mut Cx) {
        match timer {
            Timer::Votes(tx) => self.on_silence(tx, cx),
            Timer::Resend(tx) => self.tell_commit(tx, cx),
            Timer::Ask(_) | Timer::Retry => {
                unreachable!("only participants ask, only clients retry")
            }
        }
    }
}

impl Node for Coordinator {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Replay(record) => self.on_replay(record),
            Input::Boot { start } => self.on_boot(start, cx),
            Input::Message { from, msg } => self.on_message(from, msg, cx),
            Input::Timeout(timer) => self.on_timeout(timer, cx),
            Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Self::summary(self)
    }
}

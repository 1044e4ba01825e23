//! Linearizable reads beside the log.
//!
//! A read that goes through the log takes a slot and an fsync on a majority, and changes nothing. It is
//! enough to know how far the log was chosen when the read came in, and to have executed that much. Only
//! a leader knows, and only if it still leads: another one may have been elected since, and may have
//! answered writes. So it asks a majority whether they have promised a higher ballot *after* the read
//! came in. One question serves all reads that came in before it, also those of other replicas: each
//! replica asks the leader how far to execute, and answers its own clients.
//!
//! A new leader must not answer before it has executed what it was told in phase 1: some of that may be
//! chosen, and answered, already.
//!
//! Source: Ongaro 2014, section 6.4 (*read index*). Raft's leader has to append an entry of its own term
//! first; here phase 1 tells what may be chosen.
//!
//! # Left out
//!
//! A read that may be old, for those who would rather have it soon.

use std::collections::VecDeque;

use lab::NodeId;

use super::Quorum;
use super::replica::{Replica, Role};
use crate::group::Cx;
use crate::types::kv::{Blob, Msg as Kv, Op, Refusal};
use crate::types::log::Slot;
use crate::types::{Ballot, Msg, Timer, wait};

/// After so many sweeps a question that is not answered is asked again, and a read is given up.
const ASK_AGAIN: u64 = 2;
const GIVE_UP: u64 = 13;
/// How many reads may wait.
const MAX_READS: usize = 1 << 16;

/// A read of an own client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Read {
    client: NodeId,
    /// The client's own number for it.
    number: u64,
    key: Blob,
    /// Whether a lease is enough.
    by_lease: bool,
    /// The sweep at which it came.
    since: u64,
}

/// Reads of own clients.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Reads {
    /// Not asked for yet.
    waiting: Vec<Read>,
    /// Asked for: under the question of this number, since this sweep.
    asked: Vec<Read>,
    question: u64,
    asked_at: u64,
    /// To be answered when everything before a slot is executed.
    placed: VecDeque<(Slot, Vec<Read>)>,
}

/// What a leader does about reads: one round of questions at a time.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Rounds {
    /// The number of the newest round.
    round: u64,
    /// Whose questions it serves; empty if no round is under way.
    askers: Vec<(NodeId, u64)>,
    /// Who follows still, as far as this round has heard.
    confirmed: Quorum,
    /// What came in since, the newest of each replica: the next round is for these.
    next: Vec<(NodeId, u64)>,
}

impl Reads {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.asked.is_empty() && self.placed.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        let placed: usize = self.placed.iter().map(|(_, reads)| reads.len()).sum();
        self.waiting.len() + self.asked.len() + placed
    }

    /// An answer to a question of an earlier start may still be on its way: no two starts use one number.
    pub(super) fn number_questions_from(&mut self, start: u64) {
        self.question = start << 32;
    }

    pub(super) fn forget(&mut self, client: NodeId) {
        let placed = self.placed.iter_mut().map(|(_, reads)| reads);
        for reads in [&mut self.waiting, &mut self.asked].into_iter().chain(placed) {
            reads.retain(|read| read.client != client);
        }
    }
}

impl Replica {
    pub(super) fn on_read(
        &mut self,
        client: NodeId,
        number: u64,
        (key, by_lease): (Blob, bool),
        cx: &mut Cx,
    ) {
        if !self.clients.is_new(client, number) {
            return;
        }
        if self.reads.len() >= MAX_READS {
            return refuse(client, number, cx);
        }
        if self.is_idle() {
            cx.set_timer(Timer::Sweep, wait::SWEEP);
        }
        let since = self.clients.sweeps();
        self.reads.waiting.push(Read { client, number, key, by_lease, since });
        self.ask_how_far(cx);
    }

    /// Asks the leader how far the log is chosen: one question at a time.
    pub(super) fn ask_how_far(&mut self, cx: &mut Cx) {
        if self.reads.waiting.is_empty() || !self.reads.asked.is_empty() {
            return;
        }
        let leader = match (&self.role, self.leader) {
            (Role::Leader(_), _) => cx.me(),
            (_, Some(leader)) => leader,
            (_, None) => return,
        };
        let reads = &mut self.reads;
        reads.asked = std::mem::take(&mut reads.waiting);
        reads.question += 1;
        reads.asked_at = self.clients.sweeps();
        let (question, by_lease) = (reads.question, reads.asked.iter().all(|read| read.by_lease));
        cx.send_ahead(leader, Msg::Kv(Kv::HowFar { question, by_lease }));
    }

    pub(super) fn on_how_far(&mut self, from: NodeId, question: u64, by_lease: bool, cx: &mut Cx) {
        if by_lease && self.holds_a_lease(cx) {
            return cx.send_ahead(from, Msg::Kv(Kv::SoFar { question, open: self.open }));
        }
        let Role::Leader(leader) = &mut self.role else { return };
        // A replica has one question at a time: one that it asks again takes the place of the last.
        let next = &mut leader.rounds.next;
        match next.iter_mut().find(|(asker, _)| *asker == from) {
            Some((_, newest)) => *newest = question.max(*newest),
            None => next.push((from, question)),
        }
        self.begin_round(cx);
    }

    // ANCHOR: begin_round
    /// Asks the others whether they follow still, for all questions that are here.
    pub(super) fn begin_round(&mut self, cx: &mut Cx) {
        let (Role::Leader(leader), Some(ballot)) = (&mut self.role, self.promised) else { return };
        let rounds = &mut leader.rounds;
        // What phase 1 told may be chosen, and answered: it has to be executed first.
        let is_new = self.open < leader.recovered;
        if is_new || rounds.next.is_empty() || !rounds.askers.is_empty() {
            return;
        }
        rounds.round += 1;
        rounds.askers = std::mem::take(&mut rounds.next);
        rounds.confirmed = Quorum::default();
        let round = rounds.round;
        for id in self.others(cx.me()) {
            cx.send_ahead(id, Msg::Kv(Kv::Confirm { ballot, round }));
        }
        self.on_confirmed(cx.me(), ballot, round, cx);
    }
    // ANCHOR_END: begin_round

    /// Nothing was promised to a higher ballot: that is all a leader has to know.
    pub(super) fn on_confirm(&mut self, from: NodeId, ballot: Ballot, round: u64, cx: &mut Cx) {
        if !self.refuses(from, ballot, cx) {
            cx.send_ahead(from, Msg::Kv(Kv::Confirmed { ballot, round }));
        }
    }

    pub(super) fn on_confirmed(&mut self, from: NodeId, ballot: Ballot, round: u64, cx: &mut Cx) {
        let Role::Leader(leader) = &mut self.role else { return };
        let rounds = &mut leader.rounds;
        if Some(ballot) != self.promised || round != rounds.round || rounds.askers.is_empty() {
            return;
        }
        leader.heard.add(&self.group, from);
        rounds.confirmed.add(&self.group, from);
        if rounds.confirmed.chooses(self.sizes) {
            for (asker, question) in std::mem::take(&mut rounds.askers) {
                cx.send_ahead(asker, Msg::Kv(Kv::SoFar { question, open: self.open }));
            }
            self.begin_round(cx);
        }
    }

    /// A round that is under way may have lost its messages.
    pub(super) fn confirm_again(&self, ballot: Ballot, cx: &mut Cx) {
        if let Role::Leader(leader) = &self.role
            && !leader.rounds.askers.is_empty()
        {
            let round = leader.rounds.round;
            for id in self.others(cx.me()) {
                cx.send_ahead(id, Msg::Kv(Kv::Confirm { ballot, round }));
            }
        }
    }

    pub(super) fn on_so_far(&mut self, question: u64, open: Slot, cx: &mut Cx) {
        let reads = &mut self.reads;
        if question == reads.question && !reads.asked.is_empty() {
            reads.placed.push_back((open, std::mem::take(&mut reads.asked)));
            self.answer_reads(cx);
            self.ask_how_far(cx);
        }
    }

    // ANCHOR: answer_reads
    /// Answers the reads whose place in the log is executed.
    pub(super) fn answer_reads(&mut self, cx: &mut Cx) {
        while self.reads.placed.front().is_some_and(|(open, _)| *open <= self.open)
            && let Some((_, reads)) = self.reads.placed.pop_front()
        {
            for Read { client, number, key, .. } in reads {
                let outcome = Ok(self.machine.store.execute(&Op::Get { key }));
                cx.send_ahead(client, Msg::Kv(Kv::Answer { number, outcome }));
            }
        }
    }
    // ANCHOR_END: answer_reads

    /// Asks again, and gives up what waits for too long: a read that is not answered was not done.
    pub(super) fn sweep_reads(&mut self, cx: &mut Cx) {
        let now = self.clients.sweeps();
        let reads = &mut self.reads;
        if !reads.asked.is_empty() && now - reads.asked_at >= ASK_AGAIN {
            reads.waiting.append(&mut reads.asked);
        }
        let placed = reads.placed.iter_mut().map(|(_, reads)| reads);
        for of in [&mut reads.waiting, &mut reads.asked].into_iter().chain(placed) {
            for late in of.extract_if(.., |read| now - read.since >= GIVE_UP) {
                refuse(late.client, late.number, cx);
            }
        }
        reads.placed.retain(|(_, reads)| !reads.is_empty());
        self.ask_how_far(cx);
    }
}

fn refuse(client: NodeId, number: u64, cx: &mut Cx) {
    let outcome = Err(Refusal::NotDone);
    cx.send_ahead(client, Msg::Kv(Kv::Answer { number, outcome }));
}

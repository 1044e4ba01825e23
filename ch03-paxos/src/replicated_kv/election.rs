//! Who leads: probes before ballots, then phase 1.
//!
//! A new ballot stops the leader there is, so a replica that merely does not hear it must not begin
//! one. It *probes* first: only if enough replicas for both phases hear of no leader either is a new
//! ballot worth it. And a leader that is not heard by enough to choose steps down (`leader.rs`), so that
//! a group whose leader can send but not receive gets another one. Raft has both, as *pre-vote* and
//! *check quorum* (Ongaro 2014, section 9.6).
//!
//! A new leader learns from the promises what may be chosen, so any replica may lead, also one that has
//! missed much: unless it has missed what too many have dropped from its logs.
//!
//! # Left out
//!
//! Preferring one replica to another.

use std::collections::BTreeMap;

use lab::NodeId;

use super::Quorum;
use super::leader::Leader;
use super::log::size;
use super::replica::{Replica, Role};
use crate::group::Cx;
use crate::types::kv::{Entry, Msg as Kv, Vote};
use crate::types::log::Slot;
use crate::types::{Ballot, Msg, Record, Timer, wait};

/// A promise holds no more than this, in bytes of keys and values and an allowance for each command.
const MAX_PART: usize = 512 << 10;

impl Replica {
    /// Nothing was heard of a leader for long. Asks whether others hear of one.
    pub(super) fn probe(&mut self, cx: &mut Cx) {
        self.leader = None;
        self.forget_the_silent();
        // Who sends it may be gone, and others may have only an older state.
        self.pulling = None;
        if !self.is_member(cx.me()) {
            return;
        }
        let mut willing = Quorum::default();
        willing.add(&self.group, cx.me());
        self.role = Role::Probing { willing };
        let first = self.open;
        self.others(cx.me()).for_each(|id| cx.send_ahead(id, Msg::Kv(Kv::Probe { first })));
        cx.set_timer(Timer::Suspect, wait::ELECTION);
        if willing.elects(self.sizes) && willing.chooses(self.sizes) {
            self.campaign(cx);
        }
    }

    /// A candidate that would ask for what this replica has dropped cannot lead: this one can, and it is
    /// better to wait for that.
    pub(super) fn on_probe(&mut self, from: NodeId, first: Slot, cx: &mut Cx) {
        let hears_none = self.leader.is_none() && !matches!(self.role, Role::Leader(_));
        let hears_none = hears_none && !self.is_bound_to_another(from, cx);
        if hears_none && self.has_from(first) {
            cx.send_ahead(from, Msg::Kv(Kv::Willing));
        }
        // It is behind, and no leader tells it what is chosen: there is none, or it was replaced and does
        // not know.
        if first < self.open && (hears_none || !self.is_member(from)) {
            self.on_fetch(from, first, cx);
        }
    }

    pub(super) fn on_willing(&mut self, from: NodeId, cx: &mut Cx) {
        let Role::Probing { willing } = &mut self.role else { return };
        willing.add(&self.group, from);
        if willing.elects(self.sizes) && willing.chooses(self.sizes) {
            self.campaign(cx);
        }
    }

    /// Phase 1, for all slots that are open. It asks itself as well: its own promise counts when the
    /// record of it is on disk.
    pub(super) fn campaign(&mut self, cx: &mut Cx) {
        let round = self.promised.map_or(1, |promised| promised.round + 1);
        let ballot = Ballot { round, node: cx.me(), start: self.start };
        self.promised = Some(ballot);
        cx.persist(Record::Promised(ballot));
        self.role = Role::Candidate { promised: Quorum::default(), highest: BTreeMap::new() };
        for &id in self.group.replicas.iter() {
            let (changes, first) = (self.machine.changes, self.open);
            cx.send(id, Msg::Kv(Kv::Prepare { ballot, changes, first }));
        }
        cx.set_timer(Timer::Suspect, wait::ELECTION);
    }

    // ANCHOR: on_prepare
    /// A question for the ballot that it has promised already is for the rest of an answer, or comes
    /// twice: it is answered again. One for slots that are dropped here has no true answer, and gets none:
    /// to leave them out would be to say that nothing was accepted there.
    pub(super) fn on_prepare(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        (changes, first): (u64, Slot),
        cx: &mut Cx,
    ) {
        if self.refuses(from, ballot, cx)
            || !self.has_from(first)
            || self.is_bound_to_another(from, cx)
        {
            return;
        }
        if changes > self.machine.changes {
            return self.catch_up(from, cx);
        }
        if self.promised < Some(ballot) {
            self.promised = Some(ballot);
            cx.persist(Record::Promised(ballot));
            self.follow(None, cx);
        }
        let (accepted, rest) = self.accepted_from(first);
        cx.send(from, Msg::Kv(Kv::Promise { ballot, accepted, rest }));
    }
    // ANCHOR_END: on_prepare

    /// What it accepted from a slot on, as much as a message takes, and where the rest begins.
    pub(super) fn accepted_from(&self, first: Slot) -> (Vec<(Slot, Vote)>, Option<Slot>) {
        let (mut accepted, mut bytes) = (Vec::new(), 0);
        for (slot, vote) in self.log.from(first) {
            bytes += size(&vote.1);
            if bytes > MAX_PART && !accepted.is_empty() {
                return (accepted, Some(slot));
            }
            accepted.push((slot, vote.clone()));
        }
        (accepted, None)
    }

    pub(super) fn on_promise(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        accepted: Vec<(Slot, Vote)>,
        rest: Option<Slot>,
        cx: &mut Cx,
    ) {
        let Role::Candidate { promised, highest } = &mut self.role else { return };
        if Some(ballot) != self.promised {
            return;
        }
        for (slot, vote) in accepted {
            let known = highest.entry(slot).or_insert_with(|| vote.clone());
            if vote.0 > known.0 {
                *known = vote;
            }
        }
        if let Some(first) = rest {
            let changes = self.machine.changes;
            cx.send(from, Msg::Kv(Kv::Prepare { ballot, changes, first }));
            return;
        }
        promised.add(&self.group, from);
        if promised.elects(self.sizes) {
            let highest = std::mem::take(highest);
            self.lead(ballot, highest, cx);
        }
    }

    // ANCHOR: lead
    /// Proposes again what may be chosen, and a no-op in each hole before it.
    fn lead(&mut self, ballot: Ballot, mut highest: BTreeMap<Slot, Vote>, cx: &mut Cx) {
        self.role = Role::Leader(Leader::new(self.open));
        self.leader = None;
        cx.cancel_timer(Timer::Suspect);
        if let Some((&last, _)) = highest.last_key_value() {
            for slot in self.open.through(last) {
                let entry = highest.remove(&slot).map_or(Entry::NoOp, |(_, entry)| entry);
                let is_stop = entry.changes_members();
                self.propose(ballot, entry, cx);
                if is_stop {
                    break;
                }
            }
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.recovered = leader.next;
        }
        self.tell_that_it_leads(ballot, cx);
        self.pass_on(cx);
        self.ask_how_far(cx);
    }

    // ANCHOR_END: lead

    /// Waits for a leader: for this one, if one is known.
    pub(super) fn follow(&mut self, leader: Option<NodeId>, cx: &mut Cx) {
        if matches!(self.role, Role::Leader(_)) {
            cx.cancel_timer(Timer::Heartbeat);
        }
        self.role = Role::Follower;
        cx.set_timer(Timer::Suspect, wait::ELECTION);
        let is_new = leader.is_some() && leader != self.leader;
        self.leader = leader;
        if is_new {
            self.pass_on(cx);
            self.ask_how_far(cx);
        }
    }

    pub(super) fn on_refused(&mut self, ballot: Ballot, promised: Ballot, cx: &mut Cx) {
        if Some(ballot) == self.promised && !matches!(self.role, Role::Follower) {
            // Not told to any process, so it need not be written.
            self.promised = Some(promised);
            self.follow(None, cx);
        }
    }
}

//! Accepting, committing, and learning what was missed.

use std::time::Duration;

use lab::NodeId;

use super::replica::{Replica, Role};
use crate::group::Cx;
use crate::types::kv::{Entry, Msg as Kv, Record as Kept, Vote};
use crate::types::log::Slot;
use crate::types::{Ballot, Msg, Record};

impl Replica {
    pub(super) fn on_accept(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        changes: u64,
        (slot, entry): (Slot, Entry),
        cx: &mut Cx,
    ) {
        // In a slot that is open, only the group that it knows may vote (`members.rs`).
        let is_foreign = slot >= self.open && changes != self.machine.changes;
        if self.refuses(from, ballot, cx) || is_foreign {
            return;
        }
        self.promised = Some(ballot);
        // What is chosen can only be proposed again: it need not be written again. It has to be
        // answered, or a leader that knows less than this replica waits for ever.
        if slot >= self.open {
            self.log.put(slot, ballot, entry.clone());
            cx.persist(Record::Kv(Kept::Accepted { slot, ballot, entry }));
        }
        cx.send(from, Msg::Kv(Kv::Accepted { ballot, slot }));
        self.follow(Some(ballot.node), cx);
    }

    /// An entry counts as chosen only if it was accepted under this ballot; any other may be one that
    /// was never chosen.
    pub(super) fn on_commit(&mut self, from: NodeId, ballot: Ballot, open: Slot, cx: &mut Cx) {
        if self.refuses(from, ballot, cx) {
            return;
        }
        let is_of_ballot = |slot: &Slot| self.log.get(*slot).is_some_and(|vote| vote.0 == ballot);
        let known = (self.open.0..open.0).map(Slot).take_while(is_of_ballot).last();
        if let Some(last) = known {
            self.execute_before(last.next(), cx);
        }
        self.follow(Some(ballot.node), cx);
    }

    /// A sign that the leader is up, and the time to ask for what was missed.
    pub(super) fn on_heartbeat(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        (open, sent): (Slot, Duration),
        cx: &mut Cx,
    ) {
        if self.refuses(from, ballot, cx) {
            return;
        }
        self.on_commit(from, ballot, open, cx);
        self.forget_the_silent();
        if self.open < open {
            self.catch_up(from, cx);
        }
        // It waits for one at a time: a beat that comes late must not end what another leader relies on.
        if !self.is_bound_to_another(from, cx) {
            self.grant(Some(from), cx);
            cx.send_ahead(from, Msg::Kv(Kv::Heard { ballot, sent }));
        }
        self.record_chosen(cx);
    }

    /// What a replica lacks is chosen, and in the log here: tells it, or offers the state.
    pub(super) fn on_fetch(&mut self, from: NodeId, first: Slot, cx: &mut Cx) {
        if !self.has_from(first) {
            return self.offer_snapshot(from, cx);
        }
        let open = self.open;
        let (chosen, _) = self.accepted_from(first);
        let chosen = chosen.into_iter().take_while(|(slot, _)| *slot < open).map(|(_, vote)| vote);
        let chosen: Vec<Vote> = chosen.collect();
        if !chosen.is_empty() {
            cx.send_ahead(from, Msg::Kv(Kv::Learn { first, chosen, open }));
        }
    }

    /// What is chosen can be kept like a vote: under that ballot nothing else was proposed, and under a
    /// higher one neither.
    pub(super) fn on_learn(
        &mut self,
        from: NodeId,
        first: Slot,
        chosen: Vec<Vote>,
        open: Slot,
        cx: &mut Cx,
    ) {
        // A leader executes when its own votes are counted.
        if matches!(self.role, Role::Leader(_)) {
            return;
        }
        let mut known = self.open;
        for (slot, (ballot, entry)) in (first.0..).map(Slot).zip(chosen) {
            if slot == known {
                known = slot.next();
                self.promised = self.promised.max(Some(ballot));
                self.log.put(slot, ballot, entry.clone());
                cx.persist(Record::Kv(Kept::Accepted { slot, ballot, entry }));
            }
        }
        if known > self.open {
            self.execute_before(known, cx);
            if self.open < open {
                self.catch_up(from, cx);
            }
        }
    }
}

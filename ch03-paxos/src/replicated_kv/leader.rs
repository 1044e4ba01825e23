//! Phase 2: batches, a window of open slots, the leader's own vote.
//!
//! # Left out
//!
//! Adapting the window to the network: it bounds memory, and is wider than any group here uses.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use lab::NodeId;

use super::replica::{Replica, Role};
use super::{Quorum, Rounds, Sizes};
use crate::group::Cx;
use crate::types::kv::{Entry, Msg as Kv, Record as Kept};
use crate::types::log::Slot;
use crate::types::{Ballot, Msg, Record, Timer, wait};

/// How many slots may be open. With more requests than that, the next ones share a slot.
pub const WINDOW: u64 = 256;
/// How many open slots are sent again at a time.
const AGAIN: usize = 16;
/// Before this many beats have passed, as many as choose an entry have to be heard. As long as a follower waits.
const PATIENCE: u8 = 12;

/// What a leader keeps beside the log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Leader {
    /// The first free slot.
    pub(super) next: Slot,
    /// Who has accepted, for each open slot, from the first on.
    votes: VecDeque<Quorum>,
    /// Who was heard since the last look.
    pub(super) heard: Quorum,
    /// How many beats ago that was.
    beats: u8,
    /// Where there are leases: when the newest beat was sent that each of the others has answered, by its
    /// own clock.
    pub(super) answered: BTreeMap<NodeId, Duration>,
    /// The first open slot at the last beat.
    open_then: Option<Slot>,
    /// Everything that phase 1 told is before this slot.
    pub(super) recovered: Slot,
    /// Whether a stop-sign is proposed: nothing may be proposed behind it.
    pub(super) stopped: bool,
    pub(super) rounds: Rounds,
}

impl Leader {
    pub(super) fn new(open: Slot) -> Self {
        let (votes, heard) = (VecDeque::new(), Quorum::default());
        let (answered, open_then, rounds) = (BTreeMap::new(), None, Rounds::default());
        let (recovered, stopped) = (open, false);
        Self { next: open, votes, heard, answered, beats: 0, open_then, recovered, stopped, rounds }
    }

    /// The votes for a slot that is open, if it is.
    fn votes(&mut self, slot: Slot) -> Option<&mut Quorum> {
        let ahead = usize::try_from(self.next.0.checked_sub(slot.0)?).ok()?;
        let place = self.votes.len().checked_sub(ahead)?;
        self.votes.get_mut(place)
    }

    /// How many slots from the first open one on are chosen; their votes are counted.
    fn count_chosen(&mut self, sizes: Sizes) -> u64 {
        let mut chosen = 0;
        while self.votes.front().is_some_and(|votes| votes.chooses(sizes)) {
            self.votes.pop_front();
            chosen += 1;
        }
        chosen
    }

    /// Whether another slot may be opened.
    pub(super) fn has_room(&self) -> bool {
        !self.stopped && (self.votes.len() as u64) < WINDOW
    }
}

impl Replica {
    // ANCHOR: propose
    /// Phase 2 for the next slot. The question may leave before the leader's own copy is on disk: it
    /// stays true if the leader forgets it, since no other entry is ever proposed under this ballot in
    /// this slot. The leader's own vote may not: it is a message to itself, behind the record.
    pub(super) fn propose(&mut self, ballot: Ballot, entry: Entry, cx: &mut Cx) {
        let Role::Leader(leader) = &mut self.role else { return };
        let slot = leader.next;
        leader.next = slot.next();
        leader.votes.push_back(Quorum::default());
        leader.stopped |= entry.changes_members();
        let changes = self.machine.changes;
        for id in self.others(cx.me()) {
            let entry = entry.clone();
            cx.send_ahead(id, Msg::Kv(Kv::Accept { ballot, changes, slot, entry }));
        }
        self.log.put(slot, ballot, entry.clone());
        cx.persist(Record::Kv(Kept::Accepted { slot, ballot, entry }));
        cx.send(cx.me(), Msg::Kv(Kv::Accepted { ballot, slot }));
    }
    // ANCHOR_END: propose

    pub(super) fn on_accepted(&mut self, from: NodeId, ballot: Ballot, slot: Slot, cx: &mut Cx) {
        let Role::Leader(leader) = &mut self.role else { return };
        if Some(ballot) != self.promised {
            return;
        }
        leader.heard.add(&self.group, from);
        let Some(votes) = leader.votes(slot) else { return };
        votes.add(&self.group, from);
        let chosen = leader.count_chosen(self.sizes);
        if chosen > 0 {
            // A replica that leaves the group with this entry is told as well.
            let others: Vec<NodeId> = self.others(cx.me()).collect();
            self.execute_before(Slot(self.open.0 + chosen), cx);
            for id in others {
                cx.send_ahead(id, Msg::Kv(Kv::Commit { ballot, open: self.open }));
            }
            if self.is_behind_a_stop_sign() {
                return self.lead_new_members(cx);
            }
            self.pass_on(cx);
            self.begin_round(cx);
        }
    }

    /// Tells that it leads, and up to where the log is chosen. This waits for the disk on purpose: a
    /// leader whose disk stalls must fall silent, so that another one takes over.
    pub(super) fn tell_that_it_leads(&self, ballot: Ballot, cx: &mut Cx) {
        let (open, sent) = (self.open, cx.now());
        for id in self.others(cx.me()) {
            cx.send(id, Msg::Kv(Kv::Heartbeat { ballot, open, sent }));
        }
        cx.set_timer(Timer::Heartbeat, wait::HEARTBEAT);
    }

    /// Time for a sign that it leads. Sends again what may be lost, and steps down if it is not heard.
    pub(super) fn heartbeat(&mut self, cx: &mut Cx) {
        self.forget_the_silent();
        let (Role::Leader(leader), Some(ballot)) = (&mut self.role, self.promised) else { return };
        leader.beats += 1;
        if leader.beats >= PATIENCE {
            let mut heard = std::mem::take(&mut leader.heard);
            heard.add(&self.group, cx.me());
            leader.beats = 0;
            if !heard.chooses(self.sizes) {
                return self.follow(None, cx);
            }
        }
        let stalls = leader.open_then.replace(self.open) == Some(self.open);
        if stalls {
            self.send_again(ballot, cx);
        }
        self.confirm_again(ballot, cx);
        self.tell_that_it_leads(ballot, cx);
        self.record_chosen(cx);
    }

    /// The first open slots, to whoever has not accepted them.
    fn send_again(&mut self, ballot: Ballot, cx: &mut Cx) {
        let others: Vec<NodeId> = self.others(cx.me()).collect();
        let Role::Leader(leader) = &self.role else { return };
        for (votes, (slot, (_, entry))) in
            leader.votes.iter().zip(self.log.from(self.open)).take(AGAIN)
        {
            for &id in others.iter().filter(|id| !votes.has(&self.group, **id)) {
                let (changes, entry) = (self.machine.changes, entry.clone());
                cx.send_ahead(id, Msg::Kv(Kv::Accept { ballot, changes, slot, entry }));
            }
        }
    }

    pub(super) fn on_heard(&mut self, from: NodeId, ballot: Ballot, sent: Duration) {
        if let Role::Leader(leader) = &mut self.role
            && Some(ballot) == self.promised
        {
            leader.heard.add(&self.group, from);
            if self.config.drift.is_some() {
                let newest = leader.answered.entry(from).or_insert(sent);
                *newest = sent.max(*newest);
            }
        }
    }
}

//! Which replicas are the group: one takes another one's place.
//!
//! The group is part of the state. A command that changes it is an entry like any other, in some slot:
//! the *stop-sign* of the old group. The old group chooses it, and nothing behind it. From the next slot
//! on the new group chooses, and begins with a phase 1 of its own. So for every slot that a replica
//! executes it is clear whose majority counts.
//!
//! Why may a leader open no slot behind the stop-sign? It might execute what the old group accepted
//! there, and the new group might choose something else. Another leader, which does not know of the
//! stop-sign, may have entries accepted behind it, even by a majority. They do not count: nothing is
//! executed behind a slot that is not chosen, and when the stop-sign is, the slots behind it belong to the
//! new group.
//!
//! A replica votes only in the group that it knows: *prepare* and *accept* say how often the group has
//! changed. So a new replica, whose disk is empty, has to catch up first. Otherwise the new group might
//! go on with a majority of which no member knows what the old group chose. One that has left still
//! answers for old slots: another replica may need it to find the stop-sign.
//!
//! Source: Lamport, Malkhi and Zhou 2008 (*Stoppable Paxos*); Ng, Haridi and Carbone 2023 (OmniPaxos). The
//! other way is a *window*: an entry in slot *i* changes the group from slot *i* + α on, and the leader has
//! no more than α slots open (Lamport 1998, section 3.3.7). It needs no second phase 1, and ties the width
//! of the pipeline to the change of the group.
//!
//! The group keeps its number of replicas, so the sizes of its quorums (`quorum.rs`) fit the new group as
//! they fitted the old one. If all have to promise, a dead leader cannot be replaced, and if one vote is
//! enough, that one may be its own.
//!
//! # Left out
//!
//! Larger and smaller groups; noticing by itself that a replica is gone.

use lab::NodeId;

use super::replica::{Replica, Role};
use crate::group::{Cx, Group};

impl Replica {
    /// Whether a replica belongs to the group, as far as this one has executed.
    pub(super) fn is_member(&self, replica: NodeId) -> bool {
        self.group.replicas.contains(&replica)
    }

    /// The group is what the state says. Says whether it is another one now.
    pub(super) fn adopt_members(&mut self) -> bool {
        let is_new = self.group.replicas != self.machine.members;
        if is_new {
            self.group = Group::new(&self.machine.members);
        }
        is_new
    }

    /// The group is another one. Each replica that votes in it has that on disk: a majority of the new group has
    /// executed the stop-sign, and the old one is not needed any more. Whatever was counted of the old group
    /// does not count.
    pub(super) fn begin_as_a_member(&mut self, cx: &mut Cx) {
        self.record_chosen(cx);
        if !matches!(self.role, Role::Leader(_)) {
            self.follow(self.leader, cx);
        }
    }

    /// Whether a leader has executed all that it may propose.
    pub(super) fn is_behind_a_stop_sign(&self) -> bool {
        matches!(&self.role, Role::Leader(leader) if leader.stopped && self.open == leader.next)
    }

    // ANCHOR: lead_new_members
    /// The leader has executed a stop-sign: the new group promises anew, also if it is the same as before.
    /// Nothing is ever proposed behind a stop-sign under its ballot, so that a leader that finds it
    /// among what may be chosen can stop there. A leader that has left leads no more.
    pub(super) fn lead_new_members(&mut self, cx: &mut Cx) {
        self.follow(None, cx);
        if self.is_member(cx.me()) {
            self.campaign(cx);
        }
    }
    // ANCHOR_END: lead_new_members
}

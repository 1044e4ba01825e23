//! Leases: for a while after a majority has answered it, a leader need not ask.
//!
//! A replica that answers a beat promises more than that it follows: it will promise no other leader
//! anything for [`wait::LEASE`], by its own clock. As long as a majority is bound in this way, no other
//! leader is elected, so none acknowledges a write. What this one has executed is new enough, and it
//! answers reads by itself.
//!
//! When does that end? The leader cannot see the others' clocks. It counts from the moment at which it
//! *sent* the beat: whoever answered began to wait after that. And it counts less than the others do,
//! since its clock may be slow, and theirs fast: if clocks are off by ρ at most, then L on a fast clock
//! takes L / (1 + ρ), and on a slow one that time is L (1 - ρ) / (1 + ρ).
//!
//! None of this is on disk, so a replica that comes back does not know what it has promised. It waits
//! for as long as it may have promised. Its disk could not tell it until when: its clock began anew.
//!
//! It waits for one leader at a time. While it does, it answers no beat of another one: that may be a beat
//! which was on its way for long, and its sender leads no more.
//!
//! Source: Gray and Cheriton 1989 (*Leases*); Ongaro 2014, section 6.4.1.
//!
//! # Left out
//!
//! Extending a lease by any other message than a beat; giving a lease back by a leader that steps down.
//! Noticing that a clock is off by more than that: nothing here can.

use std::time::Duration;

use lab::NodeId;

use super::Quorum;
use super::replica::{Replica, Role};
use crate::group::Cx;
use crate::types::wait;

/// What a clock that is off by one shows, in the unit in which drifts are given.
const MILLION: u32 = 1_000_000;

/// Whom a replica has promised to wait, and until when, by its own clock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Granted {
    /// The leader; after a restart it is not known which.
    to: Option<NodeId>,
    until: Duration,
}

// ANCHOR: leader_lease
/// For how long a leader may read after it has sent a beat, by its own clock: until then, no clock that
/// is off by so much has moved on by [`wait::LEASE`] since the beat came.
#[must_use]
pub fn leader_lease(drift: u32) -> Duration {
    wait::LEASE * MILLION.saturating_sub(drift) / MILLION.saturating_add(drift)
}
// ANCHOR_END: leader_lease

impl Replica {
    /// From now on it promises nothing to any other leader, for the time of a lease.
    pub(super) fn grant(&mut self, to: Option<NodeId>, cx: &Cx) {
        if self.config.drift.is_some() {
            self.granted = Some(Granted { to, until: cx.now() + wait::LEASE });
        }
    }

    // ANCHOR: restart
    /// It may have answered a beat just before it went down, and does not know that any more.
    pub(super) fn keep_what_it_may_have_granted(&mut self, cx: &Cx) {
        if self.start > 1 {
            self.grant(None, cx);
        }
    }
    // ANCHOR_END: restart

    /// Whether it has promised another leader to wait. A process that leads again under the same id is
    /// no other one: the one before it is gone, and reads nothing.
    pub(super) fn is_bound_to_another(&self, candidate: NodeId, cx: &Cx) -> bool {
        let is_bound =
            |granted: &Granted| granted.to != Some(candidate) && cx.now() < granted.until;
        self.granted.as_ref().is_some_and(is_bound)
    }

    // ANCHOR: holds_a_lease
    /// Whether this replica leads for sure: those that wait still are enough. The clock is read after the
    /// question came, and a pause after that does no harm.
    pub(super) fn holds_a_lease(&self, cx: &Cx) -> bool {
        let (Role::Leader(leader), Some(drift)) = (&self.role, self.config.drift) else {
            return false;
        };
        let mut waiting = Quorum::default();
        waiting.add(&self.group, cx.me());
        for (id, sent) in &leader.answered {
            if cx.now() < *sent + leader_lease(drift) {
                waiting.add(&self.group, *id);
            }
        }
        // What phase 1 told may be chosen, and answered: it has to be executed first.
        waiting.chooses(self.sizes) && self.open >= leader.recovered
    }
    // ANCHOR_END: holds_a_lease
}

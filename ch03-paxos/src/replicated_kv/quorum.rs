//! Which replicas of a group have said something, and how many are enough.
//!
//! Paxos does not need majorities. It needs that each set of replicas that is enough for phase 1 shares a
//! replica with each set that is enough for phase 2: then a new leader is told whatever may be chosen. Two
//! phases 1 need not share one, and neither do two phases 2. So a group may ask fewer replicas in phase 2,
//! which each command takes, and more in phase 1, which only an election takes.
//!
//! Everything that has to notice an election counts like phase 2: a read beside the log, a lease, and the
//! leader that asks itself whether it is still heard.
//!
//! Source: Howard, Malkhi and Spiegelman 2016 (*Flexible Paxos: Quorum intersection revisited*).
//!
//! # Left out
//!
//! Changing the sizes of a group that runs: all of its replicas need the same ones. Quorums that are no
//! matter of counting, such as one replica in each rack.

use std::fmt;

use lab::NodeId;
use thiserror::Error;

use crate::group::Group;

/// How many replicas of a group are enough.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Sizes {
    replicas: u32,
    phase1: u32,
    phase2: u32,
}

/// Why a group cannot have these sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum BadSizes {
    /// A quorum is empty, or larger than the group.
    #[error("a quorum of {size} in a group of {replicas}: choose from 1 to {replicas}")]
    OutOfRange {
        /// The size that was asked for.
        size: u32,
        /// How many replicas there are.
        replicas: u32,
    },
    /// Two quorums may have no replica in common.
    #[error(
        "{phase1} replicas in phase 1 and {phase2} in phase 2 may have none of {replicas} in common, and \
         then a new leader is not told what is chosen: choose two sizes whose sum is more than {replicas}"
    )]
    Disjoint {
        /// How many promises would be enough.
        phase1: u32,
        /// How many votes would be enough.
        phase2: u32,
        /// How many replicas there are.
        replicas: u32,
    },
}

impl Sizes {
    /// More than half of a group in both phases.
    #[must_use]
    pub fn majorities(replicas: u32) -> Self {
        Self { replicas, phase1: replicas / 2 + 1, phase2: replicas / 2 + 1 }
    }

    // ANCHOR: sizes
    /// So many promises elect a leader of a group, and so many votes choose an entry.
    ///
    /// # Errors
    /// Two such quorums need not share a replica.
    pub fn new(phase1: u32, phase2: u32, replicas: u32) -> Result<Self, BadSizes> {
        for size in [phase1, phase2] {
            if size == 0 || size > replicas {
                return Err(BadSizes::OutOfRange { size, replicas });
            }
        }
        if phase1 + phase2 <= replicas {
            return Err(BadSizes::Disjoint { phase1, phase2, replicas });
        }
        Ok(Self { replicas, phase1, phase2 })
    }
    // ANCHOR_END: sizes

    /// Of which group these are the sizes.
    pub(super) fn fit(self, group: &Group) -> bool {
        self.replicas as usize == group.replicas.len()
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.phase1, self.phase2)
    }
}

/// A set of replicas, by their place in the group: as small as a number, for one is kept by slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Quorum(u64);

impl Quorum {
    /// Adds a replica. Any other node is not counted.
    pub(super) fn add(&mut self, group: &Group, replica: NodeId) {
        if let Some(place) = group.replicas.iter().position(|id| *id == replica) {
            self.0 |= 1 << place;
        }
    }

    /// Whether a replica is among them.
    pub(super) fn has(self, group: &Group, replica: NodeId) -> bool {
        group.replicas.iter().position(|id| *id == replica).is_some_and(|at| self.0 & 1 << at != 0)
    }

    /// Whether these are enough to elect a leader.
    pub(super) fn elects(self, sizes: Sizes) -> bool {
        self.0.count_ones() >= sizes.phase1
    }

    /// Whether these are enough to choose an entry: no leader is elected without one of them.
    pub(super) fn chooses(self, sizes: Sizes) -> bool {
        self.0.count_ones() >= sizes.phase2
    }
}

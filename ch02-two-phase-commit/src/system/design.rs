//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! Which design the processes run: who is there, and who speaks to whom.
//!
//! # Left out
//!
//! Changing it: a log is read by the design that wrote it.

use clap::ValueEnum;
use lab::NodeId;
use serde::{Deserialize, Serialize};

use super::catalog;
use super::role::Role;
use crate::deeper::{heuristic, paxos_commit, termination};
use crate::shop::AnyNode;
use crate::step4_isolation as step4;

/// What the processes run. Accounts and locks are those of step 4 in all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// Step 4: two-phase commit.
    #[default]
    TwoPhases,
    /// The same, and those in doubt ask each other (`deeper/termination`).
    Termination,
    /// Three coordinators, of which two are enough (`deeper/paxos_commit`).
    Paxos,
}

impl Design {
    /// Its processes, in the order of their columns.
    #[must_use]
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::TwoPhases | Self::Termination => &[Role::Coord, Role::Stock, Role::Pay],
            Self::Paxos => &Role::ALL,
        }
    }

    /// The flag that asks for it.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::TwoPhases => "",
            Self::Termination => "--termination",
            Self::Paxos => "--paxos",
        }
    }

    /// What a record of it is called.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::TwoPhases => "ch02/step4 cluster",
            Self::Termination => "ch02/termination cluster",
            Self::Paxos => "ch02/paxos-commit cluster",
        }
    }

    /// The design that a record is of.
    pub(super) fn of_title(title: &str) -> Self {
        let all = Self::value_variants().iter();
        all.copied().find(|design| design.title() == title).unwrap_or_default()
    }

    /// The node of a role, as it is before any record.
    pub(super) fn node(self, role: Role) -> AnyNode {
        if role.decides() {
            return match self {
                Self::TwoPhases => AnyNode::new(step4::Coordinator::default()),
                Self::Termination => {
                    AnyNode::new(termination::Coordinator::new(step4::Coordinator::default()))
                }
                Self::Paxos => AnyNode::new(paxos_commit::Coordinator::default()),
            };
        }
        let step4 = step4::Participant::new(catalog::opening(role.id()));
        AnyNode::new(match self {
            Self::TwoPhases => heuristic::Participant::new(step4),
            Self::Termination => heuristic::Participant::new(termination::Participant::new(step4)),
            Self::Paxos => heuristic::Participant::new(paxos_commit::Participant::new(step4)),
        })
    }

    /// The nodes that a role sends messages to.
    pub(super) fn peers(self, role: Role) -> Vec<NodeId> {
        let speaks = |other: &&Role| {
            **other != role && (role.decides() || other.decides() || self == Self::Termination)
        };
        self.roles().iter().filter(speaks).map(|other| other.id()).collect()
    }
}

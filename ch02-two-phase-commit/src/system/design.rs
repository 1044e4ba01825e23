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

use super::role::Role;

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

    /// Whom a role sends messages to.
    pub(super) fn peers(self, role: Role) -> Vec<NodeId> {
        let speaks = |other: &&Role| {
            **other != role && (role.decides() || other.decides() || self == Self::Termination)
        };
        self.roles().iter().filter(speaks).map(|other| other.id()).collect()
    }
}

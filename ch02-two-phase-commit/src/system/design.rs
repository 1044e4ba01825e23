//! Which design the processes run: which roles there are, and which of them send to each other.
//!
//! # Left out
//!
//! Changing it: a log is read by the design that wrote it.

use clap::ValueEnum;
use lab::NodeId;
use lab::system::Options;

use super::catalog;
use crate::deeper::{decision_store, heuristic, paxos_commit, termination};
use crate::shop::AnyNode;
use crate::step4_isolation as step4;
use crate::types::{COORD, PAY, STOCK};

/// The processes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, ValueEnum)]
pub enum Role {
    /// Takes orders, and decides.
    Coord,
    /// Keeps votes, and decides if `coord` cannot (Paxos Commit).
    #[value(name = "coord-2")]
    Coord2,
    /// As `coord-2`.
    #[value(name = "coord-3")]
    Coord3,
    /// Asks the store that keeps the decisions.
    Store,
    /// Keeps the shelf.
    Stock,
    /// Keeps the purses and the till.
    Pay,
}

impl Role {
    /// All there are in any design, in the order of their columns.
    pub const ALL: [Self; 6] =
        [Self::Coord, Self::Coord2, Self::Coord3, Self::Store, Self::Stock, Self::Pay];

    /// As it is called everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Coord => "coord",
            Self::Coord2 => "coord-2",
            Self::Coord3 => "coord-3",
            Self::Store => "store",
            Self::Stock => "stock",
            Self::Pay => "pay",
        }
    }

    /// The role that is called so.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What it is in a picture.
    pub(super) fn kind(self) -> &'static str {
        if self.is_coordinator() { "coord" } else { self.name() }
    }

    /// The node it runs.
    #[must_use]
    pub fn id(self) -> NodeId {
        match self {
            Self::Coord => COORD,
            Self::Coord2 => paxos_commit::COORD_2,
            Self::Coord3 => paxos_commit::COORD_3,
            Self::Store => decision_store::STORE,
            Self::Stock => STOCK,
            Self::Pay => PAY,
        }
    }

    /// Whether it decides, and keeps no accounts.
    #[must_use]
    pub fn is_coordinator(self) -> bool {
        match self {
            Self::Coord | Self::Coord2 | Self::Coord3 => true,
            Self::Store | Self::Stock | Self::Pay => false,
        }
    }

    /// Whether it keeps accounts.
    #[must_use]
    pub fn is_participant(self) -> bool {
        matches!(self, Self::Stock | Self::Pay)
    }
}

impl AsRef<str> for Role {
    fn as_ref(&self) -> &str {
        self.name()
    }
}

/// What the processes run. Accounts and locks are those of step 4 in all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Design {
    /// Step 4: two-phase commit.
    #[default]
    TwoPhases,
    /// The same, and those in doubt ask each other (`deeper/termination`).
    Termination,
    /// Three coordinators, of which two are enough (`deeper/paxos_commit`).
    Paxos,
    /// Two coordinators, and the decisions in a store that runs elsewhere (`deeper/decision_store`).
    Decisions,
}

impl Design {
    const ALL: [Self; 4] = [Self::TwoPhases, Self::Termination, Self::Paxos, Self::Decisions];

    /// Its processes, in the order of their columns.
    #[must_use]
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::TwoPhases | Self::Termination => &[Role::Coord, Role::Stock, Role::Pay],
            Self::Paxos => &[Role::Coord, Role::Coord2, Role::Coord3, Role::Stock, Role::Pay],
            Self::Decisions => &[Role::Coord, Role::Coord2, Role::Store, Role::Stock, Role::Pay],
        }
    }

    /// The option of `cluster` that asks for it, without its dashes; the first design needs none.
    #[must_use]
    pub fn flag(self) -> Option<&'static str> {
        match self {
            Self::TwoPhases => None,
            Self::Termination => Some("termination"),
            Self::Paxos => Some("paxos"),
            Self::Decisions => Some("decisions"),
        }
    }

    /// The options that ask for it.
    #[must_use]
    pub fn options(self) -> Options {
        let none = Options::default();
        self.flag().map_or(none.clone(), |flag| none.with_flag(flag))
    }

    /// The design that was asked for.
    pub(super) fn of_options(options: &Options) -> Self {
        let asked = |design: &Self| design.flag().is_some_and(|flag| options.has(flag));
        Self::ALL.into_iter().find(asked).unwrap_or_default()
    }

    /// What a record of it is called.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::TwoPhases => "ch02/step4 cluster",
            Self::Termination => "ch02/termination cluster",
            Self::Paxos => "ch02/paxos-commit cluster",
            Self::Decisions => "ch02/decision-store cluster",
        }
    }

    /// The design that a record is of.
    pub(super) fn of_title(title: &str) -> Self {
        Self::ALL.into_iter().find(|design| design.title() == title).unwrap_or_default()
    }

    /// The node of a role, as it is before any record.
    pub(super) fn node(self, role: Role) -> AnyNode {
        if role.is_coordinator() {
            return match self {
                Self::TwoPhases => AnyNode::new(step4::Coordinator::default()),
                Self::Termination => {
                    AnyNode::new(termination::Coordinator::new(step4::Coordinator::default()))
                }
                Self::Paxos => AnyNode::new(paxos_commit::Coordinator::default()),
                Self::Decisions => AnyNode::new(decision_store::Coordinator::default()),
            };
        }
        let step4 = step4::Participant::new(catalog::opening(role.id()));
        AnyNode::new(match self {
            Self::TwoPhases => heuristic::Participant::new(step4),
            Self::Termination => heuristic::Participant::new(termination::Participant::new(step4)),
            Self::Paxos => heuristic::Participant::new(paxos_commit::Participant::new(step4)),
            // Outside: what an operator decided is asked about in its words as well.
            Self::Decisions => {
                let heuristic = heuristic::Participant::new(step4);
                return AnyNode::new(decision_store::Participant::new(heuristic));
            }
        })
    }

    /// The nodes that a role sends messages to.
    pub(super) fn peers(self, role: Role) -> Vec<NodeId> {
        let sends = |other: &&Role| {
            **other != role
                && (role.is_coordinator() || other.is_coordinator() || self == Self::Termination)
        };
        self.roles().iter().filter(sends).map(|other| other.id()).collect()
    }
}

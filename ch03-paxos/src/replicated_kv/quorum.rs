//! Which replicas of a group have said something.

use lab::NodeId;

use crate::group::Group;

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

    /// Whether these are more than half of the group.
    pub(super) fn is_majority(self, group: &Group) -> bool {
        2 * self.0.count_ones() as usize > group.replicas.len()
    }
}

//! What a run is made of before it begins.

use std::sync::Arc;

use super::{Disk, Disks, Event, Wire};
use crate::node::{AnyNode, Node, NodeId, Protocol};

/// One process of a world.
#[derive(Clone, Debug)]
pub struct Role<P: Protocol> {
    /// Its id.
    pub id: NodeId,
    /// Its name: `coord`.
    pub name: &'static str,
    /// What decides its colour.
    pub role: &'static str,
    /// The node as it is before its first input.
    pub program: AnyNode<P>,
    /// Whether faults may hit its process.
    pub may_crash: bool,
    /// Whether it is down at first: a spare, which may be started later.
    pub starts_down: bool,
    /// The servers whose connection to this client may end: the fault *disconnect*.
    pub client_of: Vec<NodeId>,
}

impl<P: Protocol> Role<P> {
    /// A process that starts with the world and that no fault hits.
    #[must_use]
    pub fn new(
        id: NodeId,
        name: &'static str,
        role: &'static str,
        program: impl Node<Protocol = P>,
    ) -> Self {
        let program = AnyNode::new(program);
        let (may_crash, starts_down, client_of) = (false, false, Vec::new());
        Self { id, name, role, program, may_crash, starts_down, client_of }
    }

    /// The same, and its process may crash.
    #[must_use]
    pub fn may_crash(self) -> Self {
        Self { may_crash: true, ..self }
    }

    /// The same, and it is down at first.
    #[must_use]
    pub fn starts_down(self) -> Self {
        Self { starts_down: true, ..self }
    }

    /// The same, and its connections to these servers may end.
    #[must_use]
    pub fn client_of(self, servers: &[NodeId]) -> Self {
        Self { client_of: servers.to_vec(), ..self }
    }
}

/// What never changes during a run: the processes, the network between them, and the ghost's fold.
#[derive(Debug)]
pub struct Topology<P: Protocol, G> {
    /// The processes, in column order.
    pub roles: Vec<Role<P>>,
    /// The network between them.
    pub wire: Wire,
    /// Whether each record waits for its own flush while the node goes on.
    pub async_disk: bool,
    /// What is kept of the disks.
    pub disks: Disks,
    /// Folds what happens into the ghost: what no node knows, and properties need. Most events
    /// change nothing, so it gets the shared ghost and makes it its own (`Arc::make_mut`) on change.
    pub observe: fn(&mut Arc<G>, NodeId, &Event<'_, P>),
}

impl<P: Protocol, G> Topology<P, G> {
    pub(super) fn empty_disk(&self, role: &Role<P>) -> Disk<P> {
        Disk::empty(self.disks, &role.program)
    }

    /// The role of a node.
    #[must_use]
    pub fn role(&self, id: NodeId) -> Option<&Role<P>> {
        self.roles.iter().find(|role| role.id == id)
    }

    /// The name of a node; for an unknown one its id.
    #[must_use]
    pub fn name(&self, id: NodeId) -> String {
        self.role(id).map_or_else(|| id.to_string(), |role| role.name.into())
    }
}

/// How much of each budget is used up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Spent {
    /// Process crashes.
    pub crashes: u8,
    /// Messages lost. Undeliverable ones to a process that is down are not counted.
    pub losses: u8,
    /// Messages delivered twice.
    pub duplicates: u8,
    /// Connections ended.
    pub disconnects: u8,
    /// Timers that expired, where a search bounds them; see [`super::World::spend_timeout`].
    pub timeouts: u8,
}

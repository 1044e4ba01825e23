//! What tells one state from all others: a sum with a term for each host, each message, the ghost and
//! the budgets. A search adds and takes away terms, and knows the key of a state before it builds it.

use std::hash::Hash;
use std::sync::Arc;

use super::{Ghost, Host, Network, Spent, World};
use crate::fingerprint::fingerprint;
use crate::node::{Fact, Protocol};
use crate::world::Topology;

/// The term of a host in this column.
pub(crate) fn host_key<P: Protocol, G>(
    topology: &Topology<P, G>,
    column: usize,
    host: &Host<P>,
) -> u128 {
    fingerprint(&(1_u8, column, host.print(topology.disks, &topology.roles[column])))
}

/// The term of the ghost.
pub(crate) fn ghost_key<G: Hash>(ghost: &G) -> u128 {
    fingerprint(&(2_u8, ghost))
}

/// The term of the budgets.
pub(crate) fn spent_key(spent: Spent) -> u128 {
    fingerprint(&(3_u8, spent))
}

impl<P: Protocol, G: Ghost> World<P, G> {
    /// A number that tells this state from all others.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let hosts = self.hosts.iter().enumerate();
        let hosts = hosts.map(|(column, host)| host_key(&self.topology, column, host));
        hosts
            .fold(self.network.print(), u128::wrapping_add)
            .wrapping_add(ghost_key(&*self.ghost))
            .wrapping_add(spent_key(self.spent))
    }

    /// A world in the middle of a run, from its parts.
    pub(crate) fn assemble(
        topology: Arc<Topology<P, G>>,
        hosts: Vec<Arc<Host<P>>>,
        network: Network<P::Msg>,
        ghost: Arc<G>,
        spent: Spent,
    ) -> Self {
        Self { topology, hosts, network, ghost, spent }
    }

    /// The same state, for a search or a reader that keeps its disks in another way.
    pub(crate) fn within(&self, topology: &Arc<Topology<P, G>>) -> Self {
        let host = |(host, role): (&Arc<Host<P>>, &super::Role<P>)| {
            let disk = host.disk.converted(topology.disks, (&role.program, role.id));
            let mut host = Host::clone(host);
            host.changes();
            host.disk = disk;
            Arc::new(host)
        };
        let hosts = self.hosts.iter().zip(&topology.roles).map(host).collect();
        Self { topology: Arc::clone(topology), hosts, ..self.clone() }
    }

    /// Puts another host into a column.
    pub(crate) fn set_host(&mut self, column: usize, host: &Arc<Host<P>>) {
        self.hosts[column] = Arc::clone(host);
    }

    /// Puts a message on its way, or takes it away, as if that had happened all along.
    pub(crate) fn set_message(&mut self, envelope: &Arc<super::Envelope<P::Msg>>, is_there: bool) {
        if is_there {
            self.network.put(envelope);
        } else {
            self.network.remove(envelope);
        }
    }

    /// Replaces the ghost.
    pub(crate) fn set_ghost(&mut self, ghost: &Arc<G>) {
        self.ghost = Arc::clone(ghost);
    }

    /// Replaces the budgets.
    pub(crate) fn set_spent(&mut self, spent: Spent) {
        self.spent = spent;
    }

    /// Its hosts, in column order.
    pub(crate) fn hosts(&self) -> &[Arc<Host<P>>] {
        &self.hosts
    }

    /// Its ghost, to be shared.
    pub(crate) fn shared_ghost(&self) -> &Arc<G> {
        &self.ghost
    }
}

impl<M: Fact> Network<M> {
    /// The term of one message.
    pub(crate) fn message_key(envelope: &super::Envelope<M>) -> u128 {
        fingerprint(envelope)
    }
}

//! omnipaxos, with its storage in memory.

use omnipaxos::macros::Entry;
use omnipaxos::messages::Message;
use omnipaxos::{ClusterConfig, OmniPaxos, OmniPaxosConfig, ServerConfig};
use omnipaxos_storage::memory_storage::MemoryStorage;
use serde::{Deserialize, Serialize};

use crate::Group;

#[derive(Clone, Debug, Serialize, Deserialize, Entry)]
struct Command(Vec<u8>);

struct Omni {
    nodes: Vec<OmniPaxos<Command, MemoryStorage<Command>>>,
    leader: usize,
    buffer: Vec<Message<Command>>,
    messages: u64,
}

pub(crate) fn start() -> Box<dyn Group> {
    let pids = [1, 2, 3];
    let node = |pid| {
        let cluster_config =
            ClusterConfig { configuration_id: 1, nodes: pids.into(), flexible_quorum: None };
        let server_config =
            ServerConfig { pid, election_tick_timeout: 5, ..ServerConfig::default() };
        let config = OmniPaxosConfig { cluster_config, server_config };
        config.build(MemoryStorage::default()).expect("a valid configuration")
    };
    let (nodes, buffer) = (pids.map(node).into(), Vec::new());
    let mut group = Omni { nodes, leader: 0, buffer, messages: 0 };
    loop {
        group.nodes.iter_mut().for_each(OmniPaxos::tick);
        group.deliver();
        if let Some((pid, true)) = group.nodes[0].get_current_leader() {
            group.leader = pid as usize - 1;
            return Box::new(group);
        }
    }
}

impl Omni {
    /// Until no message waits.
    fn deliver(&mut self) {
        loop {
            for node in &mut self.nodes {
                node.take_outgoing_messages(&mut self.buffer);
            }
            if self.buffer.is_empty() {
                return;
            }
            for message in self.buffer.drain(..) {
                self.messages += 1;
                self.nodes[message.get_receiver() as usize - 1].handle_incoming(message);
            }
        }
    }
}

impl Group for Omni {
    fn decide(&mut self, commands: usize, payload: usize) {
        let wanted = self.nodes[self.leader].get_decided_idx() + commands;
        for _ in 0..commands {
            let appended = self.nodes[self.leader].append(Command(vec![7; payload]));
            appended.expect("nothing is reconfigured");
        }
        self.deliver();
        assert_eq!(self.nodes[self.leader].get_decided_idx(), wanted, "all are decided");
    }

    fn messages(&self) -> u64 {
        self.messages
    }
}

//! raft (of TiKV), with its storage in memory.

use raft::prelude::{Entry, Message};
use raft::storage::MemStorage;
use raft::{Config, RawNode, StateRole};
use slog::{Discard, Logger, o};

use crate::Group;

struct Raft {
    nodes: Vec<RawNode<MemStorage>>,
    /// Commands that the leader has applied.
    applied: usize,
    messages: u64,
}

pub(crate) fn start(batch_append: bool) -> Box<dyn Group> {
    let ids = [1, 2, 3];
    let logger = Logger::root(Discard, o!());
    let node = |id| {
        let config = Config {
            id,
            election_tick: 10,
            heartbeat_tick: 3,
            max_inflight_msgs: 256,
            max_size_per_msg: 1 << 20,
            batch_append,
            ..Config::default()
        };
        let storage = MemStorage::new_with_conf_state((ids.to_vec(), vec![]));
        RawNode::new(&config, storage, &logger).expect("a valid configuration")
    };
    let mut group = Raft { nodes: ids.map(node).into(), applied: 0, messages: 0 };
    group.nodes[0].campaign().expect("a node may campaign");
    group.deliver();
    assert_eq!(group.nodes[0].raft.state, StateRole::Leader);
    Box::new(group)
}

impl Raft {
    /// Until no message waits.
    fn deliver(&mut self) {
        loop {
            let mut sent = Vec::new();
            for node in 0..self.nodes.len() {
                self.ready(node, &mut sent);
            }
            if sent.is_empty() {
                return;
            }
            for message in sent {
                self.messages += 1;
                let to = &mut self.nodes[message.to as usize - 1];
                to.step(message).expect("a message of this group");
            }
        }
    }

    /// What a node wants done: entries to its storage, messages out, entries applied.
    fn ready(&mut self, node: usize, sent: &mut Vec<Message>) {
        while self.nodes[node].has_ready() {
            let raw = &mut self.nodes[node];
            let store = raw.raft.raft_log.store.clone();
            let mut ready = raw.ready();
            sent.extend(ready.take_messages());
            let mut applied = commands(&ready.take_committed_entries());
            store.wl().append(ready.entries()).expect("entries follow each other");
            if let Some(hard_state) = ready.hs() {
                store.wl().set_hardstate(hard_state.clone());
            }
            sent.extend(ready.take_persisted_messages());
            let mut light = raw.advance(ready);
            if let Some(commit) = light.commit_index() {
                store.wl().mut_hard_state().set_commit(commit);
            }
            sent.extend(light.take_messages());
            applied += commands(&light.take_committed_entries());
            raw.advance_apply();
            if node == 0 {
                self.applied += applied;
            }
        }
    }
}

/// A new leader adds an entry without data.
fn commands(entries: &[Entry]) -> usize {
    entries.iter().filter(|entry| !entry.data.is_empty()).count()
}

impl Group for Raft {
    fn decide(&mut self, commands: usize, payload: usize) {
        let wanted = self.applied + commands;
        for _ in 0..commands {
            self.nodes[0].propose(vec![], vec![7; payload]).expect("it leads");
        }
        self.deliver();
        assert_eq!(self.applied, wanted, "all are applied at the leader");
    }

    fn messages(&self) -> u64 {
        self.messages
    }
}

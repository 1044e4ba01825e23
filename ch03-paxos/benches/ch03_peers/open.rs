//! openraft, with log and state in memory. It is made of tasks, and asks for a runtime: here one thread.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Cursor;
use std::ops::RangeBounds;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use openraft::error::{InstallSnapshotError, RPCError, RaftError};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::storage::{LogFlushed, LogState, RaftLogStorage, RaftStateMachine, Snapshot};
use openraft::{
    BasicNode, Config, Entry, LogId, Raft, RaftLogReader, RaftNetwork, RaftNetworkFactory,
    RaftSnapshotBuilder, SnapshotMeta, SnapshotPolicy, StorageError, StoredMembership, Vote,
};
use tokio::runtime::{Builder, Runtime};

use crate::Group;

openraft::declare_raft_types!(
    /// Commands are bytes, and have no result.
    Types: D = Vec<u8>, R = ()
);

type Node = Raft<Types>;
type Membership = StoredMembership<u64, BasicNode>;
type Answer<T, E = RaftError<u64>> = Result<T, RPCError<u64, BasicNode, E>>;

/// All nodes, by id.
type Nodes = Arc<Mutex<BTreeMap<u64, Node>>>;

struct Open {
    runtime: Runtime,
    nodes: Nodes,
    leader: Node,
    messages: Arc<AtomicU64>,
}

pub(crate) fn start() -> Box<dyn Group> {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (nodes, messages) = (Nodes::default(), Arc::new(AtomicU64::new(0)));
    let config = Config {
        heartbeat_interval: 500,
        election_timeout_min: 5_000,
        election_timeout_max: 10_000,
        snapshot_policy: SnapshotPolicy::Never,
        max_payload_entries: 4_096,
        ..Config::default()
    };
    let config = Arc::new(config.validate().expect("a valid configuration"));
    let leader = runtime.block_on(async {
        for id in 1..=3 {
            let network = Network { nodes: Arc::clone(&nodes), messages: Arc::clone(&messages) };
            let store = Store::default();
            let node = Node::new(id, Arc::clone(&config), network, store.clone(), store).await;
            let node = node.expect("an empty store");
            nodes.lock().expect("one thread").insert(id, node);
        }
        let first = nodes.lock().expect("one thread")[&1].clone();
        let members: BTreeMap<u64, BasicNode> =
            (1..=3).map(|id| (id, BasicNode::default())).collect();
        first.initialize(members).await.expect("it is initialised once");
        first.wait(None).current_leader(1, "elected").await.expect("it runs");
        first
    });
    Box::new(Open { runtime, nodes, leader, messages })
}

impl Group for Open {
    fn decide(&mut self, commands: usize, payload: usize) {
        self.runtime.block_on(async {
            let mut answers = Vec::with_capacity(commands);
            for _ in 0..commands {
                let answer = self.leader.client_write_ff(vec![7; payload]).await;
                answers.push(answer.expect("it runs"));
            }
            for answer in answers {
                answer.await.expect("it runs").expect("it leads");
            }
        });
    }

    fn messages(&self) -> u64 {
        self.messages.load(Relaxed)
    }
}

/// Its nodes know each other: without this they would never be dropped.
impl Drop for Open {
    fn drop(&mut self) {
        let nodes = std::mem::take(&mut *self.nodes.lock().expect("one thread"));
        self.runtime.block_on(async {
            for node in nodes.into_values() {
                node.shutdown().await.expect("it ends");
            }
        });
    }
}

struct Network {
    nodes: Nodes,
    messages: Arc<AtomicU64>,
}

struct Link {
    to: Node,
    messages: Arc<AtomicU64>,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, _node: &BasicNode) -> Link {
        let to = self.nodes.lock().expect("one thread")[&target].clone();
        Link { to, messages: Arc::clone(&self.messages) }
    }
}

impl RaftNetwork<Types> for Link {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Answer<AppendEntriesResponse<u64>> {
        // There and back.
        self.messages.fetch_add(2, Relaxed);
        Ok(self.to.append_entries(rpc).await.expect("it runs"))
    }

    async fn install_snapshot(
        &mut self,
        _rpc: InstallSnapshotRequest<Types>,
        _option: RPCOption,
    ) -> Answer<InstallSnapshotResponse<u64>, RaftError<u64, InstallSnapshotError>> {
        unreachable!("no snapshot is taken")
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<u64>,
        _option: RPCOption,
    ) -> Answer<VoteResponse<u64>> {
        Ok(self.to.vote(rpc).await.expect("it runs"))
    }
}

/// The log and the state of one node; copies share them.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    vote: Option<Vote<u64>>,
    log: BTreeMap<u64, Entry<Types>>,
    applied: Option<LogId<u64>>,
    membership: Membership,
}

impl RaftLogReader<Types> for Store {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + Send>(
        &mut self,
        range: R,
    ) -> Result<Vec<Entry<Types>>, StorageError<u64>> {
        let kept = self.0.lock().expect("one thread");
        Ok(kept.log.range(range).map(|(_, entry)| entry.clone()).collect())
    }
}

impl RaftLogStorage<Types> for Store {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, StorageError<u64>> {
        let kept = self.0.lock().expect("one thread");
        let last_log_id = kept.log.last_key_value().map(|(_, entry)| entry.log_id);
        Ok(LogState { last_purged_log_id: None, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<u64>) -> Result<(), StorageError<u64>> {
        self.0.lock().expect("one thread").vote = Some(*vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote<u64>>, StorageError<u64>> {
        Ok(self.0.lock().expect("one thread").vote)
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: LogFlushed<Types>,
    ) -> Result<(), StorageError<u64>>
    where
        I: IntoIterator<Item = Entry<Types>> + Send,
        I::IntoIter: Send,
    {
        let entries = entries.into_iter().map(|entry| (entry.log_id.index, entry));
        self.0.lock().expect("one thread").log.extend(entries);
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId<u64>) -> Result<(), StorageError<u64>> {
        self.0.lock().expect("one thread").log.split_off(&log_id.index);
        Ok(())
    }

    async fn purge(&mut self, _log_id: LogId<u64>) -> Result<(), StorageError<u64>> {
        unreachable!("no snapshot is taken")
    }
}

impl RaftStateMachine<Types> for Store {
    type SnapshotBuilder = Self;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogId<u64>>, Membership), StorageError<u64>> {
        let kept = self.0.lock().expect("one thread");
        Ok((kept.applied, kept.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<()>, StorageError<u64>>
    where
        I: IntoIterator<Item = Entry<Types>> + Send,
        I::IntoIter: Send,
    {
        let mut kept = self.0.lock().expect("one thread");
        let mut results = Vec::new();
        for entry in entries {
            kept.applied = Some(entry.log_id);
            if let openraft::EntryPayload::Membership(membership) = entry.payload {
                kept.membership = StoredMembership::new(Some(entry.log_id), membership);
            }
            results.push(());
        }
        Ok(results)
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(
        &mut self,
    ) -> Result<Box<Cursor<Vec<u8>>>, StorageError<u64>> {
        unreachable!("no snapshot is taken")
    }

    async fn install_snapshot(
        &mut self,
        _meta: &SnapshotMeta<u64, BasicNode>,
        _snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError<u64>> {
        unreachable!("no snapshot is taken")
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Types>>, StorageError<u64>> {
        Ok(None)
    }
}

impl RaftSnapshotBuilder<Types> for Store {
    async fn build_snapshot(&mut self) -> Result<Snapshot<Types>, StorageError<u64>> {
        unreachable!("no snapshot is taken")
    }
}

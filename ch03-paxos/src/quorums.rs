//! What quorums of different sizes tolerate, and what they make faster: counted in simulated runs.
//!
//! A group of replicas counts an increment after the other. From a moment on some of them are down, and
//! either the group goes on or it does not.

use std::collections::BTreeSet;

use lab::NodeId;
use lab::chapter::Table;
use lab::explore::{Limits, Model};
use lab::sim::{self, Fault, FaultSchedule, TimedAction};
use lab::world::{Role, Transition};

use crate::client::{COUNTER, StoreClient};
use crate::group::{AnyNode, Group, Paxos};
use crate::invariants::Ledger;
use crate::replicated_kv::{Config, Replica, Sizes};
use crate::types::Msg;
use crate::types::kv::{Blob, Msg as Kv, Op};
use crate::worlds::{Nodes, PROPOSERS, Scope};

/// Replicas, promises, votes: majorities beside the sizes that make phase 2 smaller, or larger.
pub const SIZES: [(u32, u32, u32); 7] =
    [(3, 2, 2), (4, 3, 3), (4, 3, 2), (5, 3, 3), (5, 4, 2), (5, 5, 1), (5, 2, 4)];

const IDS: [NodeId; 5] = [NodeId(11), NodeId(12), NodeId(13), NodeId(14), NodeId(15)];
const NAMES: [&str; 5] = ["replica-1", "replica-2", "replica-3", "replica-4", "replica-5"];
const CLIENT_NAMES: [&str; 2] = ["web-1", "web-2"];
/// When replicas go down, and when a run ends, in µs. A group that goes on answers in the last second.
const FAILS: u64 = 500_000;
const END: u64 = 5_000_000;
const LAST: u64 = END - 1_000_000;
/// More than a client gets done.
const COMMANDS: usize = 20_000;
const SEED: u64 = 1;

/// What came out for one choice of sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tolerance {
    /// So many followers may be down, and writes go on.
    pub followers: usize,
    /// So many replicas may be down, the leader among them, and writes go on; 0: no leader may.
    pub with_leader: usize,
    /// The time from one answer to the next where all are up: the median, in µs of simulated time.
    pub write: u64,
}

impl Tolerance {
    /// Measures one choice.
    #[must_use]
    pub fn of(sizes: Sizes, replicas: usize) -> Self {
        let world = counting(sizes, replicas);
        // The first of the group leads.
        let most = |first: usize| {
            let more = (first + 1)..=replicas;
            more.take_while(|end| goes_on(&world, &IDS[first..*end])).count()
        };
        let (followers, with_leader) = (most(1), most(0));
        Self { followers, with_leader, write: median(&world) }
    }
}

/// A replica of a group with these sizes.
#[must_use]
pub fn replica(group: &Group, sizes: Sizes) -> AnyNode {
    let config = Config { quorums: Some(sizes), ..Config::default() };
    AnyNode::new(Replica::new(group.clone(), config))
}

/// A client for each list of operations, which begins at the replica of that number, and the group.
fn world(
    replica: impl Fn(Group) -> AnyNode,
    replicas: usize,
    promised: &[&'static str],
    clients: &[(usize, usize)],
) -> Model<Paxos, Ledger> {
    let group = Group::new(&IDS[..replicas]);
    let clients = clients.iter().enumerate().map(|(i, (first, count))| {
        let ops = vec![Op::Increment { key: Blob::new(COUNTER) }; *count];
        let client = StoreClient::new(&group, *first, ops);
        let client = if *count > 1 { client.in_a_session() } else { client };
        Role::new(PROPOSERS[i], CLIENT_NAMES[i], "client", client)
    });
    let replicas = IDS
        .iter()
        .zip(NAMES)
        .take(replicas)
        .map(|(id, name)| Role::new(*id, name, "replica", replica(group.clone())).may_crash());
    let roles = clients.chain(replicas).collect();
    Model { roles, ..Nodes::STEP7.model(Scope::ONE, promised) }
}

/// One client counts as long as a run takes. The other promises look at all that was answered so far, and
/// these runs are long.
fn counting(sizes: Sizes, replicas: usize) -> Model<Paxos, Ledger> {
    world(|group| replica(&group, sizes), replicas, &["LOG"], &[(0, COMMANDS)])
}

/// Four replicas. `web-1` increments at the first, and `web-2`, which is down at first, at
/// the third.
#[must_use]
pub fn store_of_four(
    replica: impl Fn(Group) -> AnyNode,
    promised: &[&'static str],
) -> Model<Paxos, Ledger> {
    let mut world = world(replica, 4, promised, &[(0, 1), (2, 1)]);
    world.roles[1].starts_down = true;
    world
}

/// In [`store_of_four`]: `replica-1` has acknowledged an increment that `replica-2` accepted, and crashed.
/// The others know nothing of it. `replica-3` asks for promises, and `web-2` asks `replica-3`.
pub const TWO_OF_FOUR: &str = "deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-1 replica-3
deliver replica-2 replica-1
deliver replica-3 replica-1
deliver replica-1 replica-1
lose replica-1 replica-2
lose replica-1 replica-3
lose replica-1 replica-4
lose replica-1 replica-4
deliver web-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver replica-1 web-1
lose replica-1 replica-2
lose replica-1 replica-3
lose replica-1 replica-3
lose replica-1 replica-4
lose replica-1 replica-4
crash replica-1
timeout replica-2
lose replica-2 replica-1
lose replica-2 replica-3
lose replica-2 replica-4
timeout replica-3
lose replica-3 replica-1
deliver replica-3 replica-2
deliver replica-3 replica-4
deliver replica-2 replica-3
deliver replica-4 replica-3
lose replica-3 replica-1
restart web-2";

/// What is searched from there on: no other timer expires.
#[must_use]
pub fn from_there() -> Limits {
    Limits { timeouts: Some(0), restarts: false, states: 1_000_000, ..Limits::safety(0) }
}

fn run(world: &Model<Paxos, Ledger>, faults: Vec<Fault>) -> Vec<u64> {
    let schedule = FaultSchedule { faults, end: END, ..FaultSchedule::none() };
    let run = sim::run(world, &schedule, SEED);
    assert_eq!(run.broken, None, "quorums that share a replica keep every promise");
    run.actions.iter().filter(|timed| is_answer(timed)).map(|timed| timed.time).collect()
}

fn is_answer(timed: &TimedAction<Paxos>) -> bool {
    matches!(
        &timed.action.transition,
        Transition::Deliver { envelope, .. }
            if matches!(envelope.msg, Msg::Kv(Kv::Answer { outcome: Ok(_), .. }))
    )
}

/// Whether the client is still answered at the end if these go down and stay so.
fn goes_on(world: &Model<Paxos, Ledger>, down: &[NodeId]) -> bool {
    let down: BTreeSet<NodeId> = down.iter().copied().collect();
    let crash = |node| Fault::Crash { node, at: FAILS, back: None, wiped: false, forget: 0 };
    run(world, down.into_iter().map(crash).collect()).last().is_some_and(|at| *at >= LAST)
}

fn median(world: &Model<Paxos, Ledger>) -> u64 {
    let answers = run(world, Vec::new());
    let mut times: Vec<u64> = answers.windows(2).map(|pair| pair[1] - pair[0]).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(0)
}

/// All choices, side by side.
///
/// # Panics
/// If one of them is none.
#[must_use]
pub fn table() -> Table {
    let columns = [
        "replicas",
        "promises, votes",
        "followers that may be down",
        "replicas that may be down if the leader is one of them",
        "a write takes, median",
    ];
    let row = |(replicas, phase1, phase2): (u32, u32, u32)| {
        let sizes = Sizes::new(phase1, phase2, replicas).expect("two quorums share a replica");
        let Tolerance { followers, with_leader, write } = Tolerance::of(sizes, replicas as usize);
        let write = format!("{}.{:02} ms", write / 1_000, write / 10 % 100);
        vec![
            replicas.to_string(),
            format!("{phase1}, {phase2}"),
            followers.to_string(),
            with_leader.to_string(),
            write,
        ]
    };
    Table { columns: columns.map(Into::into).to_vec(), rows: SIZES.into_iter().map(row).collect() }
}

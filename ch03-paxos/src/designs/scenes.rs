//! Worlds and moments in which one line of a design matters.

use lab::NodeId;
use lab::explore::Model;
use lab::rng::Rng;
use lab::sim::{Fault, FaultSchedule, NetworkProfile};
use lab::world::Role;

use crate::client::{COUNTER, StoreClient};
use crate::group::{AnyNode, Group, Paxos};
use crate::invariants::Ledger;
use crate::types::kv::{Blob, Op};
use crate::worlds::{DRIFT, Nodes, PROPOSERS, REPLICAS, Scope};

const CLIENT_NAMES: [&str; 3] = ["web-1", "web-2", "web-3"];

/// When the leader of [`cut_off`] no longer reaches `replica-2`, in µs.
const FIRST_CUT: u64 = 20_000;

/// What a client of the store does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doing {
    /// Increments the counter so often; in a session, if more than once.
    Increments(u16),
    /// Reads it so often, beside the log.
    Reads(u16),
}

/// A store with these clients, each of which begins at the replica of this number.
#[must_use]
pub fn with_clients(
    nodes: &Nodes,
    promised: &[&'static str],
    clients: &[(Doing, usize)],
) -> Model<Paxos, Ledger> {
    let small = nodes.model(Scope::ONE, promised);
    let group = Group::new(&REPLICAS);
    let key = || Blob::new(COUNTER);
    let client = |(doing, first): (Doing, usize)| match doing {
        Doing::Increments(count) => {
            let ops = (0..count).map(|_| Op::Increment { key: key() });
            let client = StoreClient::new(&group, first, ops);
            if count > 1 { client.in_a_session() } else { client }
        }
        Doing::Reads(count) => {
            let ops = (0..count).map(|_| Op::Get { key: key() });
            StoreClient::new(&group, first, ops).reading_beside()
        }
    };
    let clients = clients
        .iter()
        .enumerate()
        .map(|(i, which)| Role::new(PROPOSERS[i], CLIENT_NAMES[i], "client", client(*which)));
    let replicas = small.roles.iter().filter(|role| REPLICAS.contains(&role.id)).cloned();
    Model { roles: clients.chain(replicas).collect(), ..small.clone() }
}

/// Two proposers and four replicas: half of them are no majority.
///
/// # Panics
/// If these are no proposers and acceptors.
#[must_use]
pub fn with_four_replicas(nodes: &Nodes, promised: &[&'static str]) -> Model<Paxos, Ledger> {
    let Nodes::Group { proposer, acceptor } = *nodes else { panic!("proposers and acceptors") };
    let small = nodes.model(Scope::TWO, promised);
    let [one, two, three] = REPLICAS;
    let replicas = [one, two, three, NodeId(14)];
    let names = ["replica-1", "replica-2", "replica-3", "replica-4"];
    let group = Group::new(&replicas).with_proposers(&PROPOSERS[..2]);
    let role = |id, name, kind, node: AnyNode| Role::new(id, name, kind, node);
    let proposers =
        (0..2).map(|i| role(PROPOSERS[i], CLIENT_NAMES[i], "client", proposer(group.clone(), i)));
    let acceptors = replicas
        .into_iter()
        .zip(names)
        .map(|(id, name)| role(id, name, "replica", acceptor(group.clone())));
    Model { roles: proposers.chain(acceptors).collect(), ..small }
}

/// Two replicas have promised 1.1, and then 1.2. Their answers are on the way.
pub const PROMISED: &str = "deliver web-1 replica-1
deliver web-1 replica-2
deliver web-2 replica-1
deliver web-2 replica-2
lose web-1 replica-3";

/// `replica-1` has acknowledged an increment, and crashed before `replica-2` was told that it is chosen.
/// `replica-2` asks for promises.
pub const ACKNOWLEDGED: &str = "deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
lose replica-1 replica-2
deliver web-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver replica-1 web-1
lose replica-1 replica-2
crash replica-1
lose replica-1 replica-3
lose replica-1 replica-3
lose replica-1 replica-3
lose replica-1 replica-3
timeout replica-3
lose replica-3 replica-2
timeout replica-2
deliver replica-2 replica-3
deliver replica-3 replica-2";

/// After [`ACKNOWLEDGED`]: `replica-2` leads, and has been told of the increment; `web-2` reads there.
pub const TOLD: &str = "deliver replica-2 replica-2
deliver replica-2 replica-2
lose replica-2 replica-1
lose replica-2 replica-1
lose replica-3 replica-1
deliver replica-2 replica-3
deliver replica-3 replica-2
lose replica-2 replica-1
lose replica-2 replica-1
lose replica-2 replica-3
deliver replica-2 replica-2
restart web-2
deliver web-2 replica-2";

/// `replica-1` has acknowledged an increment, `replica-2` has executed it, and then `replica-1` crashed.
/// `replica-3`, which knows nothing, asks for promises.
pub const KNOWS_LESS: &str = "deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
lose replica-1 replica-2
deliver web-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver replica-1 web-1
deliver replica-1 replica-2
crash replica-1
lose replica-1 replica-3
lose replica-1 replica-3
lose replica-1 replica-3
lose replica-1 replica-3
timeout replica-2
lose replica-2 replica-3
timeout replica-3
deliver replica-3 replica-2
deliver replica-2 replica-3";

/// After [`KNOWS_LESS`]: `replica-2` has promised, so `replica-3` leads; `web-2` reads there.
pub const LEADS_ANYWAY: &str = "deliver replica-3 replica-3
deliver replica-3 replica-3
lose replica-2 replica-1
lose replica-3 replica-1
lose replica-3 replica-1
deliver replica-3 replica-2
deliver replica-2 replica-3
lose replica-3 replica-1
restart web-2
deliver web-2 replica-3";

/// `replica-1` leads. The others have confirmed that for a read of `web-2`, and their confirmations are
/// slow. Then `replica-3` was elected, and it has acknowledged an increment. Now `web-3` reads, and asks
/// `replica-1`.
pub const REPLACED: &str = "deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
lose replica-1 replica-2
lose replica-1 replica-3
lose replica-1 replica-3
deliver web-3 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver replica-1 replica-1
lose replica-1 replica-3
deliver web-2 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-1 replica-3
timeout replica-3
lose replica-3 replica-1
deliver replica-3 replica-2
deliver replica-2 replica-3
lose replica-3 replica-1
deliver replica-3 replica-3
deliver replica-3 replica-3
deliver replica-3 replica-2
deliver replica-2 replica-3
lose replica-3 replica-1
lose replica-3 replica-2
deliver web-1 replica-3
deliver replica-3 replica-3
deliver replica-3 replica-3
lose replica-3 replica-1
deliver replica-3 replica-2
deliver replica-2 replica-3
deliver replica-3 web-1
deliver replica-1 web-3";

/// `web-1` increments where a new leader will be, and `web-2` reads by lease, and only at `replica-1`.
#[must_use]
pub fn read_by_lease(
    nodes: &Nodes,
    promised: &[&'static str],
    (writes, reads): (usize, usize),
) -> Model<Paxos, Ledger> {
    let small = nodes.model(Scope::ONE, promised);
    let [old, first, last] = REPLICAS;
    let key = || Blob::new(COUNTER);
    let writes = (0..writes).map(|_| Op::Increment { key: key() });
    let writer = StoreClient::new(&Group::new(&[last, first]), 0, writes).in_a_session();
    let reads = (0..reads).map(|_| Op::Get { key: key() });
    let reader = StoreClient::new(&Group::new(&[old]), 0, reads).reading_by_lease();
    let clients = [writer, reader].into_iter().enumerate();
    let clients =
        clients.map(|(i, client)| Role::new(PROPOSERS[i], CLIENT_NAMES[i], "client", client));
    let replicas = small.roles.iter().filter(|role| REPLICAS.contains(&role.id)).cloned();
    Model { roles: clients.chain(replicas).collect(), ..small.clone() }
}

/// The leader's clock is slow and the others' are fast, by so much. It reaches `replica-3` alone, and from
/// a moment on none, for so long; `replica-2` comes back without a leader, so that `replica-3` alone has
/// to miss it.
#[must_use]
pub fn cut_off(parts_per_million: u32, at: u64, lasts: u64) -> Vec<Fault> {
    let [old, first, last] = REPLICAS;
    let rate = i64::from(parts_per_million);
    let drift = |node, parts_per_million| Fault::Drift { node, parts_per_million };
    let cut = |to, at| Fault::Cut { from: old, to, both: true, at, lasts };
    vec![
        cut(first, FIRST_CUT),
        restarts(first, FIRST_CUT),
        cut(last, at),
        drift(old, -rate),
        drift(first, rate),
        drift(last, rate),
    ]
}

fn restarts(node: NodeId, at: u64) -> Fault {
    Fault::Crash { node, at, back: Some(1_000), wiped: false, forget: 0 }
}

/// What leases have to stand, with clocks that are off by [`DRIFT`]: the leader is cut off, and one of
/// these: nothing else; `replica-3` restarts when it has answered; answers are slow, and the leader is
/// paused before they come, and cut off when they have; messages are lost, come twice and overtake each
/// other; or the leader restarts.
#[must_use]
pub fn lease_faults(rng: &mut Rng) -> FaultSchedule {
    let (at, lasts) = (rng.pick(60_000..400_000), rng.pick(2_000_000..3_000_000));
    let mut profile = NetworkProfile::local();
    let faults = match rng.pick(0..5) {
        0 => cut_off(DRIFT, at, lasts),
        1 => [cut_off(DRIFT, at, lasts), vec![restarts(REPLICAS[2], at)]].concat(),
        2 => {
            profile.latency = 200..20_000;
            let pause = rng.pick(100_000..900_000);
            let paused = Fault::Pause { node: REPLICAS[0], at, lasts: pause };
            [cut_off(DRIFT, at + pause + 1, lasts), vec![paused]].concat()
        }
        3 => {
            let (latency, loss, duplicates) = (200..4_000, 20_000, 100_000);
            profile = NetworkProfile { latency, loss, duplicates, ..profile };
            cut_off(DRIFT, at, lasts)
        }
        _ => {
            let before = at - rng.pick(0..50_000);
            [cut_off(DRIFT, at, lasts), vec![restarts(REPLICAS[0], before)]].concat()
        }
    };
    FaultSchedule { profile, faults, ..FaultSchedule::none() }
}

/// The leader does not reach `replica-3`, restarts once, and all disks are slow.
#[must_use]
pub fn leader_restarts(rng: &mut Rng) -> FaultSchedule {
    let profile = NetworkProfile { disk: 500..20_000, ..NetworkProfile::local() };
    let [node, _, other] = REPLICAS;
    let (at, back) = (rng.pick(0..200_000), Some(rng.pick(1_000..10_000)));
    let cut = Fault::Cut { from: node, to: other, both: false, at: 0, lasts: 250_000 };
    let crash = Fault::Crash { node, at, back, wiped: false, forget: 0 };
    FaultSchedule { profile, faults: vec![cut, crash], ..FaultSchedule::none() }
}

/// One message in five is lost, and the leader crashes for good.
#[must_use]
pub fn leader_crashes(rng: &mut Rng) -> FaultSchedule {
    let profile = NetworkProfile { loss: 200_000, ..NetworkProfile::local() };
    let at = rng.pick(0..100_000);
    let crash = Fault::Crash { node: REPLICAS[0], at, back: None, wiped: false, forget: 0 };
    FaultSchedule { profile, faults: vec![crash], ..FaultSchedule::none() }
}

/// One message in seven is lost, some come twice, and one replica crashes, for good or for a while.
#[must_use]
pub fn storm(rng: &mut Rng) -> FaultSchedule {
    let profile = NetworkProfile { loss: 150_000, duplicates: 20_000, ..NetworkProfile::local() };
    let which = usize::try_from(rng.pick(0..REPLICAS.len() as u64)).expect("an index");
    let (node, at) = (REPLICAS[which], rng.pick(0..100_000));
    let back = rng.chance(500_000).then(|| rng.pick(1_000..1_000_000));
    let faults = vec![Fault::Crash { node, at, back, wiped: false, forget: 0 }];
    FaultSchedule { profile, faults, ..FaultSchedule::none() }
}

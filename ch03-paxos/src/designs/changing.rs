//! Worlds in which snapshots are taken and the group changes.

use lab::NodeId;
use lab::explore::Model;
use lab::rng::Rng;
use lab::sim::{Fault, FaultSchedule};
use lab::world::Role;

use crate::client::{COUNTER, StoreClient};
use crate::group::{AnyNode, Group, Paxos};
use crate::invariants::Ledger;
use crate::replicated_kv::Config;
use crate::types::kv::{Blob, Op};
use crate::worlds::{Nodes, PROPOSERS, REPLICAS, SPARE, Scope};

/// A log so short that a replica that comes in has to pull a snapshot.
pub const SHORT_LOG: Config =
    Config { forward: true, sessions: 8, log: 256, chunk: 64, drift: None, quorums: None };

const NAMES: [&str; 4] = ["replica-1", "replica-2", "replica-3", "replica-4"];
const CLIENT_NAMES: [&str; 2] = ["web-1", "web-2"];

/// So many increments.
#[must_use]
pub fn increments(count: usize) -> Vec<Op> {
    vec![Op::Increment { key: Blob::new(COUNTER) }; count]
}

/// The replica that waits takes the place of this one.
#[must_use]
pub fn replace(old: NodeId) -> Op {
    Op::Replace { old, new: SPARE }
}

/// Three replicas, one that waits outside, and clients that do this.
#[must_use]
pub fn changing(
    replica: impl Fn(Group) -> AnyNode,
    promised: &[&'static str],
    clients: &[Vec<Op>],
) -> Model<Paxos, Ledger> {
    let group = Group::new(&REPLICAS);
    let all = Group::new(&[REPLICAS[0], REPLICAS[1], REPLICAS[2], SPARE]);
    let clients = clients.iter().enumerate().map(|(i, ops)| {
        let client = StoreClient::new(&all, i, ops.iter().cloned()).in_a_session();
        Role::new(PROPOSERS[i], CLIENT_NAMES[i], "client", client)
    });
    let replicas = all
        .replicas
        .iter()
        .zip(NAMES)
        .map(|(id, name)| Role::new(*id, name, "replica", replica(group.clone())).may_crash());
    Model { roles: clients.chain(replicas).collect(), ..Nodes::STEP7.model(Scope::ONE, promised) }
}

/// One of the first three is replaced in the middle of what two clients do, who increment so often after that.
#[must_use]
pub fn changing_once(
    replica: impl Fn(Group) -> AnyNode,
    promised: &[&'static str],
    old: usize,
    count: usize,
) -> Model<Paxos, Ledger> {
    let begin = [increments(4), vec![replace(REPLICAS[old])], increments(count)].concat();
    changing(replica, promised, &[begin, increments(count)])
}

/// The smallest group that can change: two replicas, a third that takes the place of the second, and a
/// client that asks for this, and nothing else.
#[must_use]
pub fn smallest_change(
    replica: impl Fn(Group) -> AnyNode,
    promised: &[&'static str],
) -> Model<Paxos, Ledger> {
    let group = Group::new(&REPLICAS[..2]);
    let ops = [Op::Replace { old: REPLICAS[1], new: REPLICAS[2] }];
    let web = Role::new(PROPOSERS[0], CLIENT_NAMES[0], "client", StoreClient::new(&group, 0, ops));
    let replicas = REPLICAS
        .iter()
        .zip(NAMES)
        .map(|(id, name)| Role::new(*id, name, "replica", replica(group.clone())).may_crash());
    let roles = std::iter::once(web).chain(replicas).collect();
    Model { roles, ..Nodes::STEP7.model(Scope::ONE, promised) }
}

/// A few crashes with restarts, and links that fail for a while.
#[must_use]
pub fn trouble(rng: &mut Rng) -> FaultSchedule {
    let all = [REPLICAS[0], REPLICAS[1], REPLICAS[2], SPARE];
    let one = |rng: &mut Rng| all[rng.pick(0..4) as usize];
    let mut faults = Vec::new();
    for _ in 0..rng.pick(1..4) {
        let (at, lasts) = (rng.pick(500..30_000), rng.pick(1_000..1_500_000));
        let (from, to) = (one(rng), one(rng));
        faults.push(match rng.pick(0..2) {
            0 => Fault::Crash { node: from, at, back: Some(lasts), wiped: false, forget: 0 },
            _ => Fault::Cut { from, to, both: rng.pick(0..2) == 0, at, lasts },
        });
    }
    FaultSchedule { faults, ..FaultSchedule::none() }
}

/// `replica-3` is down, and replaced. When it comes back it knows nothing of that, and reaches `replica-2`
/// alone, which restarts just then and does not reach the leader.
#[must_use]
pub fn replaced_comes_back(rng: &mut Rng) -> FaultSchedule {
    let [leader, other, old] = REPLICAS;
    let at = rng.pick(100_000..300_000);
    let down = rng.pick(500..3_000);
    let crash =
        |node, at, back| Fault::Crash { node, at, back: Some(back), wiped: false, forget: 0 };
    let cut = |to| Fault::Cut { from: leader, to, both: true, at, lasts: 3_000_000 };
    let restarts = [crash(old, down, at), crash(other, at, 1_000)];
    let faults = restarts.into_iter().chain([cut(other), cut(old)]).collect();
    FaultSchedule { faults, ..FaultSchedule::none() }
}

/// Each of the replicas restarts, one after the other, while the others go on.
#[must_use]
pub fn all_restart(rng: &mut Rng) -> FaultSchedule {
    let faults = (1..).zip(REPLICAS).map(|(n, node)| {
        let back = Some(rng.pick(1_000..400_000));
        Fault::Crash { node, at: n * 20_000, back, wiped: false, forget: 0 }
    });
    let faults = faults.collect();
    FaultSchedule { faults, ..FaultSchedule::none() }
}

//! Reads beside the log, where they are in danger: at a leader that does not lead any more, and at one
//! that has just begun to.

use std::ops::Range;

use ch03_paxos::client::{COUNTER, StoreClient};
use ch03_paxos::designs::KV;
use ch03_paxos::group::{Group, Paxos};
use ch03_paxos::invariants::Ledger;
use ch03_paxos::types::Msg;
use ch03_paxos::types::kv::{Blob, Msg as Kv, Op};
use ch03_paxos::worlds::{Nodes, PROPOSERS, REPLICAS, Scope};
use lab::explore::Model;
use lab::rng::Rng;
use lab::script::Play;
use lab::sim::{self, Fault, FaultSchedule};
use lab::world::Role;

use crate::deliver::deliver;

const SEEDS: Range<u64> = if cfg!(feature = "slow") { 0..400 } else { 0..40 };
/// Longer than an election, in µs.
const LONG: u64 = 1_500_000;

/// One client increments so often, and begins at the replica of this number; another one reads beside the
/// log.
fn world(
    (writes, writes_at): (u16, usize),
    (reads, reads_at): (u16, usize),
) -> Model<Paxos, Ledger> {
    let small = Nodes::STEP7.model(Scope::ONE, KV);
    let group = Group::new(&REPLICAS);
    let key = || Blob::new(COUNTER);
    let increments = (0..writes).map(|_| Op::Increment { key: key() });
    let reads = (0..reads).map(|_| Op::Get { key: key() });
    let writer = StoreClient::new(&group, writes_at, increments);
    let writer = if writes > 1 { writer.in_a_session() } else { writer };
    let reader = StoreClient::new(&group, reads_at, reads).reading_beside();
    let clients = [
        Role::new(PROPOSERS[0], "web-1", "client", writer),
        Role::new(PROPOSERS[1], "web-2", "client", reader),
    ];
    let replicas = small.roles.iter().filter(|role| REPLICAS.contains(&role.id)).cloned();
    Model { roles: clients.into_iter().chain(replicas).collect(), ..small.clone() }
}

fn holds(world: &Model<Paxos, Ledger>, faults: impl Fn(&mut Rng) -> Vec<Fault>) {
    for seed in SEEDS {
        let faults = faults(&mut Rng::new(seed));
        let run = sim::run(world, &FaultSchedule { faults, ..FaultSchedule::none() }, seed);
        assert_eq!(run.broken, None, "seed {seed}");
        assert!(run.settled, "seed {seed}: some client is never answered");
    }
}

/// Its clients still reach it, and the others do not.
#[test]
fn a_leader_that_is_cut_off_answers_no_read() {
    let cut = |to, at| Fault::Cut { from: REPLICAS[0], to, both: true, at, lasts: LONG };
    holds(&world((300, 1), (1_500, 0)), |rng| {
        let at = rng.pick(5_000..200_000);
        vec![cut(REPLICAS[1], at), cut(REPLICAS[2], at)]
    });
}

/// `replica-1` has acknowledged an increment, and crashed before `replica-2` was told that it is chosen.
/// `replica-2` asks for promises.
const ACKNOWLEDGED: &str = "deliver replica-1 replica-1
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
timeout replica-3
lose replica-3 replica-2
timeout replica-2
deliver replica-2 replica-3
deliver replica-3 replica-2";

#[test]
fn a_new_leader_answers_no_read_before_it_has_executed_what_it_was_told() {
    let model = world((1, 0), (1, 1));
    let begun = Play::new(model.clone(), "").run(ACKNOWLEDGED).expect("a script");
    let mut world = begun.world().clone();
    // It leads, and the others say that they follow; its entries are slow.
    deliver(&mut world, |sent| matches!(sent.msg, Msg::Kv(Kv::Accept { .. })));
    assert_eq!(world.line(REPLICAS[1]).split(';').next(), Some("leads"));
    assert_eq!(model.broken(&world).map(|broken| broken.why), None);
    assert!(world.line(PROPOSERS[1]).contains("waits for: get"), "it answered");
    deliver(&mut world, |_| false);
    assert_eq!(model.broken(&world).map(|broken| broken.why), None);
    assert_eq!(world.line(PROPOSERS[1]), "told 1; has its answers");
}

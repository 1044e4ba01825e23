//! Replicas that are killed, frozen and restarted under load: the store goes on, nothing that was
//! acknowledged is lost, and what clients saw is linearizable.

use lab::resp::Reply;
use lab::rng::Rng;

use crate::history::Bench;
use crate::kit::{TestCluster, bulk, options};

const CLIENTS: u64 = 6;
/// Rounds of trouble, and how many operations are answered before, in and after each.
const ROUNDS: u64 = if cfg!(feature = "slow") { 40 } else { 4 };
const BETWEEN: u64 = 60;

/// What happens to a replica in a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Kill,
    Freeze,
}

/// Clients work, and in each round a replica, mostly the leader, is away for a while.
fn history_under(trouble: Trouble, seed: u64) {
    // So short that replicas take snapshots all the time.
    let mut cluster = TestCluster::with(options().with_value("log-size", "4096"));
    let replicas =
        |cluster: &TestCluster| cluster.replicas().into_iter().map(|(_, at)| at).collect();
    let recorded = Bench::begin(&cluster, seed * 100..seed * 100 + CLIENTS);
    let bench = &recorded.bench;
    let mut rng = Rng::new(seed);
    for _ in 0..ROUNDS {
        cluster.runtime.block_on(bench.goes_on(BETWEEN));
        let away = match rng.pick(0..4) {
            0 => format!("replica-{}", rng.pick(1..4)),
            _ => cluster.leader(),
        };
        match trouble {
            Trouble::Kill => drop(cluster.cluster.kill(&away).unwrap()),
            Trouble::Freeze => cluster.signal(&away, "-STOP"),
        }
        cluster.runtime.block_on(bench.goes_on(BETWEEN));
        match trouble {
            Trouble::Kill => drop(cluster.cluster.restart(&away, None).unwrap()),
            Trouble::Freeze => cluster.signal(&away, "-CONT"),
        }
        // One that restarted serves clients on another port.
        *bench.replicas.lock().unwrap() = replicas(&cluster);
    }
    cluster.runtime.block_on(bench.goes_on(BETWEEN));
    recorded.assert_linearizable(&cluster, (2 * ROUNDS + 1) * BETWEEN);
}

#[test]
fn what_clients_see_while_replicas_are_killed_is_linearizable() {
    history_under(Trouble::Kill, 1);
}

#[test]
fn what_clients_see_while_replicas_are_frozen_is_linearizable() {
    history_under(Trouble::Freeze, 2);
}

#[test]
fn what_was_acknowledged_is_there_after_all_replicas_were_killed() {
    let mut cluster = TestCluster::new();
    for n in 0..20 {
        let said = cluster.ask_any(&format!("SET k{n} v{n}"));
        assert_eq!(said, Reply::Simple("OK".into()));
    }
    let replicas = ["replica-1", "replica-2", "replica-3"];
    for replica in replicas {
        cluster.cluster.kill(replica).unwrap();
    }
    for replica in replicas {
        cluster.cluster.restart(replica, None).unwrap();
    }
    for n in 0..20 {
        assert_eq!(cluster.ask_any(&format!("GET k{n}")), bulk(&format!("v{n}")));
    }
}

/// The process ends by itself right after one of its first effects: of its start, of an election, of a
/// write. Whatever was acknowledged is there.
#[test]
fn a_replica_that_dies_after_any_of_its_effects_loses_nothing() {
    let mut cluster = TestCluster::new();
    let last = if cfg!(feature = "slow") { 60 } else { 12 };
    for effect in 1..=last {
        let value = format!("v{effect}");
        cluster.cluster.restart("replica-2", Some(effect)).unwrap();
        assert_eq!(cluster.ask_any(&format!("SET k{effect} {value}")), Reply::Simple("OK".into()));
        assert_eq!(cluster.ask_any("APPEND log x"), Reply::Integer(i64::try_from(effect).unwrap()));
        cluster.cluster.restart("replica-2", None).unwrap();
        assert_eq!(cluster.ask_any(&format!("GET k{effect}")), bulk(&value));
    }
    for effect in 1..=last {
        assert_eq!(cluster.ask_any(&format!("GET k{effect}")), bulk(&format!("v{effect}")));
    }
}

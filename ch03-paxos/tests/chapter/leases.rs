//! Reads by lease: what they cost, how long they are right if clocks are worse than was assumed, and that
//! nothing else makes them wrong.

use std::ops::Range;
use std::time::Duration;

use ch03_paxos::designs::KV;
use ch03_paxos::designs::scenes::{lease_faults, read_by_lease};
use ch03_paxos::group::{Group, Input};
use ch03_paxos::leases::{Measured, measured, stale_for};
use ch03_paxos::replicated_kv::{Config, Replica, leader_lease};
use ch03_paxos::types::kv::Msg as Kv;
use ch03_paxos::types::log::Slot;
use ch03_paxos::types::{Ballot, Msg, wait};
use ch03_paxos::worlds::{DRIFT, Nodes, REPLICAS};
use lab::node::{Effect, react};
use lab::rng::Rng;
use lab::sim;

/// A beat of an earlier leader that comes late must not end what was promised to a later one.
#[test]
fn a_replica_waits_for_one_leader_at_a_time() {
    let [old, new, me] = REPLICAS;
    let config = Config { drift: Some(DRIFT), ..Config::default() };
    let mut replica = Replica::new(Group::new(&REPLICAS), config);
    let mut take = |millis, input| {
        let effects = react(&mut replica, me, Duration::from_millis(millis), input);
        let sent = effects.into_iter().filter_map(|effect| match effect {
            Effect::Send { msg: Msg::Kv(msg), .. }
            | Effect::SendAhead { msg: Msg::Kv(msg), .. } => Some(msg),
            _ => None,
        });
        sent.collect::<Vec<Kv>>()
    };
    let ballot = |round, node| Ballot { round, node, start: 1 };
    let beat = |ballot: Ballot| Input::Message {
        from: ballot.node,
        msg: Msg::Kv(Kv::Beat { ballot, open: Slot(1), sent: Duration::ZERO }),
    };
    take(0, Input::Boot { start: 1 });
    let is_heard = |sent: &[Kv]| sent.iter().any(|msg| matches!(msg, Kv::Heard { .. }));
    assert!(is_heard(&take(306, beat(ballot(2, new)))));
    assert!(!is_heard(&take(308, beat(ballot(2, old)))), "it cannot wait for two");
    let (again, changes, first) = (ballot(3, old), 0, Slot(1));
    let prepare = Msg::Kv(Kv::Prepare { ballot: again, changes, first });
    let promised = take(310, Input::Message { from: old, msg: prepare });
    assert!(!promised.iter().any(|msg| matches!(msg, Kv::Promise { .. })), "{promised:?}");
}

const SEEDS: Range<u64> = if cfg!(feature = "slow") { 0..2_000 } else { 0..80 };

/// Within the bound, whatever else happens.
#[test]
fn no_read_by_lease_is_stale_while_clocks_keep_the_bound() {
    let world = read_by_lease(&Nodes::LEASED, KV, (300, 1_200));
    for seed in SEEDS {
        let run = sim::run(&world, &lease_faults(&mut Rng::new(seed)), seed);
        assert_eq!(run.broken, None, "seed {seed}");
        assert!(run.settled, "seed {seed}: some client is never answered");
    }
}

/// The others are not free before the lease is over, on the clocks for which that is hardest.
#[test]
fn a_lease_ends_before_the_others_are_free_and_not_much_sooner() {
    for (percent, first_stale) in [(0, 0), (5, 0), (10, 0), (11, 1), (30, 1)] {
        assert_eq!(u64::from(stale_for(percent * 10_000) > 0), first_stale, "{percent} %");
    }
    assert_eq!(leader_lease(0), wait::LEASE);
    assert!(leader_lease(10_000) > wait::LEASE * 98 / 100, "one percent costs two");
    assert!(leader_lease(1_000_000).is_zero(), "a clock that may stand still gives no lease");
}

#[test]
fn reads_are_stale_beyond_the_assumed_drift_and_never_for_longer_than_derived() {
    let bound = DRIFT / 10_000;
    for Measured { percent, derived, runs, oldest } in measured() {
        assert!(oldest <= derived, "{percent} %: {oldest} µs, and {derived} at most");
        assert!(*percent > bound || *runs == 0, "{percent} %: within the bound");
        assert!(*percent < 2 * bound || *runs > 0, "{percent} %: far beyond the bound");
    }
    let counts: Vec<usize> = measured().iter().map(|at| at.runs).collect();
    assert_eq!(counts, [0, 0, 0, 2, 8, 23, 36]);
}

//! Reads by lease: what they cost, how long they are right if clocks are worse than was assumed, and that
//! nothing else makes them wrong.

use std::ops::Range;

use ch03_paxos::designs::KV;
use ch03_paxos::designs::scenes::{lease_faults, read_by_lease};
use ch03_paxos::leases::{Measured, measured, stale_for};
use ch03_paxos::replicated_kv::leader_lease;
use ch03_paxos::types::wait;
use ch03_paxos::worlds::{DRIFT, Nodes};
use lab::rng::Rng;
use lab::sim;

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

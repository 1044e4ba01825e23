//! Storms: crashes with restarts, lost and doubled messages, over many seeds.

use ch02_two_phase_commit::designs::{ROBUST, study};
use lab::chapter::Models;
use lab::testing::survives_storms;

/// Storms for each design: a million take some three minutes on two cores.
const STORMS: u64 = if cfg!(feature = "slow") { 1_000_000 } else { 2_000 };

#[test]
fn robust_designs_survive_storms() {
    ROBUST.iter().for_each(|step| survives_storms(study(), step, 0..STORMS));
}

#[test]
fn a_storm_breaks_steps_1_and_2_and_the_run_shrinks() {
    for step in ["step1", "step2"] {
        let found = study().find(step, None, 0..2_000).expect("a step");
        let example = found.counterexample.expect("a broken run");
        let (before, after) = example.shrunk;
        assert!(after < before && after <= 30, "{step}: {before} events became {after}");
        assert!(example.log.header.verdict.is_some());
    }
}

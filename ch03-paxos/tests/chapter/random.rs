//! Storms: crashes with restarts, lost and doubled messages, over many seeds.

use ch03_paxos::designs::{ROBUST, study};
use lab::chapter::Models;
use lab::testing::survives_storms;

/// Storms for each design. A run of a log is ten times as long as one of a single decision, and one of the
/// store is longer still.
fn storms(step: &str) -> u64 {
    match (cfg!(feature = "slow"), step) {
        (false, _) => 2_000,
        (true, "step6") => 200_000,
        (true, "step7") => 40_000,
        (true, _) => 1_000_000,
    }
}

#[test]
fn robust_designs_survive_storms() {
    ROBUST.iter().for_each(|step| survives_storms(study(), step, 0..storms(step)));
}

#[test]
fn a_storm_breaks_step_1_and_the_run_shrinks() {
    let found = study().find("step1", None, 0..2_000).expect("a step");
    let example = found.counterexample.expect("a broken run");
    let (before, after) = example.shrunk;
    assert!(after < before, "{before} events became {after}");
    assert!(example.log.header.verdict.is_some());
}

//! Storms: crashes with restarts, lost and doubled messages, over many seeds.

use ch02_two_phase_commit::designs::study;
use lab::chapter::Models;
use lab::testing::survives_storms;

#[test]
fn steps_3_to_5_and_the_deeper_designs_survive_two_thousand_storms() {
    let deeper = ["termination", "paxos-commit", "fencing", "one-phase"];
    for step in ["step3", "step4", "step5"].into_iter().chain(deeper) {
        survives_storms(study(), step, 0..2_000);
    }
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

//! Random runs.

use ch01_sticky_sessions::designs::study;

#[test]
fn seeds_decide_what_happens() {
    lab::testing::seeds_decide(study());
}

#[test]
fn step7_survives_every_storm() {
    lab::testing::survives_storms(study(), "step7", 0..500);
}

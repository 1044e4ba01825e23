//! The same seed is the same run: byte for byte, here and on every other machine.

use ch03_paxos::designs::study;

#[test]
fn the_same_seed_gives_the_same_log_byte_for_byte() {
    lab::testing::seeds_decide(study());
}

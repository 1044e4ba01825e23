//! Every step under every fault: the verdicts of the book's table, with their reasons.

use ch01_sticky_sessions::designs::study;

#[test]
fn every_cell_is_as_expected() {
    lab::testing::matrix_is_expected(study());
}

//! Every step under every fault: the verdicts of the book's table.

use ch02_two_phase_commit::verdicts::{FAULTS, PINNED, matrix};

#[test]
fn every_cell_is_as_pinned() {
    let mut wrong = Vec::new();
    for (row, (step, pinned)) in matrix().rows.iter().zip(PINNED) {
        assert_eq!(row.step, step);
        for ((fault, cell), expected) in FAULTS.iter().zip(&row.cells).zip(pinned) {
            if cell.verdict != expected {
                wrong.push(format!("{step} under {fault}: {} {}", cell.verdict, cell.why));
            }
        }
    }
    assert!(wrong.is_empty(), "not as pinned:\n{}", wrong.join("\n"));
}

//! The pinned verdicts: every step under every fault. A test judges each cell and compares.
//!
//! *no fault* is two orders of which the second has to be declined. *crash* is a process that never
//! comes back, *restart* one that does. *a reader* looks while an order is on its way, and asks for
//! isolation only. The cells of *no fault* to *duplicate* and of *a reader* are proofs about a small
//! world; those from *cut* to *lying disk* are 200 simulated runs each.

use lab::chapter::{Bounds, Matrix, MatrixRow, Verdict};

use crate::steps;
use Verdict::{Ok, Stuck, Unsafe};

/// The columns.
pub const FAULTS: [&str; 12] = [
    "no fault",
    "crash",
    "restart",
    "loss",
    "duplicate",
    "cut",
    "one-way cut",
    "pause",
    "drift",
    "wiped",
    "lying disk",
    "a reader",
];

/// One row a step.
#[rustfmt::skip]
pub const PINNED: [(&str, [Verdict; 12]); 11] = [
    // no fault, crash, restart, loss, duplicate, cut, one-way, pause, drift, wiped, lying, a reader
    ("step1", [Unsafe; 12]),
    ("step2", [Ok, Stuck, Unsafe, Ok, Ok, Ok, Ok, Ok, Ok, Unsafe, Unsafe, Unsafe]),
    ("step3", [Ok, Stuck, Ok,     Ok, Ok, Ok, Ok, Ok, Ok, Unsafe, Unsafe, Unsafe]),
    ("step4", [Ok, Stuck, Ok,     Ok, Ok, Ok, Ok, Ok, Ok, Unsafe, Unsafe, Ok]),
    ("step5", [Ok, Stuck, Ok,     Ok, Ok, Ok, Ok, Ok, Ok, Unsafe, Unsafe, Unsafe]),
    ("termination", [Ok, Stuck, Ok, Ok, Ok, Ok, Ok, Ok, Ok, Unsafe, Unsafe, Unsafe]),
    ("3pc", [Ok, Ok, Ok, Ok, Ok, Ok, Unsafe, Unsafe, Ok, Unsafe, Unsafe, Unsafe]),
    ("paxos-commit", [Ok, Ok, Ok, Ok, Ok, Ok, Ok, Ok, Ok, Unsafe, Unsafe, Unsafe]),
    ("fencing", [Ok, Stuck, Ok, Ok, Ok, Ok, Ok, Ok, Ok, Unsafe, Unsafe, Unsafe]),
    ("one-phase", [Ok, Stuck, Ok, Ok, Ok, Ok, Ok, Ok, Ok, Unsafe, Unsafe, Ok]),
    ("read-only", [Ok, Stuck, Ok, Ok, Ok, Ok, Ok, Ok, Ok, Unsafe, Unsafe, Unsafe]),
];

/// Judges every cell.
#[must_use]
pub fn matrix() -> Matrix {
    let rows = steps::all().iter().map(|step| MatrixRow {
        step: step.info().id.into(),
        title: step.info().title.into(),
        cells: FAULTS.iter().map(|fault| step.judge(fault)).collect(),
    });
    Matrix { faults: FAULTS.iter().map(ToString::to_string).collect(), rows: rows.collect() }
}

/// Whether the pinned verdicts say that a step breaks within these bounds.
#[must_use]
pub fn unsafe_within(step: &str, bounds: &Bounds) -> bool {
    let within = |fault: &str| match fault {
        "restart" => bounds.crashes > 0,
        "loss" => bounds.losses > 0,
        // On the set network of the search for safety, loss and doubling are free.
        "duplicate" | "no fault" => true,
        _ => false,
    };
    // What three-phase commit rests on is gone when a message can vanish beside a crash.
    if step == "3pc" && bounds.crashes > 0 && bounds.losses > 0 {
        return true;
    }
    let row = PINNED.iter().find(|(id, _)| *id == step);
    row.is_some_and(|(_, cells)| {
        FAULTS.iter().zip(cells).any(|(fault, cell)| within(fault) && *cell == Unsafe)
    })
}

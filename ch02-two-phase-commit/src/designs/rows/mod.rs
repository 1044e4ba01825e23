//! The table of designs. What is expected stands in the order of the columns, [`super::FAULTS`]:
//! a verdict and its reason for each, between semicolons.

mod several;

use lab::chapter::{Bounds, StepInfo, Verdict};
use lab::explore::Limits;

use super::{ATOMIC, PLAIN, Row};
use crate::deeper::{one_phase, read_only, termination, three_phase_commit as three_phase};
use crate::shop::AnyNode;
use crate::worlds::{Nodes, Read};
use crate::{
    step1_no_coordination as step1, step2_two_phases as step2, step3_log_first as step3,
    step4_isolation as step4, step5_saga as step5,
};

/// The steps in reading order, then those off the main path.
pub(super) fn all() -> Vec<Row> {
    [
        atomic(),
        isolated_or_undone(),
        left_alone(),
        several::replicated(),
        several::stored(),
        fewer(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What most designs have in common with step 3.
fn like_step3() -> Row {
    Row {
        info: StepInfo { id: "", module: "", files: Vec::new(), title: "", verdict: "" },
        promised: ATOMIC,
        nodes: Nodes::STEP3,
        read: Read::Each,
        participants: 2,
        safety: Limits::safety,
        progress: |bounds| Limits::progress(bounds.crashes, bounds.losses, bounds.duplicates),
        wide: false,
        combined: Vec::new(),
        expected: "",
    }
}

/// Each attempt that a lock conflict starts over is a new id, so with a crash beside them unbounded
/// retries of every timer would be too many states for a test.
fn one_timeout(crashes: u8) -> Limits {
    Limits { timeouts: (crashes > 0).then_some(1), ..Limits::safety(crashes) }
}

/// On a bag, with timers that expire last: because that is all the design promises, or because a set
/// has too many states.
fn on_bag(crashes: u8) -> Limits {
    Limits::progress(crashes, 0, 0)
}

/// A process that comes back would have to be explored with all that is on its way.
fn for_good(bounds: &Bounds) -> Limits {
    let limits = Limits::progress(bounds.crashes, bounds.losses, bounds.duplicates);
    Limits { restarts: false, ..limits }
}

/// From no coordination to atomic commitment.
fn atomic() -> Vec<Row> {
    vec![
        Row {
            info: info(
                "step1",
                "step1_no_coordination",
                "No coordination: half an order",
                "unsafe",
                &["ch02-two-phase-commit/src/step1_no_coordination.rs"],
            ),
            promised: PLAIN,
            nodes: Nodes::new(
                || AnyNode::new(step1::Coordinator::default()),
                |accounts| AnyNode::new(step1::Participant::new(accounts)),
            ),
            expected: "unsafe MONEY; unsafe ONCE; unsafe ONCE; unsafe ONCE; unsafe ONCE; \
                       unsafe NACK; unsafe ONCE; unsafe ONCE; unsafe MONEY; unsafe NACK; \
                       unsafe NACK; unsafe HALF",
            ..like_step3()
        },
        Row {
            info: info(
                "step2",
                "step2_two_phases",
                "Two-phase commit (2PC) in memory: a restart forgets",
                "unsafe after a restart",
                &["ch02-two-phase-commit/src/step2_two_phases.rs"],
            ),
            nodes: Nodes::new(
                || AnyNode::new(step2::Coordinator::default()),
                |accounts| AnyNode::new(step2::Participant::new(accounts)),
            ),
            expected: "ok; stuck waits for coord; unsafe MONEY; ok; ok; ok; ok; ok; ok; \
                       unsafe MONEY; unsafe MONEY; unsafe HALF",
            ..like_step3()
        },
        Row {
            info: info(
                "step3",
                "step3_log_first",
                "Two-phase commit with a log: write, then send",
                "atomic; stuck while the coordinator is gone; a reader sees half an order",
                &["ch02-two-phase-commit/src/step3_log_first.rs"],
            ),
            expected: "ok; stuck waits for coord; ok; ok; ok; ok; ok; ok; ok; unsafe MONEY; \
                       unsafe MONEY; unsafe HALF",
            ..like_step3()
        },
    ]
}

/// Isolation, and the other promise.
fn isolated_or_undone() -> Vec<Row> {
    vec![
        Row {
            info: info(
                "step4",
                "step4_isolation",
                "Isolation and blocking: locks until the end",
                "atomic and isolated; stuck, with locks, while the coordinator is gone",
                &[
                    "ch02-two-phase-commit/src/step4_isolation/coordinator.rs",
                    "ch02-two-phase-commit/src/step4_isolation/participant.rs",
                    "ch02-two-phase-commit/src/step4_isolation/locks.rs",
                ],
            ),
            nodes: Nodes::new(
                || AnyNode::new(step4::Coordinator::default()),
                |accounts| AnyNode::new(step4::Participant::new(accounts)),
            ),
            read: Read::Snapshot,
            safety: one_timeout,
            expected: "ok; stuck waits for coord; ok; ok; ok; ok; ok; ok; ok; unsafe MONEY; \
                       unsafe MONEY; ok",
            ..like_step3()
        },
        Row {
            info: info(
                "step5",
                "step5_saga",
                "Saga: act first, compensate if needed",
                "done or compensated in the end; a reader sees half an order",
                &["ch02-two-phase-commit/src/step5_saga.rs"],
            ),
            promised: PLAIN,
            nodes: Nodes::new(
                || AnyNode::new(step5::Coordinator::default()),
                |accounts| AnyNode::new(step5::Participant::new(accounts)),
            ),
            expected: "ok; stuck waits for stock; ok; ok; ok; ok; ok; ok; ok; unsafe MONEY; \
                       unsafe MONEY; unsafe HALF",
            ..like_step3()
        },
    ]
}

/// What the processes that are left can do by themselves.
fn left_alone() -> Vec<Row> {
    vec![
        Row {
            info: info(
                "termination",
                "deeper/termination",
                "Cooperative termination: participants ask each other",
                "atomic; stuck only if no process in reach knows the outcome",
                &["ch02-two-phase-commit/src/deeper/termination.rs"],
            ),
            nodes: Nodes::new(
                || AnyNode::new(termination::Coordinator::new(step3::Coordinator::default())),
                |accounts| {
                    AnyNode::new(termination::Participant::new(step3::Participant::new(accounts)))
                },
            ),
            expected: "ok; stuck waits for coord; ok; ok; ok; ok; ok; ok; ok; unsafe MONEY; \
                       unsafe MONEY; unsafe HALF",
            ..like_step3()
        },
        Row {
            info: info(
                "3pc",
                "deeper/three_phase_commit",
                "Three-phase commit (3PC): one more round",
                "never stuck, and atomic only while no message is lost or late",
                &[
                    "ch02-two-phase-commit/src/deeper/three_phase_commit/coordinator.rs",
                    "ch02-two-phase-commit/src/deeper/three_phase_commit/participant.rs",
                ],
            ),
            nodes: Nodes::new(
                || AnyNode::new(three_phase::Coordinator::default()),
                |accounts| {
                    AnyNode::new(three_phase::Participant::new(step3::Participant::new(accounts)))
                },
            ),
            safety: on_bag,
            combined: vec![(
                Bounds { crashes: 1, losses: 1, duplicates: 0, states: 0 },
                Verdict::Unsafe,
            )],
            expected: "ok; ok; ok; ok; ok; ok; unsafe ACK; unsafe ACK; ok; unsafe MONEY; \
                       unsafe MONEY; unsafe HALF",
            ..like_step3()
        },
    ]
}

/// Fewer messages.
fn fewer() -> Vec<Row> {
    vec![
        Row {
            info: info(
                "one-phase",
                "deeper/one_phase",
                "One-phase commit: a single participant decides",
                "done once; stuck while the participant is gone",
                &["ch02-two-phase-commit/src/deeper/one_phase.rs"],
            ),
            promised: PLAIN,
            nodes: Nodes::new(
                || AnyNode::new(one_phase::Coordinator::new(step3::Coordinator::default())),
                |accounts| {
                    AnyNode::new(one_phase::Participant::new(step3::Participant::new(accounts)))
                },
            ),
            participants: 1,
            expected: "ok; stuck waits for pay; ok; ok; ok; ok; ok; ok; ok; unsafe ONCE; \
                       unsafe ONCE; ok",
            ..like_step3()
        },
        Row {
            info: info(
                "read-only",
                "deeper/read_only",
                "Read-only vote: a participant leaves early",
                "atomic; a reader sees half an order",
                &["ch02-two-phase-commit/src/deeper/read_only.rs"],
            ),
            nodes: Nodes::new(
                || AnyNode::new(read_only::Coordinator::new(step4::Coordinator::default())),
                |accounts| {
                    AnyNode::new(read_only::Participant::new(step4::Participant::new(accounts)))
                },
            ),
            read: Read::Snapshot,
            safety: one_timeout,
            expected: "ok; stuck waits for coord; ok; ok; ok; ok; ok; ok; ok; unsafe MONEY; \
                       unsafe MONEY; unsafe HALF",
            ..like_step3()
        },
    ]
}

fn info(
    id: &'static str,
    module: &'static str,
    title: &'static str,
    verdict: &'static str,
    files: &[&'static str],
) -> StepInfo {
    StepInfo { id, module, files: files.to_vec(), title, verdict }
}

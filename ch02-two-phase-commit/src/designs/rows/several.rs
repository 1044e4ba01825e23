//! Designs with more than one coordinator.

use lab::explore::Limits;

use super::{Row, for_good, info, like_step3, on_bag, one_timeout};
use crate::deeper::{decision_store, fencing, paxos_commit};
use crate::shop::AnyNode;
use crate::worlds::{Nodes, Read};
use crate::{step3_log_first as step3, step4_isolation as step4};

/// Two coordinators that act on timers have too many states for a process that comes back: without
/// crashes on a set, and with them on a bag.
fn without_returns(crashes: u8) -> Limits {
    match crashes {
        0 => Limits { timeouts: Some(2), ..Limits::safety(0) },
        _ => Limits { restarts: false, ..on_bag(crashes) },
    }
}

/// More than one coordinator.
pub(super) fn replicated() -> Vec<Row> {
    vec![
        Row {
            info: info(
                "paxos-commit",
                "deeper/paxos_commit",
                "Paxos Commit: two of three are enough",
                "atomic, and never stuck with one of three gone",
                &[
                    "ch02-two-phase-commit/src/deeper/paxos_commit/coordinator/mod.rs",
                    "ch02-two-phase-commit/src/deeper/paxos_commit/coordinator/ballots.rs",
                    "ch02-two-phase-commit/src/deeper/paxos_commit/coordinator/recovery.rs",
                    "ch02-two-phase-commit/src/deeper/paxos_commit/coordinator/reads.rs",
                    "ch02-two-phase-commit/src/deeper/paxos_commit/acceptor.rs",
                    "ch02-two-phase-commit/src/deeper/paxos_commit/participant.rs",
                ],
            ),
            nodes: Nodes {
                standbys: paxos_commit::STANDBYS,
                ..Nodes::new(
                    || AnyNode::new(paxos_commit::Coordinator::default()),
                    |accounts| {
                        AnyNode::new(paxos_commit::Participant::new(step3::Participant::new(
                            accounts,
                        )))
                    },
                )
            },
            safety: on_bag,
            progress: for_good,
            wide: true,
            expected: "ok; ok; ok; ok; ok; ok; ok; ok; ok; unsafe MONEY; unsafe MONEY; \
                       unsafe HALF",
            ..like_step3()
        },
        Row {
            info: info(
                "fencing",
                "deeper/fencing",
                "Fencing: the paused coordinator wakes",
                "atomic with two coordinators; stuck while their store is down",
                &[
                    "ch02-two-phase-commit/src/deeper/fencing/coordinator.rs",
                    "ch02-two-phase-commit/src/deeper/fencing/store.rs",
                    "ch02-two-phase-commit/src/deeper/fencing/participant.rs",
                ],
            ),
            nodes: Nodes {
                standbys: fencing::STANDBYS,
                endpoints: fencing::ENDPOINTS,
                ..Nodes::new(
                    || AnyNode::new(fencing::Coordinator::default()),
                    |accounts| {
                        AnyNode::new(fencing::Participant::new(step3::Participant::new(accounts)))
                    },
                )
            },
            safety: one_timeout,
            wide: true,
            expected: "ok; stuck waits for store; ok; ok; ok; ok; ok; ok; ok; unsafe MONEY; \
                       unsafe MONEY; unsafe HALF",
            ..like_step3()
        },
    ]
}

/// The decision in a store that any coordinator may ask.
pub(super) fn stored() -> Vec<Row> {
    vec![Row {
        info: info(
            "decision-store",
            "deeper/decision_store",
            "Decision store: the first row decides",
            "atomic with two coordinators; stuck while the store is down",
            &[
                "ch02-two-phase-commit/src/deeper/decision_store/server.rs",
                "ch02-two-phase-commit/src/deeper/decision_store/coordinator.rs",
                "ch02-two-phase-commit/src/deeper/decision_store/participant.rs",
            ],
        ),
        nodes: Nodes {
            standbys: decision_store::STANDBYS,
            endpoints: decision_store::ENDPOINTS,
            ..Nodes::new(
                || AnyNode::new(decision_store::Coordinator::default()),
                |accounts| {
                    AnyNode::new(decision_store::Participant::new(step4::Participant::new(
                        accounts,
                    )))
                },
            )
        },
        read: Read::Snapshot,
        safety: without_returns,
        progress: for_good,
        wide: true,
        expected: "ok; stuck waits for store; ok; ok; ok; ok; ok; ok; ok; unsafe MONEY; \
                   unsafe MONEY; ok",
        ..like_step3()
    }]
}

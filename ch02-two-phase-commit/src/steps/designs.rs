//! The list of the chapter's designs, each with what it promises.

use std::sync::OnceLock;

use lab::chapter::StepInfo;

use super::{ATOMIC, PLAIN, Step};
use crate::deeper::{
    fencing, one_phase, paxos_commit, read_only, termination, three_phase_commit as three_phase,
};
use crate::shop::AnyNode;
use crate::worlds::{Design, Look};
use crate::{
    step1_no_coordination as step1, step2_two_phases as step2, step3_log_first as step3,
    step4_isolation as step4, step5_saga as step5,
};

/// All designs: the steps in reading order, then those off the main path.
pub fn all() -> &'static [Step] {
    static ALL: OnceLock<Vec<Step>> = OnceLock::new();
    ALL.get_or_init(|| {
        [main_path(), left_alone(), several(), fewer()].into_iter().flatten().collect()
    })
}

fn main_path() -> Vec<Step> {
    vec![
        Step::new(
            info("step1", "step1_no_coordination", "Call both, one after the other", "unsafe"),
            PLAIN,
            Design::new(
                || AnyNode::new(step1::Coordinator::default()),
                |accounts| AnyNode::new(step1::Participant::new(accounts)),
            ),
        ),
        Step::new(
            info("step2", "step2_two_phases", "Ask first, then do", "unsafe after a restart"),
            ATOMIC,
            Design::new(
                || AnyNode::new(step2::Coordinator::default()),
                |accounts| AnyNode::new(step2::Participant::new(accounts)),
            ),
        ),
        Step::new(
            info(
                "step3",
                "step3_log_first",
                "Write it down before you say it",
                "atomic; stuck while the coordinator is gone; a reader sees half an order",
            ),
            ATOMIC,
            Design::STEP3,
        ),
        Step {
            look: Look::OneMoment,
            // Each attempt that a lock conflict starts over is a new id, so unbounded retries of
            // every timer would be too many states for a test.
            timeouts: Some(1),
            ..Step::new(
                info(
                    "step4",
                    "step4_isolation",
                    "Lock it until it has ended",
                    "atomic and isolated; stuck, with locks, while the coordinator is gone",
                ),
                ATOMIC,
                Design::new(
                    || AnyNode::new(step4::Coordinator::default()),
                    |accounts| AnyNode::new(step4::Participant::new(accounts)),
                ),
            )
        },
        Step::new(
            info(
                "step5",
                "step5_saga",
                "Do it, and be ready to take it back",
                "done or made up for in the end; everybody sees the hole",
            ),
            PLAIN,
            Design::new(
                || AnyNode::new(step5::Coordinator::default()),
                |accounts| AnyNode::new(step5::Participant::new(accounts)),
            ),
        ),
    ]
}

/// What those who are left can do by themselves.
fn left_alone() -> Vec<Step> {
    vec![
        Step::new(
            info(
                "termination",
                "deeper/termination",
                "Ask those who were asked too",
                "atomic; stuck only if nobody in reach knows",
            ),
            ATOMIC,
            Design::new(
                || AnyNode::new(termination::Coordinator::new(step3::Coordinator::default())),
                |accounts| {
                    AnyNode::new(termination::Participant::new(step3::Participant::new(accounts)))
                },
            ),
        ),
        Step {
            // All it promises rests on timers that are longer than any message takes.
            on_bag: true,
            ..Step::new(
                info(
                    "3pc",
                    "deeper/three_phase_commit",
                    "Say that all said yes, then commit",
                    "never stuck, and atomic only while no message is lost or late",
                ),
                ATOMIC,
                Design::new(
                    || AnyNode::new(three_phase::Coordinator::default()),
                    |accounts| {
                        AnyNode::new(three_phase::Participant::new(step3::Participant::new(
                            accounts,
                        )))
                    },
                ),
            )
        },
    ]
}

/// More than one coordinator.
fn several() -> Vec<Step> {
    vec![
        Step {
            // Six processes: on a set there are more states than a test has time for.
            on_bag: true,
            wide: true,
            ..Step::new(
                info(
                    "paxos-commit",
                    "deeper/paxos_commit",
                    "Three keep the votes, two are enough",
                    "atomic, and never stuck with one of three gone",
                ),
                ATOMIC,
                Design {
                    standbys: paxos_commit::STANDBYS,
                    ..Design::new(
                        || AnyNode::new(paxos_commit::Coordinator::default()),
                        |accounts| {
                            AnyNode::new(paxos_commit::Participant::new(step3::Participant::new(
                                accounts,
                            )))
                        },
                    )
                },
            )
        },
        Step {
            timeouts: Some(1),
            wide: true,
            ..Step::new(
                info(
                    "fencing",
                    "deeper/fencing",
                    "Number the takeovers",
                    "atomic though two coordinate; stuck without their store",
                ),
                ATOMIC,
                Design {
                    standbys: fencing::STANDBYS,
                    endpoints: fencing::ENDPOINTS,
                    ..Design::new(
                        || AnyNode::new(fencing::Coordinator::default()),
                        |accounts| {
                            AnyNode::new(fencing::Participant::new(step3::Participant::new(
                                accounts,
                            )))
                        },
                    )
                },
            )
        },
    ]
}

/// Fewer messages.
fn fewer() -> Vec<Step> {
    vec![
        Step {
            participants: 1,
            ..Step::new(
                info(
                    "one-phase",
                    "deeper/one_phase",
                    "Hand it over, if only one takes part",
                    "done once; stuck while that one is gone",
                ),
                PLAIN,
                Design::new(
                    || AnyNode::new(one_phase::Coordinator::new(step3::Coordinator::default())),
                    |accounts| {
                        AnyNode::new(one_phase::Participant::new(step3::Participant::new(accounts)))
                    },
                ),
            )
        },
        Step {
            look: Look::OneMoment,
            timeouts: Some(1),
            ..Step::new(
                info(
                    "read-only",
                    "deeper/read_only",
                    "Whoever only looks leaves early",
                    "atomic; a reader sees half an order",
                ),
                ATOMIC,
                Design::new(
                    || AnyNode::new(read_only::Coordinator::new(step4::Coordinator::default())),
                    |accounts| {
                        AnyNode::new(read_only::Participant::new(step4::Participant::new(accounts)))
                    },
                ),
            )
        },
    ]
}

/// A design by its id or its module.
#[must_use]
pub fn step(name: &str) -> Option<&'static Step> {
    all().iter().find(|step| step.info.id == name || step.info.module == name)
}

fn info(
    id: &'static str,
    module: &'static str,
    title: &'static str,
    verdict: &'static str,
) -> StepInfo {
    let files = match id {
        "step1" => vec!["ch02-two-phase-commit/src/step1_no_coordination.rs"],
        "step2" => vec!["ch02-two-phase-commit/src/step2_two_phases.rs"],
        "step3" => vec!["ch02-two-phase-commit/src/step3_log_first.rs"],
        "step4" => vec![
            "ch02-two-phase-commit/src/step4_isolation/coordinator.rs",
            "ch02-two-phase-commit/src/step4_isolation/participant.rs",
            "ch02-two-phase-commit/src/step4_isolation/locks.rs",
        ],
        "step5" => vec!["ch02-two-phase-commit/src/step5_saga.rs"],
        "3pc" => vec![
            "ch02-two-phase-commit/src/deeper/three_phase_commit/coordinator.rs",
            "ch02-two-phase-commit/src/deeper/three_phase_commit/participant.rs",
        ],
        "paxos-commit" => vec![
            "ch02-two-phase-commit/src/deeper/paxos_commit/coordinator.rs",
            "ch02-two-phase-commit/src/deeper/paxos_commit/coordinator/ballots.rs",
            "ch02-two-phase-commit/src/deeper/paxos_commit/coordinator/life.rs",
            "ch02-two-phase-commit/src/deeper/paxos_commit/coordinator/looks.rs",
            "ch02-two-phase-commit/src/deeper/paxos_commit/acceptor.rs",
            "ch02-two-phase-commit/src/deeper/paxos_commit/participant.rs",
        ],
        "fencing" => vec![
            "ch02-two-phase-commit/src/deeper/fencing/coordinator.rs",
            "ch02-two-phase-commit/src/deeper/fencing/store.rs",
            "ch02-two-phase-commit/src/deeper/fencing/participant.rs",
        ],
        "one-phase" => vec!["ch02-two-phase-commit/src/deeper/one_phase.rs"],
        "read-only" => vec!["ch02-two-phase-commit/src/deeper/read_only.rs"],
        _ => vec!["ch02-two-phase-commit/src/deeper/termination.rs"],
    };
    StepInfo { id, module, files, title, verdict }
}

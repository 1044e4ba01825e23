//! The table of designs. What is expected stands in the order of the columns, [`super::FAULTS`]: a
//! verdict and its reason for each, between semicolons.

use lab::chapter::StepInfo;

use super::{CONSENSUS, KV, LOG, ONE, Row, STORE, TWO};
use crate::group::AnyNode;
use crate::worlds::{Crashing, Nodes, Scope, wanted};
use crate::{
    duel, step2_majority_vote as step2, step3_single_decree as step3, step5_leader as step5,
    step6_log as step6,
};

/// Two replicas have promised to `web-1`.
const PREPARED: &str = "deliver web-1 replica-1
deliver web-1 replica-2
deliver replica-1 web-1
deliver replica-2 web-1";

/// `replica-1` leads.
pub(crate) const LEADS: &str = "deliver replica-1 replica-2
deliver replica-2 replica-1";

/// The steps in reading order.
pub(super) fn all() -> Vec<Row> {
    [before_paxos(), paxos(), led(), vec![store()]].into_iter().flatten().collect()
}

/// One answers alone; all vote once.
fn before_paxos() -> Vec<Row> {
    vec![
        Row {
            info: info(
                "step1",
                "step1_primary_backup",
                "Primary and backup: an acknowledged write is lost",
                "unsafe",
                &["ch03-paxos/src/step1_primary_backup.rs"],
            ),
            promised: STORE,
            nodes: Nodes::PrimaryBackup,
            scope: TWO,
            page: ONE,
            timeouts: Some(3),
            second: 0,
            opening: "",
            expected: "ok; unsafe READ; unsafe READ; ok; ok; unsafe READ; unsafe READ; \
                       unsafe READ; ok; unsafe READ; unsafe READ",
        },
        Row {
            info: info(
                "step2",
                "step2_majority_vote",
                "Majority vote: safe, and stuck after a split vote",
                "stuck; unsafe after a restart",
                &["ch03-paxos/src/step2_majority_vote.rs"],
            ),
            promised: CONSENSUS,
            nodes: Nodes::Group {
                proposer: |group, i| AnyNode::new(step2::Proposer::new(group, wanted(i))),
                acceptor: |group| AnyNode::new(step2::Acceptor::new(group)),
            },
            scope: Scope::THREE.crashing(Crashing::OneReplica),
            page: TWO,
            timeouts: None,
            second: 0,
            opening: "",
            expected: "stuck waits for ever; stuck waits for replica-2; unsafe AGREE; ok; ok; ok; \
                       ok; ok; ok; unsafe AGREE; unsafe AGREE",
        },
    ]
}

/// One decision, asked for in two phases.
fn paxos() -> Vec<Row> {
    vec![
        Row {
            info: info(
                "step3",
                "step3_single_decree",
                "Single-decree Paxos in memory: a restart forgets",
                "unsafe after a restart",
                &["ch03-paxos/src/step3_single_decree.rs"],
            ),
            promised: CONSENSUS,
            nodes: Nodes::Group {
                proposer: |group, i| AnyNode::new(step3::Proposer::new(group, wanted(i))),
                acceptor: |group| AnyNode::new(step3::Acceptor::new(group)),
            },
            scope: TWO,
            page: TWO,
            timeouts: Some(1),
            second: 0,
            opening: PREPARED,
            expected: "ok; ok; unsafe AGREE; ok; ok; ok; ok; ok; ok; unsafe AGREE; unsafe AGREE",
        },
        Row {
            info: info(
                "step4",
                "step4_durable",
                "Single-decree Paxos on disk: safe after any restart",
                "ok while a majority is up",
                &["ch03-paxos/src/step4_durable.rs"],
            ),
            promised: CONSENSUS,
            nodes: Nodes::STEP4,
            scope: TWO,
            page: TWO,
            timeouts: Some(1),
            second: 0,
            opening: PREPARED,
            expected: "ok; ok; ok; ok; ok; ok; ok; ok; ok; unsafe AGREE; unsafe AGREE",
        },
    ]
}

/// A leader, for one decision and for a log of them.
fn led() -> Vec<Row> {
    vec![
        Row {
            info: info(
                "step5",
                "step5_leader",
                "Leader and back-off: duelling proposers make way",
                "ok while a majority is up; duels are short",
                &["ch03-paxos/src/step5_leader.rs"],
            ),
            promised: CONSENSUS,
            nodes: Nodes::Group {
                proposer: duel::led,
                acceptor: |group| AnyNode::new(step5::Acceptor::new(group)),
            },
            scope: TWO,
            page: TWO,
            timeouts: Some(2),
            second: 1,
            opening: "",
            expected: "ok; ok; ok; ok; ok; ok; ok; ok; ok; unsafe AGREE; undecided too many states",
        },
        Row {
            info: info(
                "step6",
                "step6_log",
                "Multi-Paxos: a log of decisions, one leader",
                "ok while a majority is up; a command may be chosen twice",
                &["ch03-paxos/src/step6_log.rs"],
            ),
            promised: LOG,
            nodes: Nodes::Log(|group| AnyNode::new(step6::Replica::new(group))),
            scope: ONE,
            page: ONE,
            timeouts: Some(1),
            second: 1,
            opening: LEADS,
            expected: "ok; ok; ok; ok; ok; ok; ok; ok; ok; unsafe LOG; undecided too many states",
        },
    ]
}

/// What people use.
fn store() -> Row {
    Row {
        info: info(
            "step7",
            "replicated_kv",
            "Replicated store: exactly once, whoever leads",
            "ok while a majority is up",
            &[
                "ch03-paxos/src/replicated_kv/replica.rs",
                "ch03-paxos/src/replicated_kv/sessions.rs",
                "ch03-paxos/src/replicated_kv/clients.rs",
                "ch03-paxos/src/replicated_kv/election.rs",
                "ch03-paxos/src/replicated_kv/leader.rs",
                "ch03-paxos/src/replicated_kv/follower.rs",
            ],
        ),
        promised: KV,
        nodes: Nodes::STEP7,
        scope: ONE,
        page: ONE,
        timeouts: Some(1),
        second: 1,
        opening: "",
        expected: "ok; ok; ok; ok; ok; ok; ok; ok; ok; unsafe ONCE; unsafe LOG",
    }
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

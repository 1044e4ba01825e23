//! The store under a bench of Maelstrom's kind: partitions, lost messages, nodes that are killed and come
//! back, and what clients see held against a register.

use std::process::Command;
use std::time::Duration;

use lab::check::Verdict;
use lab::maelstrom::{Fault, Runner};

use crate::kit::PROGRAM;

/// How many requests are answered.
const OPERATIONS: usize = if cfg!(feature = "slow") { 6_000 } else { 600 };

fn linearizable(faults: Vec<Fault>, loss: u32, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let bench = Runner {
        operations: OPERATIONS,
        rate: 400,
        latency: Duration::from_micros(100)..Duration::from_millis(2),
        loss,
        faults,
        seed,
        ..Runner::default()
    };
    let report = bench.run(|_| {
        let mut command = Command::new(PROGRAM);
        command.args(["maelstrom", "--log"]).arg(dir.path());
        command
    });
    let report = report.unwrap();
    assert_eq!(report.judged.verdict, Verdict::Ok, "{report}");
    assert!(report.totals.answered >= OPERATIONS, "{report}");
}

#[test]
fn it_is_linearizable_while_its_network_is_divided() {
    linearizable(vec![Fault::One, Fault::Majority, Fault::MajoritiesRing], 0, 1);
}

#[test]
fn it_is_linearizable_while_nodes_are_killed_and_messages_lost() {
    linearizable(vec![Fault::Crash, Fault::CrashAll, Fault::Crash], 20_000, 2);
}

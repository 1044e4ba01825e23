//! The comparison with etcd and Redis, in a small form: times mean nothing here, verdicts do.

use std::path::Path;
use std::time::Duration;

use ch03_paxos::system::engines::{TERMS, contend, failover};
use lab::measure::{Plan, Setup};

fn setup(dir: &Path) -> Setup {
    Setup {
        program: env!("CARGO_BIN_EXE_ch03-paxos").into(),
        prefix: vec!["role".into()],
        dir: dir.to_owned(),
        seconds: 1,
    }
}

#[test]
fn every_store_does_every_job_and_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    let setup = setup(data.path());
    let turn = Duration::from_millis(300);
    let plan = Plan { dir: setup.dir.clone(), turn, rounds: 1, clients: vec![1, 40] };
    let mut out = Vec::new();
    let compared = contend(&setup, &plan, &mut out);
    let said = String::from_utf8(out).unwrap();
    let compared = compared.unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert!(compared.is_ok(), "{said}");
    assert_eq!(said.matches("; ok, 0 acknowledged puts lost").count(), 6, "{said}");
    assert_eq!(said.matches("; ok, 0 wrong answers").count(), 6, "{said}");
    let table = compared.table(TERMS);
    assert_eq!(table.rows.len(), 18);
    assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{table}");
    for row in &compared.rows {
        let turn = &row.turns[0];
        assert_eq!(turn.measured.failed(), 0, "{said}");
        match (row.job, row.clients, turn.fsyncs) {
            (_, _, None) => assert_eq!(row.name, "one Redis, unreplicated"),
            // A majority forces each put, whatever the machine does.
            ("put", 1, Some(fsyncs)) => assert!(fsyncs >= 2.0, "{said}"),
            ("put", _, Some(fsyncs)) => assert!(fsyncs > 0.0, "{said}"),
            ("read", _, Some(fsyncs)) => assert!(fsyncs < 1.0, "{said}"),
            _ => {}
        }
    }
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing stays");
}

#[test]
fn the_leader_is_killed_and_nothing_that_was_acknowledged_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    let outcome = failover::measure(&setup(data.path()), &mut out);
    let said = String::from_utf8(out).unwrap();
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert!(outcome.is_ok, "{said}");
    assert_eq!(said.matches("; 0 lost").count(), 3, "{said}");
    assert_eq!(outcome.kept["rows"].as_array().unwrap().len(), 3, "{}", outcome.text);
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing stays");
}

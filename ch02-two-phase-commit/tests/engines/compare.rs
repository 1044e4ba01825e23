//! The comparison with real databases, in a small form: times mean nothing here, verdicts do.

use std::time::Duration;

use ch02_two_phase_commit::system::postgres::compare::{TERMS, contend};
use lab::measure::{Plan, Setup};

#[test]
fn every_contender_moves_money_and_loses_none() {
    let data = tempfile::tempdir().unwrap();
    // PostgreSQL runs as another user if we are root.
    #[cfg(unix)]
    std::fs::set_permissions(data.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let setup = Setup {
        program: env!("CARGO_BIN_EXE_ch02-two-phase-commit").into(),
        prefix: vec!["role".into()],
        dir: data.path().to_owned(),
        seconds: 1,
    };
    let turn = Duration::from_millis(300);
    let plan = Plan { dir: setup.dir.clone(), turn, rounds: 1, clients: vec![1, 4] };
    let mut out = Vec::new();
    let compared = contend(&setup, &plan, &mut out);
    let said = String::from_utf8(out).unwrap();
    let compared = compared.unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert!(compared.is_ok(), "{said}");
    assert_eq!(said.matches("; ok, ").count(), 6, "{said}");
    let table = compared.table(TERMS);
    assert_eq!(table.rows.len(), 6);
    assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{table}");
    // A prepared transaction is synced more often than a local one, whatever the machine does.
    let fsyncs = |row: usize| compared.rows[row].turns[0].fsyncs.unwrap();
    assert!(fsyncs(1) > 2.0 * fsyncs(2), "{said}");
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing stays");
}

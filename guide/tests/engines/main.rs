//! The comparison with real databases, in a small form: times mean nothing here, verdicts do.

use std::time::Duration;

use guide::measure::{Plan, measure};
use guide::workspace::Workspace;

#[test]
fn every_contender_moves_money_and_loses_none() {
    let dir = tempfile::tempdir().unwrap();
    let ws = Workspace { root: dir.path().to_owned(), chapters: guide::chapters::all() };
    let data = tempfile::tempdir().unwrap();
    let plan = Plan {
        program: env!("CARGO_BIN_EXE_guide").into(),
        dir: data.path().to_owned(),
        turn: Duration::from_millis(300),
        rounds: 1,
        clients: vec![1, 4],
    };
    // PostgreSQL runs as somebody else if we are root.
    #[cfg(unix)]
    std::fs::set_permissions(data.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let mut out = Vec::new();
    let ok = measure(&ws, &plan, false, &mut out);
    let said = String::from_utf8(out).unwrap();
    assert!(ok.unwrap_or_else(|trouble| panic!("{trouble}\n{said}")), "{said}");
    assert_eq!(said.matches("; ok, ").count(), 6, "{said}");
    let kept =
        std::fs::read_to_string(dir.path().join("target/measure/ch02_engines.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["rows"].as_array().unwrap().len(), 6);
    let columns = kept["columns"].as_array().unwrap().len();
    assert!(
        kept["rows"].as_array().unwrap().iter().all(|row| row.as_array().unwrap().len() == columns)
    );
    // A prepared transaction forces more than a local one, whatever the machine does.
    let forced = |row: usize| kept["rows"][row][8].as_str().unwrap().parse::<f64>().unwrap();
    assert!(forced(1) > 2.0 * forced(2), "{said}");
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing stays");
}

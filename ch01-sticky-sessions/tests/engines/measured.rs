//! What `guide measure ch01` measures, for a moment: all of it runs, and what is counted is right.

use std::path::Path;

use ch01_sticky_sessions::chapter;
use lab::measure::{Outcome, Setup};

fn measured(name: &str, dir: &Path) -> Outcome {
    let (program, prefix) =
        (env!("CARGO_BIN_EXE_ch01-sticky-sessions").into(), vec!["role".into()]);
    let setup = Setup { program, prefix, dir: dir.into(), seconds: 1 };
    let all = chapter().measures();
    let measure = all.iter().find(|measure| measure.name == name).expect("it is offered");
    measure.run(&setup, &mut Vec::new()).unwrap()
}

#[test]
fn three_balancers_answer_in_every_turn() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = measured("balancers", dir.path());
    let rows = outcome.kept["rows"].as_array().unwrap();
    assert!(outcome.is_ok && rows.len() == 3, "{}", outcome.text);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing stays");
}

#[test]
fn design_7_asks_its_store_less_often_than_design_5_which_asks_for_each_page() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = measured("store", dir.path());
    let asked =
        |row: usize| -> f64 { outcome.kept["rows"][row][1].as_str().unwrap().parse().unwrap() };
    assert!(outcome.is_ok, "{}", outcome.text);
    assert!((0.99..1.1).contains(&asked(0)), "one question for each page: {}", outcome.text);
    assert!(asked(1) < 0.5, "{}", outcome.text);
}

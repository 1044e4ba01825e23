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

#[test]
fn our_balancer_answers_every_case_in_every_section_and_the_explained_ones_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = measured("conformance", dir.path());
    assert!(outcome.is_ok, "{}", outcome.text);
    let rows = outcome.kept["rows"].as_array().unwrap();
    let at = rows.iter().position(|row| row[1] == "all").expect("a row for all cases");
    let number = |row: usize, column: usize| -> usize {
        rows[row][column].as_str().unwrap().parse().unwrap()
    };
    for column in [2, 3, 4] {
        let sum: usize = (0..at).map(|row| number(row, column)).sum();
        assert_eq!(sum, number(at, column), "{}", outcome.text);
    }
    assert_eq!(rows[at][0], format!("all {} cases", number(at, 2)));
    assert_eq!(rows.len() - at - 1, 6, "one row for each that the book explains");
    assert!(rows[at + 1..].iter().all(|row| row[2] == "✓ as asked"), "{}", outcome.text);
}

#[test]
fn users_are_answered_beside_two_thousand_connections_that_dribble() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = measured("dribbling", dir.path());
    let rows = outcome.kept["rows"].as_array().unwrap();
    assert!(outcome.is_ok && rows.len() == 2, "{}", outcome.text);
}

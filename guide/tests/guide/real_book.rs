//! The book itself.

use guide::book::check::check;
use guide::workspace::Workspace;

#[test]
fn the_book_has_no_missing_stale_dead_or_overlong_part() {
    let ws = Workspace::here().expect("the workspace");
    let site = tempfile::tempdir().expect("a temporary folder");
    let report = check(&ws, site.path(), guide::cli::run).expect("the book loads");
    let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn every_exercise_says_what_it_must() {
    let ws = Workspace::here().expect("the workspace");
    let _ = guide::exercise::all(&ws).unwrap_or_else(|e| panic!("{e}"));
}

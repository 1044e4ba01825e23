//! The book itself.

use guide::book::check::check;
use guide::book::page::Meta;
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

#[test]
fn a_step_has_one_name_in_the_contents_on_its_page_and_on_the_scoreboard() {
    let ws = Workspace::here().expect("the workspace");
    let contents = ws.read("book/src/SUMMARY.md").expect("the contents");
    let entries = contents.lines().filter_map(|line| {
        let (_, entry) = line.split_once('[')?;
        entry.strip_suffix(')')?.split_once("](")
    });
    for (name, path) in entries {
        let page = ws.read(&format!("book/src/{path}")).expect("a page of the contents");
        if let Some(title) = page.lines().nth(1).and_then(|line| line.strip_prefix("# ")) {
            assert_eq!(title, name, "{path}");
        }
        let meta = Meta::parse(&page).unwrap_or_else(|e| panic!("{path}: {e}"));
        if let (Some(chapter), Some(step)) = (meta.chapter, meta.step) {
            let step =
                ws.step(&format!("{chapter}/{step}")).unwrap_or_else(|e| panic!("{path}: {e}"));
            assert_eq!(step.info.title, name, "{path}");
        }
    }
}

//! Every mistake that mdBook lets pass in silence stops the check, and says where and what to do.

use guide::book::check::{Report, check};
use guide::workspace::Workspace;

use crate::fake;

fn report(spoil: impl Fn(&Workspace)) -> Report {
    let (dir, ws) = fake::book();
    spoil(&ws);
    check(&ws, &dir.path().join("site"), guide::cli::run).expect("the book loads")
}

/// Replaces words in a file, and says what the check then says first.
fn first_error(file: &str, find: &str, replace: &str) -> String {
    let report = report(|ws| {
        let text = ws.read(file).expect("the file");
        assert!(text.contains(find), "{file} does not contain {find}");
        ws.write(file, &text.replace(find, replace)).expect("written");
    });
    report.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const STEP1: &str = "book/src/ch99/step1.md";

#[test]
fn the_book_without_mistakes_passes() {
    let report = report(|_| {});
    assert_eq!(report.errors, [], "{:?}", report.errors);
    assert!(report.table.contains("ch99: its main path"));
}

#[test]
fn a_broken_anchor_is_an_error_with_its_line() {
    let error = first_error(STEP1, "step2_ask.rs anchor=take", "step2_ask.rs anchor=tkae");
    assert!(
        error.contains("book/src/ch99/step1.md:6: ch99-fake/src/step2_ask.rs has no anchor `tkae`"),
        "{error}"
    );
    assert!(error.contains("anchors there: take"));
}

#[test]
fn an_anchor_that_is_not_closed_is_an_error() {
    let error = first_error("ch99-fake/src/step2_ask.rs", "// ANCHOR_END: take\n", "");
    assert!(error.contains("anchor `take` is never closed"), "{error}");
}

#[test]
fn an_empty_anchor_is_an_error() {
    let body = "fn take(left: u32) -> Option<u32> {\n    left.checked_sub(1)\n}\n";
    let error = first_error("ch99-fake/src/step2_ask.rs", body, "");
    assert!(error.contains("anchor `take` is empty"), "{error}");
}

#[test]
fn a_long_listing_is_an_error() {
    let long = format!("left - 1;\n{}", "    work();\n".repeat(40));
    let error = first_error("ch99-fake/src/step2_ask.rs", "left.checked_sub(1)", &long);
    assert!(error.contains("a listing may have 40"), "{error}");
}

#[test]
fn a_line_that_paper_would_cut_is_an_error() {
    let wide = |letters: usize| format!("// {}\n    left.checked_sub(1)", "x".repeat(letters - 3));
    let error = first_error("ch99-fake/src/step2_ask.rs", "left.checked_sub(1)", &wide(103));
    assert!(error.contains("a line has 107 letters, paper has room for 106"), "{error}");
}

#[test]
fn a_stale_output_and_a_stale_run_are_errors() {
    let error = first_error("book/data/outputs/ch99/find.txt", "seed 7", "seed 8");
    assert!(error.contains("find.txt: stale") && error.contains("book refresh"), "{error}");
    let error = first_error("book/data/runs/ch99/half-an-order.jsonl", "taken", "token");
    assert!(error.contains("half-an-order.jsonl: stale"), "{error}");
}

#[test]
fn a_dead_link_and_a_dead_heading_are_errors() {
    let error = first_error("book/src/start.md", "#the-shop-takes", "#the-shop-gives");
    assert!(error.contains("start.html: link to ch99/step1.html#the-shop-gives"), "{error}");
    let error = first_error("book/src/start.md", "ch99/step1.md", "ch99/step7.md");
    assert!(error.contains("no such page"), "{error}");
}

#[test]
fn an_undefined_term_is_an_error_and_an_unused_one_a_warning() {
    let error = first_error(STEP1, "[[in doubt]]", "[[in debt]]");
    assert!(error.contains("the term `in debt` is not in the glossary"), "{error}");
    let report = report(|ws| {
        let text = ws.read(STEP1).unwrap().replace("[[in doubt]]", "in doubt");
        ws.write(STEP1, &text).unwrap();
    });
    assert!(report.errors.is_empty());
    assert!(report.warnings.iter().any(|w| w.what.contains("no page uses the term `in doubt`")));
}

#[test]
fn rust_written_into_a_page_is_an_error() {
    let error = first_error("book/src/ch99/step2.md", "Text.", "```rust\nfn main() {}\n```");
    assert!(error.contains("nothing compiles it"), "{error}");
}

#[test]
fn a_page_over_budget_is_an_error() {
    let error = first_error("book/src/ch99/step2.md", "Text.", &"word ".repeat(720));
    assert!(error.contains("722 words, the budget of this kind of page is 700"), "{error}");
}

#[test]
fn a_missing_page_of_a_step_is_an_error() {
    let error = first_error("book/src/ch99/step2.md", "step=step2", "step=step1");
    assert!(error.contains("no page kind=step chapter=ch99 step=step2"), "{error}");
}

#[test]
fn an_unknown_directive_a_missing_number_and_an_open_box_are_errors() {
    assert!(
        first_error(STEP1, "{{#output", "{{#ouptut").contains("there is no directive `ouptut`")
    );
    assert!(
        first_error(STEP1, "ch99.states_step2", "ch99.states")
            .contains("there is no number `ch99.states`")
    );
    assert!(first_error(STEP1, "{{/why}}", "").contains("this why is never closed"));
    assert!(
        first_error(STEP1, "find=\"left - 1\"", "find=\"left - 2\"").contains("stands 0 times")
    );
    assert!(
        first_error(STEP1, "  The answer was lost.\n", "").contains("nothing explains the answer")
    );
}

#[test]
fn the_built_book_refuses_what_the_check_refuses() {
    let (dir, ws) = fake::book();
    let text = ws.read(STEP1).unwrap().replace("anchor=take since", "anchor=gone since");
    ws.write(STEP1, &text).unwrap();
    let error = guide::book::build(&ws, &dir.path().join("site")).unwrap_err().to_string();
    assert!(error.contains("has no anchor `gone`"), "{error}");
}

//! The commands, as a reader types them.

use std::ffi::OsString;

use guide::commands::measure::{Wanted, run};
use guide::workspace::Workspace;
use lab::chapter::Chapter;
use lab::measure::Measure;

use crate::fake;

fn guide(line: &str) -> (i32, String) {
    let (dir, ws) = fake::book();
    let line = line.replace("DIR", &dir.path().display().to_string());
    let args: Vec<OsString> = format!("guide {line}").split_whitespace().map(Into::into).collect();
    let mut out = Vec::new();
    let code = guide::cli::run(&ws, args, &mut out);
    (code, String::from_utf8(out).expect("words"))
}

#[test]
fn every_command_says_what_to_try_next() {
    let commands = [
        "list",
        "run ch99/step1 --seed 7",
        "find ch99/step1",
        "find ch99/step2 --seeds 5",
        "find ch99/step1 --fault crash",
        "explore ch99/step2",
        "explore ch99/step1 --fault crash",
        "matrix",
        "matrix ch99",
        "table ch99/left",
        "diff ch99 step1 step2",
        "book check",
        "book refresh",
        "book build",
        "exercise list",
        "exercise start ch99/both",
        "exercise hint ch99/both",
        "exercise solution ch99/both",
        "doctor",
        "replay DIR/book/data/runs/ch99/half-an-order.jsonl",
    ];
    for command in commands {
        let (code, said) = guide(command);
        assert_eq!(code, 0, "{command}: {said}");
        assert!(said.contains("next: cargo "), "{command} says nothing of what is next: {said}");
    }
}

#[test]
fn a_table_names_the_column_of_each_cell() {
    let (_, said) = guide("table ch99/left");
    assert!(said.starts_with("1\n  left  9\n2\n  left  unsafe\n"), "{said}");
    let (code, said) = guide("table ch99/right");
    assert_eq!(code, 2);
    assert!(said.contains("no table `ch99/right`") && said.contains("one of: ch99/left"), "{said}");
}

#[test]
fn a_matrix_has_the_verdicts_and_below_them_what_each_step_costs() {
    let (code, said) = guide("matrix ch99");
    let expected = "ch99  Who took the umbrella?
                            crash        loss
  step1  just take it       ✗ unsafe     ‖ stuck
  step2  ask before taking  ✓ ok         ~ slow

  1 take
    messages per order  3
  2 ask
    messages per order  12

";
    assert_eq!(code, 0);
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn an_unknown_step_or_chapter_lists_those_there_are() {
    let (code, said) = guide("run ch99/step9");
    assert_eq!(code, 2);
    assert!(said.contains("no step `step9`") && said.contains("ch99/step1, ch99/step2"), "{said}");
    let (_, said) = guide("explore ch07/step1");
    assert!(said.contains("no chapter `ch07`") && said.contains("one of: ch99"), "{said}");
    let (_, said) = guide("find ch99/step1 --fault flood");
    assert!(said.contains("no fault `flood`") && said.contains("crash, loss"), "{said}");
    let (_, said) = guide("explore ch99/step1 --fault flood");
    assert!(said.contains("no fault `flood`") && said.contains("crash, loss"), "{said}");
    let (_, said) = guide("run step1");
    assert!(said.contains("ch99/step1"), "{said}");
}

#[test]
fn explore_exits_0_only_when_the_verdict_is_the_expected_one() {
    assert_eq!(guide("explore ch99/step2").0, 0);
    let (code, said) = guide("explore ch99/step2 --losses 1");
    assert_eq!(code, 1);
    assert!(said.contains("NOT as expected"));
}

#[test]
fn a_cell_is_judged_alone_and_says_whether_it_is_expected() {
    let (code, said) = guide("explore ch99/step1 --fault crash");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("✗ unsafe") && said.contains("take 1 umbrella"), "{said}");
    let (code, said) = guide("explore ch99/step2 --fault loss");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("~ slow") && said.contains("NOT as expected"), "{said}");
}

#[test]
fn the_picture_of_a_find_is_one_of_the_same_fault() {
    let (_, said) = guide("find ch99/step1 --fault crash");
    assert!(said.contains("find ch99/step1 --fault \"crash\" --html broken.html"), "{said}");
    let (_, said) = guide("find ch99/step1");
    assert!(said.contains("find ch99/step1 --html broken.html"), "{said}");
}

#[test]
fn a_diff_counts_its_lines() {
    let (_, said) = guide("diff ch99 step1 step2");
    assert!(said.contains("    2 + fn take(left: u32) -> Option<u32> {"), "{said}");
    assert!(said.contains("2 lines added, 2 removed"), "{said}");
}

#[test]
fn a_run_can_be_written_as_one_page() {
    let (code, said) = guide("run ch99/step1 --html DIR/run.html");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("picture: "));
}

#[test]
fn a_script_is_played_or_refused_with_its_place() {
    let (dir, ws) = fake::book();
    let file = dir.path().join("s.txt");
    for (text, code, words) in [("buy", 0, "bought"), ("sell", 2, "line 1: no `buy`")] {
        std::fs::write(&file, text).unwrap();
        let mut out = Vec::new();
        let args = [
            "guide".into(),
            "run".into(),
            "ch99/step1".into(),
            "--script".into(),
            file.clone().into(),
        ];
        assert_eq!(guide::cli::run(&ws, args.to_vec(), &mut out), code);
        assert!(String::from_utf8(out).unwrap().contains(words));
    }
}

#[test]
fn a_started_exercise_is_never_overwritten() {
    let (_dir, ws) = fake::book();
    let start = |out: &mut Vec<u8>| {
        guide::cli::run(
            &ws,
            ["guide", "exercise", "start", "ch99/both"].map(Into::into).to_vec(),
            out,
        )
    };
    assert_eq!(start(&mut Vec::new()), 0);
    assert!(ws.read("ch99-fake/exercises/work/both.rs").unwrap().contains("yes >= 1"));
    let mut out = Vec::new();
    assert_eq!(start(&mut out), 2);
    assert!(String::from_utf8(out).unwrap().contains("you have started ch99/both already"));
}

#[test]
fn all_renderers_are_supported() {
    assert_eq!(guide("preprocess supports html").0, 0);
}

/// Measures beside an engine whose client is in no build.
struct Lacking;

impl Chapter for Lacking {
    fn id(&self) -> &'static str {
        "ch97"
    }

    fn question(&self) -> &'static str {
        "How fast?"
    }

    fn folder(&self) -> &'static str {
        "ch97-lacking"
    }

    fn measures(&self) -> Vec<Measure> {
        vec![Measure::new("beside", "ours beside theirs").needs("engines")]
    }
}

#[test]
fn a_build_that_cannot_measure_says_which_one_can() {
    let dir = tempfile::tempdir().unwrap();
    let chapters: Vec<&'static dyn Chapter> = vec![&Lacking];
    let ws = Workspace { root: dir.path().to_owned(), chapters };
    let wanted = |name: Option<&str>| {
        let name = name.map(ToOwned::to_owned);
        Wanted { name, seconds: 1, dir: None, save: false }
    };
    let error = run(&ws, "ch97", wanted(None), &mut Vec::new()).unwrap_err();
    assert!(error.what.contains("without the feature `engines`"), "{error}");
    let command = "cargo run --release --features engines --bin guide -- measure ch97";
    assert!(error.fix.contains(command), "{error}");
    let error = run(&ws, "ch97", wanted(Some("outage")), &mut Vec::new()).unwrap_err();
    assert!(error.what.contains("no measurement `outage`"), "{error}");
    assert!(error.fix.contains("beside (ours beside theirs)"), "{error}");
}

#[test]
fn a_chapter_without_a_system_has_nothing_to_measure() {
    let (code, said) = guide("measure ch99");
    assert_eq!(code, 2);
    assert!(said.contains("ch99 has nothing to measure"), "{said}");
}

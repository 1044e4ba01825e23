//! Starters fail, solutions pass, plausible wrong answers are caught.

use guide::exercise::judge::{Answer, judge, variants};
use guide::exercise::{self, Exercise};
use guide::workspace::Workspace;

use crate::fake;

/// Judges all variants at once and names those that came out wrong.
fn surprises(ws: &Workspace, exercises: &[Exercise]) -> Vec<String> {
    let all: Vec<(Answer, bool)> = exercises.iter().flat_map(|e| variants(ws, e)).collect();
    if all.is_empty() {
        return vec![];
    }
    let answers: Vec<Answer> = all.iter().map(|(a, _)| a.clone()).collect();
    let verdicts = judge(ws, &answers).unwrap_or_else(|e| panic!("{e}"));
    let pairs = all.iter().zip(verdicts).filter(|((_, expected), v)| v.passed != *expected);
    pairs.map(|((a, _), v)| format!("{}: passed is {}: {}", a.name, v.passed, v.said)).collect()
}

#[test]
fn every_solution_passes_and_every_starter_and_wrong_answer_fails() {
    let ws = Workspace::here().expect("the workspace");
    let all = exercise::all(&ws).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(surprises(&ws, &all), Vec::<String>::new());
}

#[test]
fn the_made_up_exercise_is_judged_rightly() {
    let (_dir, ws) = fake::book();
    let all = exercise::all(&ws).unwrap();
    assert_eq!(variants(&ws, &all[0]).len(), 3, "a starter, a solution, a wrong answer");
    assert_eq!(surprises(&ws, &all), Vec::<String>::new());
}

#[test]
fn a_learner_s_copy_is_judged_and_the_compiler_is_quoted() {
    let (_dir, ws) = fake::book();
    let run = |words: &str| {
        let args = format!("guide exercise {words} ch99/both");
        let mut out = Vec::new();
        let code = guide::cli::run(&ws, args.split(' ').map(Into::into).collect(), &mut out);
        (code, String::from_utf8(out).unwrap())
    };
    assert!(run("check").1.contains("you have not started"));
    assert_eq!(run("start").0, 0);
    let (code, said) = run("check");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("✗ not yet") && said.contains("ready after one yes"), "{said}");
    let copy = "ch99-fake/exercises/work/both.rs";
    let text = ws.read(copy).unwrap();
    ws.write(copy, &text.replace("yes >= 1", "yes >= 2")).unwrap();
    assert_eq!(run("check").0, 0);
    ws.write(copy, &text.replace("yes >= 1", "yse >= 2")).unwrap();
    let (code, said) = run("check");
    assert_eq!(code, 2);
    assert!(said.contains("it does not compile") && said.contains("yse"), "{said}");
}

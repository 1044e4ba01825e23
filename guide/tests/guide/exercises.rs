//! Starters fail, solutions pass, plausible wrong answers are caught.

use guide::exercise::judge::{Answer, Expected, judge, variants};
use guide::exercise::{self, Exercise};
use guide::workspace::Workspace;

use crate::fake;

/// All variants of these exercises.
fn all_variants(ws: &Workspace, exercises: &[Exercise]) -> Vec<(Answer, Expected)> {
    exercises.iter().flat_map(|e| variants(ws, e).unwrap_or_else(|e| panic!("{e}"))).collect()
}

/// Judges all variants at once and names those that came out wrong.
fn surprises(ws: &Workspace, exercises: &[Exercise]) -> Vec<String> {
    let all = all_variants(ws, exercises);
    if all.is_empty() {
        return vec![];
    }
    let answers: Vec<Answer> = all.iter().map(|(a, _)| a.clone()).collect();
    let verdicts = judge(ws, &answers).unwrap_or_else(|e| panic!("{e}"));
    let pairs = all.iter().zip(verdicts).filter(|((_, expected), verdict)| !verdict.is(expected));
    pairs
        .map(|((answer, expected), verdict)| {
            let said = &verdict.said;
            format!("{}: {expected:?}, but passed is {}: {said}", answer.name, verdict.passed)
        })
        .collect()
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
    assert_eq!(all_variants(&ws, &all).len(), 3, "a starter, a solution, a wrong answer");
    assert_eq!(surprises(&ws, &all), Vec::<String>::new());
}

#[test]
fn a_wrong_answer_that_changes_nothing_of_its_exercise_is_refused() {
    let (_dir, ws) = fake::book();
    let exercise = &exercise::all(&ws).unwrap()[0];
    let file = "ch99-fake/exercises/wrong/both/any_yes.toml";
    let whole = ws.read(file).unwrap();
    for (from, to, said) in [
        ("yes == 2", "yes == 3", "occurs 0 times in ch99-fake/exercises/both.rs"),
        ("exercises/both.rs", "src/lib.rs", "any_yes changes ch99-fake/src/lib.rs"),
        ("find", "fnd", "any_yes.toml"),
    ] {
        ws.write(file, &whole.replace(from, to)).unwrap();
        let refused = variants(&ws, exercise).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
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

//! Exercises: one file each, from which starter and solution are cut.
//!
//! ```text
//! //! # Count the yeses                      title
//! //! stars: 2                               1 observe, 2 change some lines, 3 build
//! //! Make `coord` wait for both votes.      the task, as many lines as it takes
//! //! hint 1: …  hint 2: …  hint 3: …        one a line
//!
//! // SOLUTION-BEGIN
//! the lines of the solution
//! // SOLUTION-END
//! // STARTER: the lines the learner starts from
//!
//! pub fn check() -> Result<String, String> { ch02_two_phase_commit::exercises::votes::<Coord>() }
//! ```
//!
//! `check` says what held, or what broke. It is deterministic and takes less than five seconds.
//! `//! harmless: CHANGE: WHY` names a change that breaks nothing; see [`generated`].
//! Plausible wrong answers are [`Mutant`]s of the solution in `exercises/wrong/<name>/*.toml`; a test
//! proves that each of them compiles, and fails for the reason that its file names.

pub mod generated;
pub mod judge;

use lab_mutate::Mutant;

use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// An exercise as its file tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exercise {
    /// `ch02/votes`.
    pub id: String,
    /// The file, from the root.
    pub file: String,
    /// What it is called.
    pub title: String,
    /// 1 to 3.
    pub stars: usize,
    /// What to do.
    pub task: Vec<String>,
    /// From a nudge to the line.
    pub hints: Vec<String>,
    /// Changes of the solution that break nothing, by name.
    pub harmless: Vec<String>,
    /// The whole file.
    pub source: String,
}

impl Exercise {
    fn parse(id: &str, file: &str, source: &str) -> Result<Self> {
        let wrong = |what: &str, fix: &str| Error::at(file, what, fix);
        let mut exercise = Self {
            id: id.into(),
            file: file.into(),
            title: String::new(),
            stars: 0,
            task: vec![],
            hints: vec![],
            harmless: vec![],
            source: source.into(),
        };
        for line in source.lines().map_while(|l| l.strip_prefix("//!")).map(str::trim) {
            if let Some(title) = line.strip_prefix("# ") {
                exercise.title = title.to_string();
            } else if let Some(stars) = line.strip_prefix("stars:") {
                exercise.stars = stars.trim().parse().unwrap_or(0);
            } else if let Some(hint) = line.strip_prefix("hint ") {
                let hint = hint.split_once(':').map_or(hint, |(_, h)| h.trim());
                exercise.hints.push(hint.to_string());
            } else if let Some(harmless) = line.strip_prefix("harmless: ") {
                let (change, _why) = harmless.split_once(": ").ok_or_else(|| {
                    wrong("a harmless change without a reason", "`//! harmless: CHANGE: WHY`")
                })?;
                exercise.harmless.push(change.to_string());
            } else {
                exercise.task.push(line.to_string());
            }
        }
        if exercise.title.is_empty() {
            return Err(wrong("the exercise has no title", "start the file with `//! # Title`"));
        }
        if !(1..=3).contains(&exercise.stars) {
            return Err(wrong(
                "the exercise does not say how large it is",
                "add `//! stars: 1` to 3",
            ));
        }
        if exercise.hints.len() != 3 {
            return Err(wrong(
                "an exercise has three hints",
                "add `//! hint 1: …` to `//! hint 3: …`",
            ));
        }
        let (begins, ends) = (
            source.matches("// SOLUTION-BEGIN").count(),
            source.matches("// SOLUTION-END").count(),
        );
        if begins == 0 || begins != ends {
            return Err(wrong(
                "the solution is not marked",
                "put it between `// SOLUTION-BEGIN` and `// SOLUTION-END`",
            ));
        }
        Ok(exercise)
    }

    /// The name without the chapter.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.split_once('/').map_or(self.id.as_str(), |(_, name)| name)
    }

    /// What a learner starts from: no solution, no hints.
    #[must_use]
    pub fn starter(&self) -> String {
        let mut out = String::new();
        let mut solved = false;
        for line in self.source.lines() {
            let text = line.trim_start();
            match text {
                "// SOLUTION-BEGIN" => solved = true,
                "// SOLUTION-END" => solved = false,
                _ if solved || text.starts_with("//! hint ") => {}
                _ if text.starts_with("//! harmless: ") => {}
                _ => {
                    let indent = &line[..line.len() - text.len()];
                    let line = text.strip_prefix("// STARTER:").map_or_else(
                        || line.to_string(),
                        |t| format!("{indent}{}", t.strip_prefix(' ').unwrap_or(t)),
                    );
                    out.push_str(line.trim_end());
                    out.push('\n');
                }
            }
        }
        out
    }

    /// The solution, without the marks.
    #[must_use]
    pub fn solution(&self) -> String {
        without_marks(&self.source)
    }

    /// Where the learner's copy is kept; git ignores it.
    #[must_use]
    pub fn copy(&self) -> String {
        let folder = self.file.rsplit_once('/').map_or("", |(f, _)| f);
        format!("{folder}/work/{}.rs", self.name())
    }

    /// The wrong answers that must be caught: what each changes, and the solution with that change.
    ///
    /// # Errors
    /// A file does not say what is changed, or that is not found exactly once in the exercise.
    pub fn wrong(&self, ws: &Workspace) -> Result<Vec<(Mutant, String)>> {
        let folder = self.file.rsplit_once('/').map_or("", |(f, _)| f);
        let folder = format!("{folder}/wrong/{}", self.name());
        let fix = "`find` names text of the exercise, its `// SOLUTION-` lines included";
        let error = |e: lab_mutate::Error| Error::at(&folder, e.to_string(), fix);
        let mut all = Vec::new();
        for mutant in Mutant::read_all(&ws.root.join(&folder)).map_err(error)? {
            if mutant.file != self.file {
                let what = format!("{} changes {}", mutant.name, mutant.file);
                return Err(Error::at(&folder, what, format!("say `file = \"{}\"`", self.file)));
            }
            let changed = mutant.apply(&self.source).map_err(error)?;
            all.push((mutant, without_marks(&changed)));
        }
        Ok(all)
    }
}

/// What is left of an exercise's file when the starter and the marks are taken out.
fn without_marks(source: &str) -> String {
    let is_mark = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("// STARTER:") || line.starts_with("// SOLUTION-")
    };
    source.lines().filter(|line| !is_mark(line)).map(|line| format!("{line}\n")).collect()
}

/// All exercises, chapter by chapter.
///
/// # Errors
/// The first file that does not say what it must.
pub fn all(ws: &Workspace) -> Result<Vec<Exercise>> {
    let mut out = Vec::new();
    for chapter in &ws.chapters {
        for file in files(ws, &format!("{}/exercises", chapter.folder())) {
            let name = file.rsplit('/').next().unwrap_or("").trim_end_matches(".rs");
            let id = format!("{}/{name}", chapter.id());
            out.push(Exercise::parse(&id, &file, &ws.read(&file)?)?);
        }
    }
    Ok(out)
}

/// One exercise by its id.
///
/// # Errors
/// There is none; the message lists those there are.
pub fn find(ws: &Workspace, id: &str) -> Result<Exercise> {
    let all = all(ws)?;
    let known: Vec<String> = all.iter().map(|e| e.id.clone()).collect();
    all.into_iter().find(|e| e.id == id).ok_or_else(|| {
        Error::new(format!("there is no exercise `{id}`"), format!("one of: {}", known.join(", ")))
    })
}

fn files(ws: &Workspace, folder: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(ws.root.join(folder)) else { return vec![] };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|e| e.path().is_file())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|n| n.ends_with(".rs") && n != "mod.rs")
        .map(|n| format!("{folder}/{n}"))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "//! # Wait for both\n//! stars: 2\n//! Make it wait.\n//! hint 1: a\n//! hint 2: b\n//! hint 3: c\n\
                        fn ready(yes: u8) -> bool {\n    // SOLUTION-BEGIN\n    yes == 2\n    // SOLUTION-END\n    \
                        // STARTER: yes == 1\n}\n";

    #[test]
    fn starter_and_solution_come_from_one_file() {
        let e = Exercise::parse("ch02/both", "ch02/exercises/both.rs", FILE).unwrap();
        assert!(
            e.starter().ends_with("fn ready(yes: u8) -> bool {\n    yes == 1\n}\n"),
            "{}",
            e.starter()
        );
        assert!(!e.starter().contains("hint"));
        assert!(
            e.solution().ends_with("fn ready(yes: u8) -> bool {\n    yes == 2\n}\n"),
            "{}",
            e.solution()
        );
        assert_eq!(
            (e.stars, e.hints.len(), e.copy().as_str()),
            (2, 3, "ch02/exercises/work/both.rs")
        );
    }

    #[test]
    fn an_exercise_without_hints_or_marks_is_refused() {
        let bare = FILE.replace("//! hint 3: c\n", "");
        assert!(Exercise::parse("a/b", "f", &bare).unwrap_err().what.contains("three hints"));
        let open = FILE.replace("    // SOLUTION-END\n", "");
        assert!(Exercise::parse("a/b", "f", &open).unwrap_err().what.contains("not marked"));
    }
}

//! Judges an answer: compiles the learner's file into a small program and runs its `check`.
//!
//! The program is generated under `target/exercises`, in a workspace of its own, so that an answer
//! that does not compile cannot break the build of the workspace.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::Exercise;
use super::generated::wrong_answers;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// One file to judge.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How the verdict names it.
    pub name: String,
    /// The chapter whose crate it builds on, such as `ch02`.
    pub chapter: String,
    /// The file's text.
    pub source: String,
}

/// What became of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Its name.
    pub name: String,
    /// Whether its check held.
    pub passed: bool,
    /// What the check reported.
    pub said: String,
}

/// Judges answers in one go: one compilation, one run.
///
/// # Errors
/// The program does not compile; the compiler's words are in the message.
pub fn judge(ws: &Workspace, answers: &[Answer]) -> Result<Vec<Verdict>> {
    let folder = ws.root.join("target/exercises");
    write(ws, &folder, answers)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["run", "--quiet", "--offline", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", folder.join("build"))
        .env_remove("CARGO_BUILD_TARGET_DIR")
        .output()
        .map_err(|e| Error::new(format!("cannot run cargo: {e}"), "is it on the PATH?"))?;
    let printed = String::from_utf8_lossy(&built.stdout);
    let verdicts: Vec<Verdict> = printed.lines().filter_map(verdict).collect();
    if verdicts.len() != answers.len() {
        let words = String::from_utf8_lossy(&built.stderr);
        return Err(Error::new(
            format!("it does not compile:\n\n{}", words.trim()),
            "the compiler's first message is the one to read",
        ));
    }
    Ok(verdicts)
}

/// `verdict<TAB>name<TAB>passed<TAB>said`, with line ends escaped.
fn verdict(line: &str) -> Option<Verdict> {
    let mut parts = line.strip_prefix("verdict\t")?.splitn(3, '\t');
    let (name, passed, said) = (parts.next()?, parts.next()?, parts.next()?);
    let said = said.replace("\\n", "\n").replace("\\\\", "\\");
    Some(Verdict { name: name.to_string(), passed: passed == "true", said })
}

/// What has to become of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expected {
    /// It passes.
    Passes,
    /// It fails.
    Fails,
    /// It fails, and the check says this.
    FailsWith(String),
}

impl Verdict {
    /// Whether this is what had to become of the answer.
    #[must_use]
    pub fn is(&self, expected: &Expected) -> bool {
        match expected {
            Expected::Passes => self.passed,
            Expected::Fails => !self.passed,
            Expected::FailsWith(words) => !self.passed && self.said.contains(words.as_str()),
        }
    }
}

/// Starter, solution and wrong answers of an exercise, those by hand and those that are generated, each
/// with what has to become of it.
///
/// # Errors
/// A wrong answer is none; see [`Exercise::wrong`].
pub fn variants(ws: &Workspace, exercise: &Exercise) -> Result<Vec<(Answer, Expected)>> {
    let chapter = exercise.id.split('/').next().unwrap_or("").to_string();
    let answer = |what: &str, source: String| Answer {
        name: format!("{}: {what}", exercise.id),
        chapter: chapter.clone(),
        source,
    };
    let mut all = vec![
        (answer("the starter", exercise.starter()), Expected::Fails),
        (answer("the solution", exercise.solution()), Expected::Passes),
    ];
    let wrong = exercise.wrong(ws)?.into_iter();
    all.extend(wrong.map(|(mutant, source)| {
        (answer(&mutant.name, source), Expected::FailsWith(mutant.killed_by))
    }));
    for generated in wrong_answers(&exercise.source) {
        let harmless = exercise.harmless.contains(&generated.name);
        let expected = if harmless { Expected::Passes } else { Expected::Fails };
        all.push((answer(&generated.name, generated.source), expected));
    }
    Ok(all)
}

fn write(ws: &Workspace, folder: &Path, answers: &[Answer]) -> Result<()> {
    let disk = |e: std::io::Error| {
        Error::new(
            format!("cannot write {}: {e}", folder.display()),
            "check the folder's permissions",
        )
    };
    std::fs::create_dir_all(folder.join("src")).map_err(disk)?;
    let mut main = String::from(MAIN);
    let mut calls = String::new();
    for (i, answer) in answers.iter().enumerate() {
        keep(&folder.join(format!("src/answer{i}.rs")), &answer.source).map_err(disk)?;
        let _ = writeln!(main, "#[allow(dead_code, unused)]\nmod answer{i};");
        let _ = writeln!(calls, "    tell({:?}, answer{i}::check);", answer.name);
    }
    let _ =
        write!(main, "\nfn main() {{\n    std::panic::set_hook(Box::new(|_| {{}}));\n{calls}}}\n");
    keep(&folder.join("src/main.rs"), &main).map_err(disk)?;
    keep(&folder.join("Cargo.toml"), &manifest(ws, answers)?).map_err(disk)?;
    // The same versions as the workspace's, and no question to a registry.
    if let Ok(lock) = ws.read("Cargo.lock")
        && !folder.join("Cargo.lock").exists()
    {
        keep(&folder.join("Cargo.lock"), &lock).map_err(disk)?;
    }
    Ok(())
}

/// Writes only what changed, so that cargo builds only what changed.
fn keep(file: &Path, text: &str) -> std::io::Result<()> {
    if std::fs::read_to_string(file).is_ok_and(|have| have == text) {
        return Ok(());
    }
    std::fs::write(file, text)
}

fn manifest(ws: &Workspace, answers: &[Answer]) -> Result<String> {
    let mut chapters: Vec<&str> = answers.iter().map(|a| a.chapter.as_str()).collect();
    chapters.sort_unstable();
    chapters.dedup();
    let root = ws.root.display();
    let mut text = String::from(
        "[package]\nname = \"answer\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [profile.dev]\ndebug = false\n\n[profile.dev.package.lab]\nopt-level = 2\n\n",
    );
    let _ = writeln!(text, "[dependencies]\nlab = {{ path = \"{root}/lab\" }}");
    for id in chapters {
        let folder = ws.chapter(id)?.folder();
        let _ = writeln!(text, "[dependencies.{folder}]\npath = \"{root}/{folder}\"");
        let _ = writeln!(text, "default-features = false\nfeatures = [\"exercises\"]");
        // A search runs the chapter's nodes and checks its promises in every state.
        let _ = writeln!(text, "[profile.dev.package.{folder}]\nopt-level = 1");
    }
    Ok(text)
}

const MAIN: &str = r#"fn tell(name: &str, check: fn() -> Result<String, String>) {
    let (passed, said) = match std::panic::catch_unwind(check) {
        Ok(Ok(said)) => (true, said),
        Ok(Err(why)) => (false, why),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|w| w.to_string()));
            (false, format!("it panicked: {}", words.unwrap_or_default()))
        }
    };
    let said = said.replace('\\', "\\\\").replace('\n', "\\n");
    println!("verdict\t{name}\t{passed}\t{said}");
}

"#;

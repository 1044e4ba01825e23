//! `guide exercise list|start|check|hint|solution`.

use std::io::Write;

use super::{next, say};
use crate::error::{Error, Result};
use crate::exercise::judge::{self, Answer};
use crate::exercise::{self, Exercise};
use crate::workspace::Workspace;

/// All exercises, with what was started.
///
/// # Errors
/// A file that does not say what it must.
pub fn list(ws: &Workspace, out: &mut dyn Write) -> Result<bool> {
    let all = exercise::all(ws)?;
    for e in &all {
        let started = if ws.root.join(e.copy()).exists() { "  (started)" } else { "" };
        say(out, &format!("{:<22} {:<4} {}{started}", e.id, "★".repeat(e.stars), e.title))?;
    }
    let first = all.first().map_or("ch02/votes", |e| e.id.as_str());
    next(out, &[format!("cargo guide exercise start {first}")])?;
    Ok(true)
}

/// Writes the learner's copy; an existing one is kept.
///
/// # Errors
/// An unknown exercise, or a copy that exists.
pub fn start(ws: &Workspace, id: &str, out: &mut dyn Write) -> Result<bool> {
    let e = exercise::find(ws, id)?;
    let copy = e.copy();
    if ws.root.join(&copy).exists() {
        return Err(Error::new(
            format!("you have started {id} already: {copy}"),
            format!(
                "go on there, or remove the file to start over; `cargo guide exercise check {id}` judges it"
            ),
        ));
    }
    ws.write(&copy, &e.starter())?;
    say(out, &format!("{} {}\n", "★".repeat(e.stars), e.title))?;
    for line in &e.task {
        say(out, line)?;
    }
    say(out, &format!("\nyours: {copy}"))?;
    next(
        out,
        &[format!("cargo guide exercise check {id}"), format!("cargo guide exercise hint {id}")],
    )?;
    Ok(true)
}

/// Judges the learner's copy.
///
/// # Errors
/// Nothing was started, or it does not compile.
pub fn check(ws: &Workspace, id: &str, out: &mut dyn Write) -> Result<bool> {
    let e = exercise::find(ws, id)?;
    let source = ws.read(&e.copy()).map_err(|_| {
        Error::new(format!("you have not started {id}"), format!("cargo guide exercise start {id}"))
    })?;
    let answer = Answer { name: id.into(), chapter: chapter_of(&e).into(), source };
    let verdicts = judge::judge(ws, &[answer])?;
    let passed = verdicts.iter().all(|v| v.passed);
    for verdict in &verdicts {
        let word = if verdict.passed { "✓ solved" } else { "✗ not yet" };
        say(out, &format!("{id}  {word}\n\n{}", verdict.said.trim_end()))?;
    }
    let command = if passed { "solution" } else { "hint" };
    next(out, &[format!("cargo guide exercise {command} {id}")])?;
    Ok(passed)
}

/// The next hint: each call shows one more, and the count is kept beside the copy.
///
/// # Errors
/// An unknown exercise.
pub fn hint(ws: &Workspace, id: &str, out: &mut dyn Write) -> Result<bool> {
    let e = exercise::find(ws, id)?;
    let file = e.copy().replace(".rs", ".hints");
    let seen: usize = ws.read(&file).ok().and_then(|t| t.trim().parse().ok()).unwrap_or(0);
    let now = (seen + 1).min(e.hints.len());
    for (i, hint) in e.hints.iter().take(now).enumerate() {
        say(out, &format!("hint {} of {}: {hint}", i + 1, e.hints.len()))?;
    }
    ws.write(&file, &now.to_string())?;
    let after = if now < e.hints.len() { "hint" } else { "solution" };
    next(
        out,
        &[format!("cargo guide exercise check {id}"), format!("cargo guide exercise {after} {id}")],
    )?;
    Ok(true)
}

/// The solution.
///
/// # Errors
/// An unknown exercise.
pub fn solution(ws: &Workspace, id: &str, out: &mut dyn Write) -> Result<bool> {
    let e = exercise::find(ws, id)?;
    say(out, e.solution().trim_end())?;
    next(out, &["cargo guide exercise list".into()])?;
    Ok(true)
}

fn chapter_of(e: &Exercise) -> &str {
    e.id.split('/').next().unwrap_or("")
}

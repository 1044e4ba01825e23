//! `guide list`.

use std::io::Write;

use super::{next, say};
use crate::error::Result;
use crate::workspace::Workspace;

/// The chapters and their steps, each with its verdict.
///
/// # Errors
/// The output cannot be written.
pub fn list(ws: &Workspace, out: &mut dyn Write) -> Result<bool> {
    for chapter in &ws.chapters {
        say(out, &format!("{}  {}", chapter.id(), chapter.question()))?;
        for step in Workspace::steps(*chapter) {
            say(out, &format!("  {}/{}  {}", chapter.id(), step.id, step.title))?;
            say(out, &format!("              {}", step.verdict))?;
        }
    }
    let first = ws.step_names().into_iter().next().unwrap_or_else(|| "ch02/step1".into());
    next(out, &[format!("cargo guide find {first}"), format!("cargo guide run {first} --seed 1")])?;
    Ok(true)
}

//! `guide diff`: what changes from one step to the next.

use std::io::Write;

use lab::chapter::StepInfo;
use similar::{ChangeTag, TextDiff};

use super::{next, say};
use crate::error::Result;
use crate::workspace::{Step, Workspace};

/// A line diff of two steps' files, with line numbers of the new one.
///
/// # Errors
/// An unknown step or an unreadable file.
pub fn diff(
    ws: &Workspace,
    chapter: &str,
    from: &str,
    to: &str,
    out: &mut dyn Write,
) -> Result<bool> {
    let old = ws.step(&format!("{chapter}/{from}"))?.info;
    let step = ws.step(&format!("{chapter}/{to}"))?;
    let new = &step.info;
    let (before, after) = (source(ws, &old)?, source(ws, new)?);
    let diff = TextDiff::from_lines(&before, &after);
    let (mut added, mut removed) = (0, 0);
    say(out, &format!("− {}: {}", old.module, old.title))?;
    say(out, &format!("+ {}: {}", new.module, new.title))?;
    for group in diff.grouped_ops(2) {
        say(out, "")?;
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (mark, line) = match change.tag() {
                ChangeTag::Equal => (" ", change.new_index()),
                ChangeTag::Insert => ("+", change.new_index()),
                ChangeTag::Delete => ("−", None),
            };
            added += usize::from(change.tag() == ChangeTag::Insert);
            removed += usize::from(change.tag() == ChangeTag::Delete);
            let line = line.map_or_else(String::new, |n| (n + 1).to_string());
            say(out, format!("{line:>5} {mark} {}", change.value().trim_end()).trim_end())?;
        }
    }
    say(out, &format!("\n{added} lines added, {removed} removed"))?;
    next(out, &following(&step))?;
    Ok(true)
}

fn source(ws: &Workspace, step: &StepInfo) -> Result<String> {
    step.files.iter().map(|f| ws.read(f)).collect()
}

fn following(step: &Step) -> Vec<String> {
    let chapter = step.chapter.id();
    let mut commands = vec![format!("cargo guide explore {}", step.name())];
    let after = step.following();
    commands.extend(after.map(|s| format!("cargo guide diff {chapter} {} {}", step.info.id, s.id)));
    commands
}

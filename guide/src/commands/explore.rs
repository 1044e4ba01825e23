//! `guide explore` and `matrix`: verdicts.

use std::io::Write;

use lab::chapter::Bounds;
use lab::view::text;

use super::{next, say};
use crate::book::tables;
use crate::trouble::{Result, Trouble};
use crate::workspace::Workspace;

/// Every order of events within the bounds. True when the verdict is the pinned one.
///
/// # Errors
/// An unknown step, or one that cannot be explored.
pub fn explore(ws: &Workspace, name: &str, bounds: &Bounds, out: &mut dyn Write) -> Result<bool> {
    let (chapter, step) = ws.step(name)?;
    let explored = chapter.explore(step.id, bounds).ok_or_else(|| {
        Trouble::new(format!("{name} cannot be explored"), "see `cargo guide list`")
    })?;
    let Bounds { crashes, losses, duplicates, states: _ } = bounds;
    let within = format!("crashes ≤ {crashes}, losses ≤ {losses}, duplicates ≤ {duplicates}");
    say(out, &format!("{name} · {} · every order of events, {within}", step.title))?;
    say(out, &explored.summary)?;
    for log in &explored.schedules {
        say(out, "")?;
        say(out, text::render(log).trim_end())?;
    }
    say(out, "")?;
    if explored.as_pinned {
        say(out, &format!("as pinned: {}", step.verdict))?;
    } else {
        say(out, &format!("NOT as pinned: {}", step.verdict))?;
    }
    let steps = ws.step_names();
    let after = steps.iter().skip_while(|n| n.as_str() != name).nth(1);
    let mut commands = vec![format!("cargo guide matrix {}", chapter.id())];
    commands.extend(after.map(|n| format!("cargo guide explore {n}")));
    next(out, &commands)?;
    Ok(explored.as_pinned)
}

/// Every step under every fault.
///
/// # Errors
/// An unknown chapter.
pub fn matrix(ws: &Workspace, chapter: Option<&str>, out: &mut dyn Write) -> Result<bool> {
    let chapters = match chapter {
        Some(id) => vec![ws.chapter(id)?],
        None => ws.chapters.clone(),
    };
    let mut example = None;
    for chapter in chapters {
        let matrix = chapter.matrix();
        say(out, &format!("{}  {}", chapter.id(), chapter.question()))?;
        let wide = matrix.rows.iter().map(|r| r.title.chars().count()).max().unwrap_or(0);
        let heads: String = matrix.faults.iter().map(|f| format!("  {f:<11}")).collect();
        say(out, format!("  {:<8}{:<wide$}{heads}", "", "").trim_end())?;
        for row in &matrix.rows {
            let mut line = format!("  {:<8}{:<wide$}", row.step, row.title);
            for cell in &row.cells {
                line.push_str(&format!("  {:<11}", tables::words(cell.verdict)));
                if cell.verdict != lab::chapter::Verdict::Ok && example.is_none() {
                    example = Some(cell.command.clone());
                }
            }
            say(out, line.trim_end())?;
        }
        say(out, "")?;
    }
    let first = example.unwrap_or_else(|| "cargo guide list".into());
    next(out, &[first, "cargo guide list".into()])?;
    Ok(true)
}

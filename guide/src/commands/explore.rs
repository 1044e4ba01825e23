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

/// Every crash point of one run of a step, and every message of it lost or doubled.
///
/// # Errors
/// An unknown step, or one without such a run.
pub fn points(ws: &Workspace, name: &str, out: &mut dyn Write) -> Result<bool> {
    let (chapter, step) = ws.step(name)?;
    let points = chapter
        .points(step.id)
        .ok_or_else(|| Trouble::new(format!("{name} has no such run"), "see `cargo guide list`"))?;
    say(out, &format!("{name} · {} · one order, one thing goes wrong", step.title))?;
    let wide = points.rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
    say(out, &format!("{:wide$}  the others  verdict    in the end", ""))?;
    for row in &points.rows {
        let verdict = tables::words(row.verdict);
        say(
            out,
            &format!("{:wide$}  {:<10}  {verdict:<9}  {}", row.what, row.meanwhile, row.outcome),
        )?;
    }
    let (rows, pairs) = (points.rows.len(), points.pairs);
    say(out, &format!("\n{rows} runs with one fault"))?;
    let lab::crash_points::Pairs { runs, broken, unsettled } = pairs;
    say(out, &format!("{runs} runs with two crashes: {broken} unsafe, {unsettled} never ended"))?;
    next(out, &[format!("cargo guide explore {name}")])?;
    Ok(true)
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
        let named = 2 + matrix.rows.iter().map(|r| r.step.len()).max().unwrap_or(0);
        let heads: String = matrix.faults.iter().map(|f| format!("  {f:<11}")).collect();
        say(out, format!("  {:<named$}{:<wide$}{heads}", "", "").trim_end())?;
        for row in &matrix.rows {
            let mut line = format!("  {:<named$}{:<wide$}", row.step, row.title);
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

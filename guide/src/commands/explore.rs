//! `guide explore` and `matrix`: verdicts.

use std::io::{IsTerminal, Write, stderr};
use std::time::Instant;

use lab::chapter::{Bounds, Searched};
use lab::view::{text, thousands};

use super::progress::Progress;
use super::table::lines;
use super::{cannot, next, say, unknown_fault};
use crate::book::tables;
use crate::error::Result;
use crate::workspace::Workspace;

/// Every order of events within the bounds. True when the verdict is the expected one.
///
/// # Errors
/// An unknown step.
#[expect(clippy::disallowed_methods, reason = "the speed of a search is printed, and nothing else")]
pub fn explore(ws: &Workspace, name: &str, bounds: &Bounds, out: &mut dyn Write) -> Result<bool> {
    let step = ws.step(name)?;
    let name = step.name();
    let began = Instant::now();
    let mut terminal = stderr();
    let terminal = terminal.is_terminal().then_some(&mut terminal as &mut dyn Write);
    let mut progress = Progress::new(None, terminal);
    let explored = step.models.explore(step.info.id, bounds, &mut |states| {
        progress.may_go_on(states);
    });
    drop(progress);
    let explored = explored.ok_or_else(|| cannot(&name, "be explored"))?;
    let seconds = began.elapsed().as_secs_f64();
    let Bounds { crashes, losses, duplicates, states: _ } = bounds;
    let within = format!("crashes ≤ {crashes}, losses ≤ {losses}, duplicates ≤ {duplicates}");
    say(out, &format!("{name} · {} · every order of events, {within}", step.info.title))?;
    if let Some(most) = explored.timeouts {
        say(out, &format!("timers that expire ≤ {most}"))?;
    }
    say(out, &explored.summary)?;
    say(out, &speed(explored.searched, seconds))?;
    for log in &explored.schedules {
        say(out, "")?;
        say(out, text::render(log).trim_end())?;
    }
    say(out, "")?;
    say(out, &format!("{}: {}", as_expected(explored.as_expected), step.info.verdict))?;
    let mut commands = vec![format!("cargo guide matrix {}", step.chapter.id())];
    let after = step.following();
    commands.extend(after.map(|s| format!("cargo guide explore {}/{}", step.chapter.id(), s.id)));
    next(out, &commands)?;
    Ok(explored.as_expected)
}

/// What begins the line with the speed of a search: outputs in the book leave that line out.
pub const SPEED: &str = "searched ";

fn speed(Searched { states, bytes }: Searched, seconds: f64) -> String {
    let (rate, each) = ((states as f64 / seconds) as usize, bytes / states.max(1));
    format!(
        "{SPEED}{} states, for broken promises and for ends that are none, in {seconds:.1} s: {} a \
         second, {each} bytes a state",
        thousands(states),
        thousands(rate),
    )
}

/// One cell of the matrix, judged now. True when it is as expected.
///
/// # Errors
/// An unknown step or fault.
pub fn check(ws: &Workspace, name: &str, fault: &str, out: &mut dyn Write) -> Result<bool> {
    let step = ws.step(name)?;
    let name = step.name();
    let checked =
        step.models.check(step.info.id, fault).ok_or_else(|| unknown_fault(&step, fault))?;
    say(out, &format!("{name} · {} · {fault}", step.info.title))?;
    let cell = checked.cell;
    say(out, format!("{} {}", tables::words(cell.verdict), cell.why).trim_end())?;
    if let Some(log) = &checked.shown {
        say(out, "")?;
        say(out, text::render(log).trim_end())?;
    }
    say(out, "")?;
    say(out, as_expected(checked.as_expected))?;
    next(out, &[format!("cargo guide explore {name}")])?;
    Ok(checked.as_expected)
}

fn as_expected(yes: bool) -> &'static str {
    if yes { "as expected" } else { "NOT as expected" }
}

/// Every crash point of one run of a step, and every message of it lost or doubled.
///
/// # Errors
/// An unknown step, or one without such a run.
pub fn points(ws: &Workspace, name: &str, out: &mut dyn Write) -> Result<bool> {
    let step = ws.step(name)?;
    let name = step.name();
    let points = step.models.points(step.info.id).ok_or_else(|| cannot(&name, "be cut"))?;
    say(out, &format!("{name} · {} · one run, one thing goes wrong", step.info.title))?;
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

/// Every step under every fault, and below that what each costs, where a chapter counts it.
///
/// # Errors
/// An unknown chapter.
pub fn matrix(ws: &Workspace, chapter: Option<&str>, out: &mut dyn Write) -> Result<bool> {
    let chapters = match chapter {
        Some(id) => vec![(ws.chapter(id)?, ws.models(id)?)],
        None => ws.chapters.iter().filter_map(|c| Some((*c, c.models()?))).collect(),
    };
    let mut example = None;
    for (chapter, models) in chapters {
        let matrix = models.matrix();
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
        if let Some(scoreboard) = chapter.scoreboard() {
            say(out, "")?;
            lines(&scoreboard).iter().try_for_each(|line| say(out, &format!("  {line}")))?;
        }
        say(out, "")?;
    }
    let first = example.unwrap_or_else(|| "cargo guide list".into());
    next(out, &[first, "cargo guide list".into()])?;
    Ok(true)
}

//! `guide run`, `find` and `replay`: one run at a time.

use std::io::Write;
use std::path::Path;

use lab::event::Log;
use lab::system::quoted;
use lab::view::text;

use super::{cannot, next, say, unknown_fault};
use crate::error::{Error, Result};
use crate::export;
use crate::workspace::Workspace;

/// One simulated run.
///
/// # Errors
/// An unknown step, or a page that cannot be written.
pub fn run(
    ws: &Workspace,
    name: &str,
    seed: u64,
    html: Option<&Path>,
    out: &mut dyn Write,
) -> Result<bool> {
    let step = ws.step(name)?;
    let name = &step.name();
    let log = step.models.run(step.info.id, seed).ok_or_else(|| cannot(name, "be simulated"))?;
    say(out, text::render(&log).trim_end())?;
    page(&log, html, out)?;
    next(
        out,
        &[
            format!("cargo guide run {name} --seed {}", seed + 1),
            format!("cargo guide find {name}"),
            format!("cargo guide run {name} --seed {seed} --html run.html"),
        ],
    )?;
    Ok(true)
}

/// A golden script against a step.
///
/// # Errors
/// An unknown step or an unreadable script.
pub fn script(ws: &Workspace, name: &str, file: &Path, out: &mut dyn Write) -> Result<bool> {
    let step = ws.step(name)?;
    let name = &step.name();
    let source = std::fs::read_to_string(file).map_err(|e| {
        Error::new(format!("cannot read {}: {e}", file.display()), "check the path")
    })?;
    let played = step.models.script(step.info.id, &source);
    let played = played.ok_or_else(|| cannot(name, "play scripts"))?;
    let printed = played.map_err(|why| {
        Error::at(file.display().to_string(), why, "see the scenarios of the chapter")
    })?;
    say(out, printed.trim_end())?;
    next(out, &[format!("cargo guide explore {name}")])?;
    Ok(true)
}

/// What to search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// How many seeds.
    pub seeds: u64,
    /// Only this sort of fault.
    pub fault: Option<String>,
}

/// Searches seeds, shrinks, prints the smallest.
///
/// # Errors
/// An unknown step or fault, or a page that cannot be written.
pub fn find(
    ws: &Workspace,
    name: &str,
    search: &Search,
    html: Option<&Path>,
    out: &mut dyn Write,
) -> Result<bool> {
    let step = ws.step(name)?;
    let name = &step.name();
    let seeds = 1..search.seeds.saturating_add(1);
    let found = step.models.find(step.info.id, search.fault.as_deref(), seeds);
    let found = found.ok_or_else(|| match &search.fault {
        None => cannot(name, "be searched"),
        Some(fault) => unknown_fault(&step, fault),
    })?;
    let under = search.fault.as_ref().map_or_else(String::new, |f| format!(" under {f}"));
    let Some(broken) = found.counterexample else {
        say(out, &format!("{} seeds, and none of them breaks {name}{under}", found.tried))?;
        say(
            out,
            "seeds prove nothing; every order of events does, in the small world that the search names:",
        )?;
        next(out, &[format!("cargo guide explore {name}")])?;
        return Ok(true);
    };
    let (before, after) = broken.shrunk;
    let (seed, tried) = (broken.seed, found.tried);
    say(
        out,
        &format!("seed {seed} breaks {name}{under}: the shortest of what {tried} seeds gave,"),
    )?;
    say(out, &format!("shrunk from {before} to {after} events"))?;
    say(out, "")?;
    say(out, text::render(&broken.log).trim_end())?;
    page(&broken.log, html, out)?;
    let again = search.fault.as_ref().map_or_else(String::new, |f| format!(" --fault {f:?}"));
    let mut commands = vec![format!("cargo guide find {name}{again} --html broken.html")];
    let after = step.following();
    commands.extend(after.map(|s| format!("cargo guide find {}/{}", step.chapter.id(), s.id)));
    next(out, &commands)?;
    Ok(true)
}

/// Re-executes a recorded run.
///
/// # Errors
/// An unreadable log, or one of no chapter we have.
pub fn replay(
    ws: &Workspace,
    file: &Path,
    html: Option<&Path>,
    out: &mut dyn Write,
) -> Result<bool> {
    let place = file.display().to_string();
    let source = std::fs::read_to_string(file)
        .map_err(|e| Error::new(format!("cannot read {place}: {e}"), "check the path"))?;
    let log = Log::from_json_lines(&source).map_err(|e| {
        Error::at(&place, e.to_string(), "the book's appendix documents the format")
    })?;
    let id = log.header.title.split(['/', ' ']).next().unwrap_or("");
    let chapter = ws.chapter(id).map_err(|t| t.or_at(&place))?;
    let replayed = chapter.replay(&log).ok_or_else(|| {
        Error::at(&place, format!("{id} records no runs"), "see `cargo guide list`")
    })?;
    match replayed {
        Ok(log) => {
            say(out, text::render(&log).trim_end())?;
            say(out, "")?;
            say(out, "replayed: every node did again what it did then")?;
            page(&log, html, out)?;
            next(out, &[format!("cargo guide replay {} --html run.html", quoted(&place))])?;
            Ok(true)
        }
        Err(why) => {
            say(out, &format!("differs: {why}"))?;
            next(out, &["cargo guide list".into()])?;
            Ok(false)
        }
    }
}

fn page(log: &Log, html: Option<&Path>, out: &mut dyn Write) -> Result<()> {
    let Some(file) = html else { return Ok(()) };
    std::fs::write(file, export::page(log)).map_err(|e| {
        Error::new(format!("cannot write {}: {e}", file.display()), "choose another place")
    })?;
    say(out, &format!("\npicture: {}", file.display()))
}

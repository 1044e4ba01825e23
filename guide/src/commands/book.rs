//! `guide book build|check|refresh`.

use std::io::Write;

use super::{next, say};
use crate::book::{self, refresh};
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// Builds the book into `target/book`.
///
/// # Errors
/// What stops the book from building.
pub fn build(ws: &Workspace, out: &mut dyn Write) -> Result<bool> {
    let into = ws.root.join("target/book");
    book::build(ws, &into)?;
    say(out, &format!("built: {}", into.join("index.html").display()))?;
    next(out, &["cargo guide serve".into(), "cargo guide book check".into()])?;
    Ok(true)
}

/// Prints words and minutes a page, then what is wrong.
///
/// # Errors
/// The book cannot be loaded.
pub fn check(ws: &Workspace, run: refresh::Command, out: &mut dyn Write) -> Result<bool> {
    let report = book::check::check(ws, &ws.root.join("target/book-check"), run)?;
    say(out, report.table.trim_end())?;
    for warning in &report.warnings {
        say(out, &format!("warning: {warning}"))?;
    }
    for error in &report.errors {
        say(out, &format!("error: {error}"))?;
    }
    let (errors, warnings) = (report.errors.len(), report.warnings.len());
    say(out, &format!("\n{errors} errors, {warnings} warnings"))?;
    let command = if errors == 0 { "cargo guide serve" } else { "cargo guide book refresh" };
    next(out, &[command.into()])?;
    Ok(errors == 0)
}

/// Regenerates every generated file and removes what no chapter makes any more.
///
/// # Errors
/// A file that cannot be made or written.
pub fn refresh(ws: &Workspace, run: refresh::Command, out: &mut dyn Write) -> Result<bool> {
    // Outputs last: a command may print what an earlier file says.
    let mut changed = write(ws, &refresh::from_chapters(ws)?, out)?;
    changed += write(ws, &refresh::outputs(ws, run)?, out)?;
    changed += write(ws, &refresh::outputs_of_programs(ws)?, out)?;
    for orphan in orphans(ws)? {
        std::fs::remove_file(ws.root.join(&orphan)).map_err(|e| {
            Error::at(&orphan, format!("cannot be removed: {e}"), "remove it by hand")
        })?;
        say(out, &format!("removed  {orphan}"))?;
        changed += 1;
    }
    say(out, &format!("{changed} files changed"))?;
    next(out, &["cargo guide book check".into()])?;
    Ok(true)
}

fn write(ws: &Workspace, files: &refresh::Generated, out: &mut dyn Write) -> Result<usize> {
    let mut changed = 0;
    for (path, text) in files {
        if ws.read(path).is_ok_and(|have| have == *text) {
            continue;
        }
        ws.write(path, text)?;
        say(out, &format!("written  {path}"))?;
        changed += 1;
    }
    Ok(changed)
}

fn orphans(ws: &Workspace) -> Result<Vec<String>> {
    let wanted = refresh::from_chapters(ws)?;
    let mut found = Vec::new();
    for chapter in &ws.chapters {
        for kind in ["runs", "plots", "tables", "dials"] {
            let folder = format!("book/data/{kind}/{}", chapter.id());
            let Ok(entries) = std::fs::read_dir(ws.root.join(&folder)) else { continue };
            let names = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned());
            let paths = names.map(|n| format!("{folder}/{n}"));
            found.extend(paths.filter(|p| !wanted.contains_key(p)));
        }
    }
    found.sort();
    Ok(found)
}

//! What each command does. All of them write to `out`, so that the book can capture them.

pub mod book;
pub mod check_history;
pub mod diff;
pub mod doctor;
pub mod exercise;
pub mod explore;
pub mod list;
pub mod measure;
mod progress;
pub mod run;
pub mod system;
pub mod table;

use std::io::Write;

use crate::error::{Error, Result};
use crate::workspace::Step;

/// Prints a line, or returns an error if the output is closed.
pub(crate) fn say(out: &mut dyn Write, text: &str) -> Result<()> {
    writeln!(out, "{text}").map_err(|e| Error::new(format!("cannot print: {e}"), ""))
}

/// Prints what to try next.
pub(crate) fn next(out: &mut dyn Write, commands: &[String]) -> Result<()> {
    say(out, "")?;
    for (i, command) in commands.iter().enumerate() {
        say(out, &format!("{} {command}", if i == 0 { "next:" } else { "     " }))?;
    }
    Ok(())
}

/// A step that a command has no use for.
fn cannot(name: &str, what: &str) -> Error {
    Error::new(format!("{name} cannot {what}"), "see `cargo guide list`")
}

/// A word that is no column of the chapter's matrix.
fn unknown_fault(step: &Step, fault: &str) -> Error {
    let known = step.models.faults().join(", ");
    Error::new(
        format!("{} knows no fault `{fault}`", step.chapter.id()),
        format!("one of: {known}"),
    )
}

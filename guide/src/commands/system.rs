//! `guide cluster`, `status`, `kill`, `restart`, `load`: a chapter's processes, and the roles they play.

use std::ffi::OsString;

use lab::system::System;

use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// The system of a chapter.
///
/// # Errors
/// There is no such chapter, or it has no processes.
pub fn of(ws: &Workspace, chapter: &str) -> Result<&'static dyn System> {
    let chapter = ws.chapter(chapter)?;
    chapter.system().ok_or_else(|| {
        let with = ws.chapters.iter().filter(|c| c.system().is_some()).map(|c| c.id());
        let with: Vec<&str> = with.collect();
        let what = format!("{} has no system of processes", chapter.id());
        Error::new(what, format!("one of: {}", with.join(", ")))
    })
}

/// The words with which this program plays a role of a chapter's system.
#[must_use]
pub fn prefix(chapter: &str) -> Vec<OsString> {
    vec!["role".into(), chapter.into()]
}

/// Passes a command on to the system's own command line; gives its exit code.
///
/// # Errors
/// There is no such system.
pub fn operate(ws: &Workspace, chapter: &str, command: &str, args: Vec<OsString>) -> Result<i32> {
    let system = of(ws, chapter)?;
    let args = [chapter.into(), command.into()].into_iter().chain(args);
    Ok(lab::system::run_within(system, prefix(chapter), args).into())
}

/// Plays one role of a chapter's system.
///
/// # Errors
/// There is no such system, or the role does not start.
pub fn role(ws: &Workspace, chapter: &str, args: Vec<OsString>) -> Result<bool> {
    let played = lab::system::role(of(ws, chapter)?, args);
    played.map(|()| true).map_err(|e| Error::new(e.to_string(), ""))
}

//! `guide measure`, and the roles that it starts.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use crate::trouble::{Result, Trouble};
use crate::workspace::Workspace;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// About how long it may take in all.
    pub seconds: u64,
    /// Where the data goes.
    pub dir: Option<PathBuf>,
    /// The outage of a coordinator instead of the comparison.
    pub outage: bool,
    /// Keep the table for the book.
    pub save: bool,
}

const COMMAND: &str = "cargo run --release --features engines --bin guide -- measure ch02";

/// Measures a chapter's system beside the engines that do the same job.
///
/// # Errors
/// The build is not meant for measuring, an engine is missing, or something does not run.
pub fn measure(ws: &Workspace, chapter: &str, wanted: Wanted, out: &mut dyn Write) -> Result<bool> {
    let id = ws.chapter(chapter)?.id();
    if id != "ch02" {
        return Err(Trouble::new(format!("{id} has nothing to measure itself by"), COMMAND));
    }
    if cfg!(debug_assertions) {
        let what = "this build checks itself at every step: its times mean nothing";
        return Err(Trouble::new(what, format!("run `{COMMAND}`")));
    }
    run(ws, wanted, out)
}

#[cfg(feature = "engines")]
fn run(ws: &Workspace, wanted: Wanted, out: &mut dyn Write) -> Result<bool> {
    let program = std::env::current_exe()
        .map_err(|e| Trouble::new(format!("cannot find this program: {e}"), ""))?;
    let dir = wanted.dir.unwrap_or_else(|| ws.root.join("target/measure"));
    if wanted.outage {
        let plan = crate::measure::Outage::within(program, dir, wanted.seconds);
        return crate::measure::outage(ws, &plan, wanted.save, out);
    }
    let plan = crate::measure::Plan::within(program, dir, wanted.seconds);
    crate::measure::measure(ws, &plan, wanted.save, out)
}

#[cfg(not(feature = "engines"))]
fn run(_ws: &Workspace, _wanted: Wanted, _out: &mut dyn Write) -> Result<bool> {
    Err(Trouble::new("this build has no database client in it", format!("run `{COMMAND}`")))
}

/// Plays one role of a chapter's system.
///
/// # Errors
/// There is no such chapter, or the role does not start.
pub fn role(ws: &Workspace, chapter: &str, args: Vec<OsString>) -> Result<bool> {
    let id = ws.chapter(chapter)?.id();
    if id != "ch02" {
        return Err(Trouble::new(format!("{id} has no roles"), ""));
    }
    let played = lab::system::role(ch02_two_phase_commit::system::SYSTEM, args);
    played.map(|()| true).map_err(|e| Trouble::new(e.to_string(), ""))
}

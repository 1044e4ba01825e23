//! `guide measure`.

use std::io::Write;
use std::path::PathBuf;

use lab::measure::{self, Measure, Setup, file};

use super::{next, say, system};
use crate::error::{Error, Result};
use crate::measures;
use crate::workspace::Workspace;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which of the chapter's measurements; without a name, its first.
    pub name: Option<String>,
    /// About how long it may take in all.
    pub seconds: u64,
    /// Where the data goes.
    pub dir: Option<PathBuf>,
    /// Keep the table for the book.
    pub save: bool,
}

/// Measures a chapter's system, as the chapter says.
///
/// # Errors
/// The build is not meant for measuring, an engine is missing, or something does not run.
pub fn measure(ws: &Workspace, chapter: &str, wanted: Wanted, out: &mut dyn Write) -> Result<bool> {
    if cfg!(debug_assertions) {
        let (_, command) = find(ws, chapter, wanted.name.as_deref())?;
        let what = "this build checks itself at every step: its times mean nothing";
        return Err(Error::new(what, format!("run `{command}`")));
    }
    run(ws, chapter, wanted, out)
}

/// The same, whatever the build: verdicts are the same in all of them, times are not.
///
/// # Errors
/// The build lacks a feature, an engine is missing, or something does not run.
pub fn run(ws: &Workspace, chapter: &str, wanted: Wanted, out: &mut dyn Write) -> Result<bool> {
    let id = ws.chapter(chapter)?.id();
    let (one, command) = find(ws, chapter, wanted.name.as_deref())?;
    let program = std::env::current_exe()
        .map_err(|e| Error::new(format!("cannot find this program: {e}"), ""))?;
    let dir = wanted.dir.unwrap_or_else(|| ws.root.join("target/measure"));
    std::fs::create_dir_all(&dir).map_err(|e| {
        Error::new(format!("cannot make {}: {e}", dir.display()), "choose another --dir")
    })?;
    let setup = Setup { program, prefix: system::prefix(id), dir, seconds: wanted.seconds };
    let outcome = one.run(&setup, out).map_err(|error| {
        let fix = match &error {
            measure::Error::Feature(_) => format!("run `{command}`"),
            other => other.fix().to_owned(),
        };
        Error::new(error.to_string(), fix)
    })?;
    say(out, &format!("\n{}", outcome.text))?;
    let folder = if wanted.save { "book/data/measured" } else { "target/measure" };
    let kept = format!("{folder}/{id}_{}.json", one.name);
    ws.write(&kept, &file(outcome.kept, &command))?;
    say(out, &format!("\nkept in {kept}"))?;
    let others =
        measures::of(ws.chapter(chapter)?).into_iter().filter(|other| other.name != one.name);
    let mut then: Vec<String> = others.map(|other| command_of(id, &other, other.name)).collect();
    then.push(format!("cargo guide load {id} --help"));
    next(out, &then)?;
    Ok(outcome.is_ok)
}

/// A measurement of a chapter, and the command that runs it.
fn find(ws: &Workspace, chapter: &str, name: Option<&str>) -> Result<(Measure, String)> {
    let chapter = ws.chapter(chapter)?;
    let (id, all) = (chapter.id(), measures::of(chapter));
    let known: Vec<String> =
        all.iter().map(|one| format!("{} ({})", one.name, one.about)).collect();
    let Some(one) = all.into_iter().find(|one| name.is_none_or(|name| name == one.name)) else {
        let what = match name {
            Some(name) => format!("{id} has no measurement `{name}`"),
            None => format!("{id} has nothing to measure"),
        };
        let fix = match known.is_empty() {
            true => "see `cargo guide list`".to_owned(),
            false => format!("one of: {}", known.join(", ")),
        };
        return Err(Error::new(what, fix));
    };
    let command = command_of(id, &one, name.unwrap_or_default());
    Ok((one, command))
}

/// What measures it; the first of a chapter needs no name.
fn command_of(id: &str, one: &Measure, name: &str) -> String {
    let feature = one.feature.map(|name| format!(" --features {name}")).unwrap_or_default();
    let command = format!("cargo run --release{feature} --bin guide -- measure {id} {name}");
    command.trim_end().to_owned()
}

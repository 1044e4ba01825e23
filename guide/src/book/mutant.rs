//! Mutants: changes of a step that a test applies and judges. A *Change one line* box that names one
//! shows what is tested, and no copy of it.

use lab_mutate::Mutant;

use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// What a box shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// From the root.
    pub file: String,
    /// What goes.
    pub find: String,
    /// What comes.
    pub replace: String,
    /// What to run then.
    pub command: String,
    /// What a test says about it, as Markdown.
    pub tested: Option<String>,
}

/// The change of `ch02/NAME`.
///
/// # Errors
/// There is no such mutant, or it changes more than one place.
pub fn change(ws: &Workspace, name: &str) -> Result<Change> {
    let fix = "name a file of the chapter's mutants, such as ch02/abort-while-voting";
    let unknown = || Error::new(format!("`{name}` names no mutant"), fix);
    let (chapter, name) = name.split_once('/').ok_or_else(unknown)?;
    let chapter = ws.chapter(chapter)?;
    let path = format!("{}/mutants/{name}.toml", chapter.folder());
    if !ws.root.join(&path).exists() {
        return Err(unknown());
    }
    let mutant = Mutant::read(&ws.root.join(&path)).map_err(|e| {
        Error::at(&path, e.to_string(), "write `key = \"value\"`, as in the files beside it")
    })?;
    let [change] = mutant.changes.as_slice() else {
        let what = "changes several places, and a box shows one";
        return Err(Error::at(path, what, "show another mutant, or tell this one in words"));
    };
    let steps = Workspace::steps(chapter);
    let step = steps.iter().find(|step| step.files.contains(&mutant.file.as_str()));
    let command = match step {
        Some(step) => format!("cargo guide explore {}/{}", chapter.id(), step.id),
        None => format!("cargo test -p {}", chapter.folder()),
    };
    let tested = match (mutant.steps, mutant.states) {
        (Some(steps), _) => {
            format!("A test holds this: {} breaks first, after {steps} events.", mutant.killed_by)
        }
        (None, Some(states)) => format!("A test holds this: nothing breaks, in {states} states."),
        (None, None) => String::new(),
    };
    let tested = Some(tested).filter(|words| !words.is_empty());
    let lab_mutate::Change { find, replace } = change.clone();
    Ok(Change { file: mutant.file, find, replace, command, tested })
}

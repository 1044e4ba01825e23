//! The table of a chapter's mutants, from the files that a test holds them to.

use std::fmt::Write as _;

use lab_mutate::Mutant;

use super::context::Context;
use super::directive::Directive;
use crate::error::{Error, Result};

/// `{{#mutants chapter=ch02}}`: what is changed, what breaks, and how soon. What survives comes last.
///
/// # Errors
/// A file is no mutant, or a mutant has no title.
pub fn table(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["chapter"])?;
    let folder = format!("{}/mutants", x.ws.chapter(d.need("chapter")?)?.folder());
    let mut all = Mutant::read_all(&x.ws.root.join(&folder)).map_err(|e| {
        Error::at(&folder, e.to_string(), "write `key = \"value\"`, as in the other files")
    })?;
    if let Some(nameless) = all.iter().find(|mutant| mutant.title.is_empty()) {
        let file = format!("{folder}/{}.toml", nameless.name);
        return Err(Error::at(file, "it has no title for the table", "add `title = \"…\"`"));
    }
    all.sort_by_key(|mutant| {
        let is_simulated = mutant.seed.is_some();
        let survives = mutant.killed_by == "nothing";
        let soon = mutant.steps.unwrap_or(0);
        (survives, is_simulated, soon, mutant.name.clone())
    });
    let has_scopes = all.iter().any(|mutant| !mutant.scope.is_empty());
    let columns =
        if has_scopes { "| change | in | breaks | after |" } else { "| change | breaks | after |" };
    let mut out = format!("{columns}\n{}|\n", "|---".repeat(columns.matches('|').count() - 1));
    for mutant in &all {
        let _ = write!(out, "| {} ", mutant.title);
        if has_scopes {
            let _ = write!(out, "| {} ", scope(mutant));
        }
        let _ = writeln!(out, "| {} | {} |", mutant.killed_by, after(mutant));
    }
    x.inline(&out)
}

/// With the smaller scope that shows nothing, if there is one.
fn scope(mutant: &Mutant) -> String {
    match &mutant.unseen {
        Some(unseen) => format!("**{}**, not in *{}*", mutant.scope, unseen.scope),
        None => mutant.scope.clone(),
    }
}

/// How soon it is killed.
fn after(mutant: &Mutant) -> String {
    let harm = mutant.harm.as_ref();
    let harm = harm.map(|harm| format!(" ({} after {})", harm.property, harm.steps));
    match (mutant.steps, mutant.seed, mutant.states) {
        (Some(steps), ..) => format!("{steps} events{}", harm.unwrap_or_default()),
        (None, Some(seed), _) => format!("seed {seed}"),
        (None, None, Some(states)) => {
            format!("{} states", lab::view::thousands(states))
        }
        (None, None, None) => String::new(),
    }
}

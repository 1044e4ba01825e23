//! For the build script of a chapter's mutants: writes every changed copy as a module, a list of them,
//! and a test for each.
//!
//! The crate that includes them brings the parts that differ from chapter to chapter: a macro
//! `design!(module, step)` that makes a design of a changed module, and a function `judge(name)`. `step`
//! is the module that was changed.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use crate::{Error, Mutant};

/// Writes `mutants.rs` (modules, and `ALL`, a slice of `lab::testing::Mutant`) and `tests.rs` (calls of
/// `judge`) for all mutants beside the build script. `library` is what the changed copies know as
/// `crate`.
///
/// # Errors
/// A mutant is no mutant (see [`Mutant::read`] and [`Mutant::apply`]), or a file cannot be written.
///
/// # Panics
/// Outside a build script.
pub fn generate(library: &str) -> Result<(), Error> {
    let folder = |name: &str| env::var(name).unwrap_or_else(|e| panic!("{name}: {e}"));
    let (here, out) = (folder("CARGO_MANIFEST_DIR"), folder("OUT_DIR"));
    let (here, out) = (Path::new(&here), Path::new(&out));
    let root = here.ancestors().nth(2).expect("two folders below the root of the workspace");
    println!("cargo::rerun-if-changed={}", here.display());
    let write = |name: &str, text: &str| {
        let path = out.join(name);
        fs::write(&path, text).map_err(|error| Error::Io { path, error })
    };
    let (mut modules, mut list, mut tests) = (String::new(), String::new(), String::new());
    for mutant in Mutant::read_all(here)? {
        let path = root.join(&mutant.file);
        println!("cargo::rerun-if-changed={}", path.display());
        let source = fs::read_to_string(&path).map_err(|error| Error::Io { path, error })?;
        let module = mutant.name.replace('-', "_");
        let copy = mutant.apply(&source)?.replace("crate::", &format!("{library}::"));
        write(&format!("{module}.rs"), &copy)?;
        modules += &declared(&module, &out.join(format!("{module}.rs")));
        list += &listed(&module, &mutant);
        let verdict = match mutant.killed_by.as_str() {
            "nothing" => "survives".to_owned(),
            property => format!("is_killed_by_{}", property.to_lowercase()),
        };
        let name = &mutant.name;
        let _ = write!(tests, "#[test]\nfn {module}_{verdict}() {{\n    judge({name:?});\n}}\n\n");
    }
    write(
        "mutants.rs",
        &format!("{modules}\n/// All mutants, by name.\npub const ALL: &[Mutant] = &[\n{list}];\n"),
    )?;
    write("tests.rs", &tests)
}

fn declared(module: &str, file: &Path) -> String {
    format!(
        "#[allow(warnings, reason = \"a mutant is allowed to be odd\")]\n#[path = {file:?}]\nmod {module};\n"
    )
}

fn listed(module: &str, mutant: &Mutant) -> String {
    let Mutant { name, shows, scope, unseen, killed_by, steps, states, harm, .. } = mutant;
    let harm = harm.as_ref().map(|harm| (&harm.property, harm.steps));
    let step = Path::new(&mutant.file).file_stem().unwrap_or_default().to_string_lossy();
    let unseen = unseen.as_ref().map(|unseen| (&unseen.scope, unseen.states));
    format!(
        "    Mutant {{\n        name: {name:?},\n        shows: {shows:?},\n        scope: {scope:?},\n        unseen: {unseen:?},\n        killed_by: {killed_by:?},\n        \
         steps: {steps:?},\n        states: {states:?},\n        harm: {harm:?},\n        \
         design: design!({module}, {step}),\n    }},\n"
    )
}

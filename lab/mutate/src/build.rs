//! For the build script of a chapter's mutants: writes every changed copy as a module, a list of them,
//! and a test for each.
//!
//! The crate that includes them brings the parts that differ from chapter to chapter: a macro
//! `design!(module, step)` that makes a design of a changed module, and a function `judge(name)`. `step`
//! is the module that was changed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
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
    let (mut modules, mut list, mut tests) = (String::new(), String::new(), String::new());
    for mutant in Mutant::read_all(here)? {
        let step = step_of(root, &mutant.file);
        println!("cargo::rerun-if-changed={}", root.join(&step).display());
        let module = mutant.name.replace('-', "_");
        let mut first = out.join(format!("{module}.rs"));
        if root.join(&step).is_dir() {
            first = out.join(&module).join("mod.rs");
        }
        for (file, text) in mutant.copies(root, &step)? {
            let path = match file.strip_prefix(&step) {
                Ok(inside) if inside.parent().is_some() => out.join(&module).join(inside),
                _ => first.clone(),
            };
            write(&path, &text.replace("crate::", &format!("{library}::")))?;
        }
        modules += &declared(&module, &first);
        let step = step.file_stem().unwrap_or_default().to_string_lossy();
        list += &listed(&module, &step, &mutant);
        let verdict = match mutant.killed_by.as_str() {
            "nothing" => "survives".to_owned(),
            property => format!("is_killed_by_{}", property.to_lowercase()),
        };
        let name = &mutant.name;
        let _ = write!(tests, "#[test]\nfn {module}_{verdict}() {{\n    judge({name:?});\n}}\n\n");
    }
    let all = "/// All mutants, by name.\npub const ALL: &[Mutant] = &[\n";
    write(&out.join("mutants.rs"), &format!("{modules}\n{all}{list}];\n"))?;
    write(&out.join("tests.rs"), &tests)
}

/// The step that a file belongs to, from the root: the file itself, or the uppermost folder above it
/// that is a module.
fn step_of(root: &Path, file: &str) -> PathBuf {
    let folders = Path::new(file).ancestors().skip(1);
    let modules = folders.take_while(|folder| root.join(folder).join("mod.rs").exists());
    modules.last().unwrap_or(Path::new(file)).to_owned()
}

impl Mutant {
    /// The files of a step with the changes made, by their paths from the root.
    fn copies(&self, root: &Path, step: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
        let mut files = Vec::new();
        files_of(root, step, &mut files)?;
        let copy = |file: PathBuf| {
            let path = root.join(&file);
            let source = fs::read_to_string(&path).map_err(|error| Error::Io { path, error })?;
            let is_changed = file == Path::new(&self.file);
            let text = if is_changed { self.apply(&source)? } else { source };
            Ok((file, text))
        };
        files.into_iter().map(copy).collect()
    }
}

/// A file, or all source files of a folder.
fn files_of(root: &Path, path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let io = |error| Error::Io { path: root.join(path), error };
    if !root.join(path).is_dir() {
        files.extend(path.extension().is_some_and(|e| e == "rs").then(|| path.to_owned()));
        return Ok(());
    }
    for entry in fs::read_dir(root.join(path)).map_err(io)? {
        files_of(root, &path.join(entry.map_err(io)?.file_name()), files)?;
    }
    Ok(())
}

/// Writes a file and the folders above it.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let io = |error| Error::Io { path: path.into(), error };
    fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).map_err(io)?;
    fs::write(path, text).map_err(io)
}

fn declared(module: &str, file: &Path) -> String {
    format!(
        "#[allow(warnings, reason = \"a mutant is allowed to be odd\")]\n#[path = {file:?}]\nmod {module};\n"
    )
}

fn listed(module: &str, step: &str, mutant: &Mutant) -> String {
    let Mutant { name, shows, scope, unseen, killed_by, steps, states, seed, harm, .. } = mutant;
    let harm = harm.as_ref().map(|harm| (&harm.property, harm.steps));
    let unseen = unseen.as_ref().map(|unseen| (&unseen.scope, unseen.tried));
    format!(
        "    Mutant {{\n        name: {name:?},\n        shows: {shows:?},\n        scope: {scope:?},\n        unseen: {unseen:?},\n        killed_by: {killed_by:?},\n        \
         steps: {steps:?},\n        states: {states:?},\n        seed: {seed:?},\n        \
         harm: {harm:?},\n        design: design!({module}, {step}),\n    }},\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(file: &str) -> Mutant {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("one-two.toml");
        let text = format!(
            "shows = \"s\"\nfile = {file:?}\nkilled_by = \"A\"\nfind = \"1\"\nreplace = \"2\"\n"
        );
        fs::write(&path, text).unwrap();
        Mutant::read(&path).unwrap()
    }

    #[test]
    fn a_step_in_a_folder_is_copied_as_a_whole_and_changed_in_one_file() {
        let root = tempfile::tempdir().unwrap();
        let names = ["ch/src/store/mod.rs", "ch/src/store/a.rs", "ch/src/store/deep/mod.rs"];
        for name in names.into_iter().chain(["ch/src/lib.rs", "ch/src/store/notes.txt"]) {
            write(&root.path().join(name), "const N: u8 = 1;").unwrap();
        }
        for file in names {
            let step = step_of(root.path(), file);
            assert_eq!(step, Path::new("ch/src/store"));
            let mut copies = mutant(file).copies(root.path(), &step).unwrap();
            copies.sort();
            let changed = copies.iter().filter(|(_, text)| text == "const N: u8 = 2;");
            assert_eq!(
                changed.map(|(path, _)| path.clone()).collect::<Vec<_>>(),
                [Path::new(file)]
            );
            assert_eq!(copies.len(), names.len());
        }
    }

    #[test]
    fn a_step_that_is_one_file_is_copied_alone() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("ch/src/step.rs"), "1").unwrap();
        let step = step_of(root.path(), "ch/src/step.rs");
        let copies = mutant("ch/src/step.rs").copies(root.path(), &step).unwrap();
        assert_eq!(copies, [("ch/src/step.rs".into(), "2".into())]);
    }
}

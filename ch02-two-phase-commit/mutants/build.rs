//! Writes the changed copy of a step for every `*.toml` beside this file, and a list of them.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    shows: String,
    /// The step, from the root of the workspace.
    file: String,
    find: Option<String>,
    replace: Option<String>,
    #[serde(default)]
    change: Vec<Change>,
    killed_by: String,
    /// The length of the shortest schedule that kills it.
    steps: Option<usize>,
    /// How many states were searched, if nothing kills it.
    states: Option<usize>,
    /// Where the first invariant is an early alarm: what somebody would notice, and after how long.
    harm: Option<Harm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Harm {
    property: String,
    steps: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    find: String,
    replace: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let here = env::var("CARGO_MANIFEST_DIR")?;
    let here = Path::new(&here);
    let root = here.ancestors().nth(2).ok_or("this package is two folders below the workspace")?;
    let out = env::var("OUT_DIR")?;
    println!("cargo::rerun-if-changed={}", here.display());
    let mut files: Vec<_> = fs::read_dir(here)?.collect::<Result<Vec<_>, _>>()?;
    files.retain(|file| {
        let path = file.path();
        let is_toml = path.extension().is_some_and(|e| e == "toml");
        is_toml && !path.ends_with("Cargo.toml")
    });
    files.sort_by_key(fs::DirEntry::file_name);
    let (mut modules, mut list, mut tests) = (String::new(), String::new(), String::new());
    for file in files {
        let path = file.path();
        let name = path.file_stem().and_then(|n| n.to_str()).ok_or("a name in plain letters")?;
        let wrong = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let mutant: Mutant = toml::from_str(&fs::read_to_string(&path)?).map_err(|e| wrong(&e))?;
        let source = root.join(&mutant.file);
        println!("cargo::rerun-if-changed={}", source.display());
        let changed = apply(&mutant, &fs::read_to_string(&source)?).map_err(|e| wrong(&e))?;
        let module = name.replace('-', "_");
        let copy = Path::new(&out).join(format!("{module}.rs"));
        fs::write(&copy, changed)?;
        let Mutant { shows, killed_by, steps, states, harm, .. } = mutant;
        let harm = harm.map(|Harm { property, steps }| (property, steps));
        write!(
            modules,
            "#[allow(warnings, reason = \"a mutant is allowed to be odd\")]\n#[path = {copy:?}]\nmod {module};\n"
        )?;
        write!(
            list,
            "    Mutant {{\n        name: {name:?},\n        shows: {shows:?},\n        killed_by: {killed_by:?},\n        \
             steps: {steps:?},\n        states: {states:?},\n        harm: {harm:?},\n        design: \
             Nodes::new(\n            || AnyNode::new({module}::Coordinator::default()),\n            \
             |accounts| AnyNode::new({module}::Participant::new(accounts)),\n        ),\n    }},\n"
        )?;
        let verdict = match killed_by.as_str() {
            "nothing" => "survives".to_owned(),
            property => format!("is_killed_by_{}", property.to_lowercase()),
        };
        write!(tests, "#[test]\nfn {module}_{verdict}() {{\n    judge({name:?});\n}}\n\n")?;
    }
    let all =
        format!("{modules}\n/// All mutants, by name.\npub const ALL: &[Mutant] = &[\n{list}];\n");
    fs::write(Path::new(&out).join("mutants.rs"), all)?;
    fs::write(Path::new(&out).join("tests.rs"), tests)?;
    Ok(())
}

/// The step with everything replaced, for another crate.
fn apply(mutant: &Mutant, source: &str) -> Result<String, String> {
    let single = match (&mutant.find, &mutant.replace) {
        (Some(find), Some(replace)) => Some((find, replace)),
        (None, None) => None,
        _ => return Err("`find` and `replace` belong together".into()),
    };
    let changes: Vec<_> =
        single.into_iter().chain(mutant.change.iter().map(|c| (&c.find, &c.replace))).collect();
    if changes.is_empty() {
        return Err("nothing is changed: add `find` and `replace`".into());
    }
    let mut text = source.to_owned();
    for (find, replace) in changes {
        let hits = source.matches(find.as_str()).count();
        if hits != 1 {
            return Err(format!("`{find}` stands {hits} times in {}, not once", mutant.file));
        }
        text = text.replacen(find.as_str(), replace, 1);
    }
    Ok(text.replace("crate::", "ch02_two_phase_commit::"))
}

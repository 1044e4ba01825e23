//! Changed copies of source files, as data.
//!
//! A mutant is a file with something changed on purpose: one line of a protocol's step taken away, or
//! a plausible wrong answer to an exercise. Each is a small TOML file that says what is changed and
//! what has to notice:
//!
//! ```toml
//! shows = "No record means abort only once it is certain that there will be none."
//! file = "ch02-two-phase-commit/src/step3_log_first.rs"
//! find = "} else if !self.voting.contains_key(&tx) {"
//! replace = "} else {"
//! killed_by = "AC1"
//! steps = 9
//! ```
//!
//! A file may be part of a folder: a step whose roles are files. Its whole folder is copied then.
//!
//! What is changed in several places has one `[[change]]` with `find` and `replace` for each instead.
//! Each `find` has to occur exactly once, so a change of the source cannot silently disarm a mutant.
//!
//! A crate of its own, below `lab`: the build script of a chapter's mutants uses it, and must not
//! compile the rest of `lab` a second time for that.

pub mod build;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A changed copy of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mutant {
    /// The name of its TOML file, without the ending.
    pub name: String,
    /// What is changed, in a few words for a table; empty where no table has it.
    pub title: String,
    /// What the change shows, in a sentence.
    pub shows: String,
    /// The file that is changed, from the root of the workspace.
    pub file: String,
    /// What is changed in it, in this order; never empty.
    pub changes: Vec<Change>,
    /// The scope in which it is searched, by a name of the chapter's own; empty where there is one.
    pub scope: String,
    /// A smaller scope in which nothing notices it.
    pub unseen: Option<Unseen>,
    /// What notices: the invariant that breaks first, or a word of the failed check; `nothing` if the
    /// mutant survives.
    pub killed_by: String,
    /// The length of the shortest schedule that kills it, in events.
    pub steps: Option<usize>,
    /// How many states were searched, if nothing kills it.
    pub states: Option<usize>,
    /// The first seed that kills it, where its scope is simulated.
    pub seed: Option<u64>,
    /// Where the first invariant is an early alarm: what a user would notice.
    pub harm: Option<Harm>,
}

/// One replacement.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What goes.
    pub find: String,
    /// What comes.
    pub replace: String,
}

/// What a user notices of a mutant, later than the first invariant.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Harm {
    /// The invariant.
    pub property: String,
    /// The length of the shortest schedule that breaks it, in events.
    pub steps: usize,
}

/// A scope in which a mutant keeps every promise: too small to tell it from the step.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unseen {
    /// Its name.
    pub scope: String,
    /// How many states were searched, or how many seeds were simulated.
    #[serde(rename = "states", alias = "seeds")]
    pub tried: usize,
}

/// Why a mutant cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The TOML file does not say what it must.
    #[error("{}: {error}", path.display())]
    Toml {
        /// Which.
        path: PathBuf,
        /// What is wrong, with its line.
        error: toml::de::Error,
    },
    /// Neither or both ways to say what is changed, or half of one.
    #[error("{name}: say what is changed: `find` and `replace`, or `[[change]]` with both")]
    Changes {
        /// The mutant.
        name: String,
    },
    /// A change that changes nothing.
    #[error("{name}: `{find}` is replaced by itself")]
    Same {
        /// The mutant.
        name: String,
        /// What is replaced.
        find: String,
    },
    /// The text to replace does not occur exactly once.
    #[error("{name}: `{find}` occurs {count} times in {file}, not once")]
    Count {
        /// The mutant.
        name: String,
        /// What is looked for.
        find: String,
        /// How often it occurs.
        count: usize,
        /// The file that was searched.
        file: String,
    },
}

/// A mutant as its file says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    title: String,
    shows: String,
    file: String,
    find: Option<String>,
    replace: Option<String>,
    #[serde(default)]
    change: Vec<Change>,
    #[serde(default)]
    scope: String,
    unseen: Option<Unseen>,
    killed_by: String,
    steps: Option<usize>,
    states: Option<usize>,
    seed: Option<u64>,
    harm: Option<Harm>,
}

impl Mutant {
    /// Reads one TOML file.
    ///
    /// # Errors
    /// It cannot be read, or does not say what it must.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text =
            fs::read_to_string(path).map_err(|error| Error::Io { path: path.into(), error })?;
        let text: Text =
            toml::from_str(&text).map_err(|error| Error::Toml { path: path.into(), error })?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let changes = match (text.find, text.replace, text.change) {
            (Some(find), Some(replace), many) if many.is_empty() => vec![Change { find, replace }],
            (None, None, many) if !many.is_empty() => many,
            _ => return Err(Error::Changes { name }),
        };
        if let Some(Change { find, .. }) = changes.iter().find(|c| c.find == c.replace) {
            return Err(Error::Same { name, find: find.clone() });
        }
        let Text { title, shows, file, scope, unseen, killed_by, .. } = text;
        let Text { steps, states, seed, harm, .. } = text;
        Ok(Self {
            name,
            title,
            shows,
            file,
            changes,
            scope,
            unseen,
            killed_by,
            steps,
            states,
            seed,
            harm,
        })
    }

    /// All mutants of a folder, by name: each TOML file in it but a `Cargo.toml`. A folder that does
    /// not exist has none.
    ///
    /// # Errors
    /// The first file that cannot be read or does not say what it must.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, Error> {
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let io = |error| Error::Io { path: folder.into(), error };
        let entries: Vec<_> =
            fs::read_dir(folder).map_err(io)?.collect::<Result<_, _>>().map_err(io)?;
        let mut paths: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
        paths.retain(|path| {
            path.extension().is_some_and(|e| e == "toml") && !path.ends_with("Cargo.toml")
        });
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// The text of the file with everything replaced.
    ///
    /// # Errors
    /// What is to be replaced does not occur exactly once.
    pub fn apply(&self, source: &str) -> Result<String, Error> {
        let mut text = source.to_owned();
        for Change { find, replace } in &self.changes {
            let count = text.matches(find.as_str()).count();
            if count != 1 {
                let (name, file) = (self.name.clone(), self.file.clone());
                return Err(Error::Count { name, find: find.clone(), count, file });
            }
            text = text.replacen(find.as_str(), replace, 1);
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "shows = \"s\"\nfile = \"a.rs\"\nkilled_by = \"AC1\"\n";

    /// What is read from `ONE` with more lines.
    fn read(more: &str) -> Result<Mutant, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keep-all.toml");
        fs::write(&path, format!("{ONE}{more}")).unwrap();
        Mutant::read(&path).map_err(|e| e.to_string())
    }

    #[test]
    fn several_changes_are_made_in_their_order() {
        let mutant = read(
            "[[change]]\nfind = \"a\"\nreplace = \"b\"\n[[change]]\nfind = \"bb\"\nreplace = \"c\"\n",
        );
        let mutant = mutant.unwrap();
        assert_eq!(mutant.name, "keep-all");
        assert_eq!(mutant.apply("xab").unwrap(), "xc");
    }

    #[test]
    fn what_is_not_found_exactly_once_is_an_error() {
        let mutant = read("find = \"a\"\nreplace = \"b\"\n").unwrap();
        for (source, count) in [("", 0), ("aa", 2)] {
            let error = mutant.apply(source).unwrap_err().to_string();
            assert_eq!(error, format!("keep-all: `a` occurs {count} times in a.rs, not once"));
        }
    }

    #[test]
    fn a_file_that_says_too_little_too_much_or_nothing_is_refused() {
        for more in ["", "find = \"a\"\n", "replace = \"a\"\n"] {
            assert!(read(more).unwrap_err().contains("say what is changed"), "{more}");
        }
        let both = "find = \"a\"\nreplace = \"b\"\n[[change]]\nfind = \"a\"\nreplace = \"b\"\n";
        assert!(read(both).unwrap_err().contains("say what is changed"));
        assert!(read("find = \"a\"\nreplace = \"a\"\n").unwrap_err().contains("by itself"));
        let unknown = read("find = \"a\"\nreplace = \"b\"\nkiled = 3\n").unwrap_err();
        assert!(unknown.contains("keep-all.toml") && unknown.contains("kiled"), "{unknown}");
    }

    #[test]
    fn all_mutants_of_a_folder_come_by_name_and_a_missing_folder_has_none() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.toml", "a.toml"] {
            fs::write(dir.path().join(name), format!("{ONE}find = \"a\"\nreplace = \"b\"\n"))
                .unwrap();
        }
        fs::write(dir.path().join("Cargo.toml"), "no mutant").unwrap();
        fs::write(dir.path().join("build.rs"), "no mutant").unwrap();
        let all = Mutant::read_all(dir.path()).unwrap();
        assert_eq!(all.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(Mutant::read_all(&dir.path().join("none")).unwrap(), []);
    }
}

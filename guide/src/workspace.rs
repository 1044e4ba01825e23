//! Where things are: the root of the workspace, its files, its chapters and their steps.

use std::path::{Path, PathBuf};

use lab::chapter::{Chapter, StepInfo};

use crate::trouble::{Result, Trouble};

/// The workspace as every command sees it.
#[derive(Clone)]
pub struct Workspace {
    /// The folder with the workspace's `Cargo.toml` and `book/`.
    pub root: PathBuf,
    /// The chapters, in reading order.
    pub chapters: Vec<&'static dyn Chapter>,
}

impl Workspace {
    /// The workspace around the current folder; else the one this program was built from.
    ///
    /// # Errors
    /// Neither holds a `book/book.toml`.
    pub fn here() -> Result<Self> {
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf);
        let current = std::env::current_dir().ok();
        let root = current
            .iter()
            .flat_map(|c| c.ancestors())
            .map(Path::to_path_buf)
            .chain(built_from)
            .find(|dir| dir.join("book/book.toml").is_file() && dir.join("Cargo.toml").is_file());
        match root {
            Some(root) => Ok(Self { root, chapters: crate::chapters::all() }),
            None => Err(Trouble::new(
                "this is not the folder of the book: no book/book.toml here or above",
                "run the command inside the cloned repository",
            )),
        }
    }

    /// A file's text; `path` counts from the root.
    ///
    /// # Errors
    /// The file is not there or is not text.
    pub fn read(&self, path: &str) -> Result<String> {
        std::fs::read_to_string(self.root.join(path)).map_err(|e| {
            Trouble::new(
                format!("cannot read {path}: {e}"),
                "check the path; it counts from the root of the workspace",
            )
        })
    }

    /// Writes a generated file, with its folders.
    ///
    /// # Errors
    /// The disk says no.
    pub fn write(&self, path: &str, text: &str) -> Result<()> {
        let full = self.root.join(path);
        let made = full.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&full, text)).map_err(|e| {
            Trouble::new(format!("cannot write {path}: {e}"), "check the folder's permissions")
        })
    }

    /// A chapter by its id, such as `ch02`.
    ///
    /// # Errors
    /// There is no such chapter; the message lists those there are.
    pub fn chapter(&self, id: &str) -> Result<&'static dyn Chapter> {
        self.chapters.iter().find(|c| c.id() == id).copied().ok_or_else(|| {
            let known: Vec<&str> = self.chapters.iter().map(|c| c.id()).collect();
            Trouble::new(
                format!("there is no chapter `{id}`"),
                format!("one of: {}", known.join(", ")),
            )
        })
    }

    /// A step by a name such as `ch02/step2`; the whole module name works too.
    ///
    /// # Errors
    /// There is no such chapter or step; the message lists those there are.
    pub fn step(&self, name: &str) -> Result<(&'static dyn Chapter, StepInfo)> {
        let Some((chapter, step)) = name.split_once('/') else {
            let known = self.step_names().join(", ");
            return Err(Trouble::new(
                format!("`{name}` does not name a step"),
                format!("one of: {known}"),
            ));
        };
        let chapter = self.chapter(chapter)?;
        let found = chapter.steps().into_iter().find(|s| s.id == step || s.module == step);
        found.map(|s| (chapter, s)).ok_or_else(|| {
            let known: Vec<String> =
                chapter.steps().iter().map(|s| format!("{}/{}", chapter.id(), s.id)).collect();
            Trouble::new(
                format!("chapter {} has no step `{step}`", chapter.id()),
                format!("one of: {}", known.join(", ")),
            )
        })
    }

    /// All steps as `ch02/step1`, in reading order.
    #[must_use]
    pub fn step_names(&self) -> Vec<String> {
        let names = |c: &&'static dyn Chapter| {
            let id = c.id();
            c.steps().into_iter().map(move |s| format!("{id}/{}", s.id)).collect::<Vec<_>>()
        };
        self.chapters.iter().flat_map(names).collect()
    }
}

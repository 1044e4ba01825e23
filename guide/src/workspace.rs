//! Where things are: the root of the workspace, its files, its chapters and their steps.

use std::path::{Path, PathBuf};

use lab::chapter::{Chapter, Models, StepInfo};

use crate::error::{Error, Result};

/// A step, the chapter it is of, and what answers questions about it.
#[derive(Clone)]
pub struct Step {
    /// The chapter.
    pub chapter: &'static dyn Chapter,
    /// Its designs.
    pub models: &'static dyn Models,
    /// The step.
    pub info: StepInfo,
}

impl Step {
    /// `ch02/step1`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.chapter.id(), self.info.id)
    }

    /// The step after this one, if there is one in its chapter.
    #[must_use]
    pub fn following(&self) -> Option<StepInfo> {
        self.models.steps().into_iter().skip_while(|info| info.id != self.info.id).nth(1)
    }
}

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
            None => Err(Error::new(
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
            Error::new(
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
            Error::new(format!("cannot write {path}: {e}"), "check the folder's permissions")
        })
    }

    /// A chapter by its id, such as `ch02`.
    ///
    /// # Errors
    /// There is no such chapter; the message lists those there are.
    pub fn chapter(&self, id: &str) -> Result<&'static dyn Chapter> {
        self.chapters.iter().find(|c| c.id() == id).copied().ok_or_else(|| {
            let known: Vec<&str> = self.chapters.iter().map(|c| c.id()).collect();
            Error::new(
                format!("there is no chapter `{id}`"),
                format!("one of: {}", known.join(", ")),
            )
        })
    }

    /// A step by a name such as `ch02/step2`; the whole module name works too.
    ///
    /// # Errors
    /// There is no such chapter or step; the message lists those there are.
    pub fn step(&self, name: &str) -> Result<Step> {
        let unknown = |what: String| {
            let known = self.step_names().join(", ");
            Error::new(what, format!("one of: {known}"))
        };
        let Some((chapter, step)) = name.split_once('/') else {
            return Err(unknown(format!("`{name}` does not name a step")));
        };
        let chapter = self.chapter(chapter)?;
        let models = chapter.models();
        let found = models.and_then(|models| {
            let info = models.steps().into_iter().find(|s| s.id == step || s.module == step)?;
            Some(Step { chapter, models, info })
        });
        found.ok_or_else(|| unknown(format!("chapter {} has no step `{step}`", chapter.id())))
    }

    /// The designs of a chapter.
    ///
    /// # Errors
    /// There is no such chapter, or none of its steps is a design of nodes.
    pub fn models(&self, chapter: &str) -> Result<&'static dyn Models> {
        self.chapter(chapter)?.models().ok_or_else(|| {
            let what = format!("chapter {chapter} has no designs that can be explored");
            Error::new(what, "see `cargo guide list`")
        })
    }

    /// The steps of a chapter; none where it has no designs of nodes.
    #[must_use]
    pub fn steps(chapter: &dyn Chapter) -> Vec<StepInfo> {
        chapter.models().map(Models::steps).unwrap_or_default()
    }

    /// All steps as `ch02/step1`, in reading order.
    #[must_use]
    pub fn step_names(&self) -> Vec<String> {
        let names = |c: &&'static dyn Chapter| {
            let id = c.id();
            Self::steps(*c).into_iter().map(move |s| format!("{id}/{}", s.id)).collect::<Vec<_>>()
        };
        self.chapters.iter().flat_map(names).collect()
    }
}

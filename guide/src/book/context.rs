//! What is known while pages are expanded: terms, numbers, what was shown so far.

use std::collections::{BTreeMap, BTreeSet};

use super::glossary::Glossary;
use super::numbers;
use super::page::{Meta, Page};
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// What the pages used: by file, the anchors.
pub type UsedAnchors = BTreeMap<String, BTreeSet<String>>;

/// The state of an expansion. Pages come in the order of the book; listings and figures are numbered
/// by chapter.
pub struct Context<'a> {
    /// Where the files are.
    pub ws: &'a Workspace,
    /// The terms.
    pub glossary: Glossary,
    /// Anchors that some page shows.
    pub used_anchors: UsedAnchors,
    /// Generated files that some page shows, from the root.
    pub used_files: BTreeSet<String>,
    /// What is wrong so far.
    pub errors: Vec<Error>,
    /// Listings and figures on the page just expanded.
    pub shown: (usize, usize),
    counters: BTreeMap<(String, &'static str), usize>,
    chapter: Option<String>,
    depth: usize,
}

impl<'a> Context<'a> {
    /// For a book with these pages; the glossary page is among them.
    #[must_use]
    pub fn new(ws: &'a Workspace, pages: &[Page]) -> Self {
        let mut errors = Vec::new();
        let glossary = Glossary::of(pages, &mut errors);
        Self {
            ws,
            glossary,
            used_anchors: BTreeMap::new(),
            used_files: BTreeSet::new(),
            errors,
            shown: (0, 0),
            counters: BTreeMap::new(),
            chapter: None,
            depth: 0,
        }
    }

    /// A page begins.
    pub fn begin(&mut self, page: &Page) {
        self.shown = (0, 0);
        self.chapter = Meta::parse(&page.text).ok().and_then(|m| m.chapter);
        self.depth = page.path.matches('/').count();
    }

    /// Terms and numbers inside a line of prose; code spans stay as they are.
    ///
    /// # Errors
    /// An undefined term or number.
    pub fn inline(&mut self, line: &str) -> Result<String> {
        let mut out = String::new();
        for (i, part) in line.split('`').enumerate() {
            if i > 0 {
                out.push('`');
            }
            if i % 2 == 1 {
                out.push_str(part);
                continue;
            }
            let linked = self.glossary.link(part, &"../".repeat(self.depth))?;
            out.push_str(&numbers::in_line(self.ws, &linked)?);
        }
        Ok(out)
    }

    /// The next number of a chapter's listings or figures: `2-3`, and its anchor in the page.
    pub fn number(&mut self, what: &'static str) -> (String, String) {
        let chapter = self.chapter.clone().unwrap_or_default();
        let n = self.counters.entry((chapter.clone(), what)).or_insert(0);
        *n += 1;
        match what {
            "Listing" => self.shown.0 += 1,
            _ => self.shown.1 += 1,
        }
        let digits =
            chapter.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_start_matches('0');
        let label = if digits.is_empty() { format!("{n}") } else { format!("{digits}-{n}") };
        let id = format!("{}-{label}", what.to_lowercase());
        (format!("{what} {label}"), id)
    }

    /// The way from this page to the book's first folder.
    #[must_use]
    pub fn to_root(&self) -> String {
        "../".repeat(self.depth)
    }

    /// Reads a generated file and remembers that a page shows it.
    ///
    /// # Errors
    /// It was never generated.
    pub fn generated(&mut self, path: &str) -> Result<String> {
        self.used_files.insert(path.to_string());
        self.ws.read(path).map_err(|_| {
            Error::new(
                format!("{path} does not exist"),
                "add it to its chapter's figures, numbers or outputs, then run `cargo guide book refresh`",
            )
        })
    }
}

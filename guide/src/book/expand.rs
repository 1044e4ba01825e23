//! Turns the directives of a page into Markdown and HTML that mdBook renders.

use std::collections::{BTreeMap, BTreeSet};

use super::directive::Directive;
use super::glossary::Glossary;
use super::page::{Fence, Meta, Page};
use super::{boxes, figure, listing, tables};
use crate::trouble::{Result, Trouble};
use crate::workspace::Workspace;

/// What the pages used: by file, the anchors.
pub type UsedAnchors = BTreeMap<String, BTreeSet<String>>;

/// Goes through the pages in order; numbers listings and figures a chapter.
pub struct Expander<'a> {
    /// Where the files are.
    pub ws: &'a Workspace,
    /// The terms.
    pub glossary: Glossary,
    /// Anchors that some page shows.
    pub used_anchors: UsedAnchors,
    /// Generated files that some page shows, from the root.
    pub used_files: BTreeSet<String>,
    /// What is wrong so far.
    pub troubles: Vec<Trouble>,
    /// Listings and figures on the page just expanded.
    pub shown: (usize, usize),
    counters: BTreeMap<(String, &'static str), usize>,
    chapter: Option<String>,
    depth: usize,
}

impl<'a> Expander<'a> {
    /// An expander for a book with these pages; the glossary page is among them.
    #[must_use]
    pub fn new(ws: &'a Workspace, pages: &[Page]) -> Self {
        let mut troubles = Vec::new();
        let glossary = Glossary::of(pages, &mut troubles);
        Self {
            ws,
            glossary,
            used_anchors: BTreeMap::new(),
            used_files: BTreeSet::new(),
            troubles,
            shown: (0, 0),
            counters: BTreeMap::new(),
            chapter: None,
            depth: 0,
        }
    }

    /// The page with every directive replaced. What cannot be replaced is noted in `troubles`.
    pub fn page(&mut self, page: &Page) -> String {
        self.shown = (0, 0);
        self.chapter = Meta::parse(&page.text).ok().and_then(|m| m.chapter);
        self.depth = page.path.matches('/').count();
        let lines: Vec<&str> = page.text.lines().collect();
        let mut out = String::new();
        let mut fence = Fence::default();
        let mut i = 0;
        while i < lines.len() {
            let line = lines[i];
            i += 1;
            if fence.covers(line) {
                out.push_str(line);
                out.push('\n');
                continue;
            }
            let replaced = match Directive::parse(line) {
                None => self.inline(line).map(|l| l + "\n"),
                Some(directive) => {
                    let number = i;
                    let rest = &lines[i..];
                    let (html, used) = match directive.and_then(|d| self.directive(&d, rest)) {
                        Ok((html, used)) => (Ok(html), used),
                        Err(trouble) => (Err(trouble), 0),
                    };
                    i += used;
                    if let Err(trouble) = html {
                        self.troubles.push(trouble.or_at(page.place(number)));
                        continue;
                    }
                    html
                }
            };
            match replaced {
                Ok(text) => out.push_str(&text),
                Err(trouble) => self.troubles.push(trouble.or_at(page.place(i))),
            }
        }
        out
    }

    /// One directive, and how many of the lines after it belong to it.
    fn directive(&mut self, d: &Directive, rest: &[&str]) -> Result<(String, usize)> {
        if d.name == "num" || d.name == "term" {
            return Ok((self.inline(&d.source)? + "\n", 0));
        }
        if boxes::is_block(&d.name) {
            let close = format!("{{{{/{}}}}}", d.name);
            let used = rest.iter().position(|l| l.trim() == close).ok_or_else(|| {
                Trouble::new(
                    format!("this {} is never closed", d.name),
                    format!("close it with {close}"),
                )
            })?;
            return Ok((boxes::block(self, d, &rest[..used])?, used + 1));
        }
        let html = match d.name.as_str() {
            "listing" => listing::listing(self, d)?,
            "diff" => listing::diff(self, d)?,
            "figure" => figure::figure(self, d)?,
            "breakit" => figure::break_it(self, d)?,
            "output" => tables::output(self, d)?,
            "matrix" => tables::matrix(self, d)?,
            "measured" => tables::measured(self, d)?,
            "exercise" => boxes::exercise(self, d)?,
            name => {
                return Err(Trouble::new(
                    format!("there is no directive `{name}`"),
                    "one of: listing, diff, figure, breakit, output, matrix, measured, num, exercise, why, \
                     predict, change",
                ));
            }
        };
        Ok((html, 0))
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
            out.push_str(&tables::numbers(self.ws, &linked)?);
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
            Trouble::new(
                format!("{path} does not exist"),
                "add it to its chapter's figures, numbers or outputs, then run `cargo guide book refresh`",
            )
        })
    }
}

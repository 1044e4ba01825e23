//! The book's own test: what mdBook lets pass in silence stops here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use super::context::{Context, UsedAnchors};
use super::page::{self, Kind, MAIN_PATH, Meta, Page};
use super::{anchors, links, refresh};
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// What a check found.
#[derive(Debug, Default)]
pub struct Report {
    /// What must be mended.
    pub errors: Vec<Error>,
    /// What may be an oversight.
    pub warnings: Vec<Error>,
    /// Words and minutes, a page a line.
    pub table: String,
}

/// Checks the book as it stands; builds it into `site` to follow its links.
///
/// # Errors
/// The book cannot be loaded at all.
pub fn check(ws: &Workspace, site: &Path, command: refresh::Command) -> Result<Report> {
    let pages = super::pages(ws)?;
    let mut report = Report::default();
    let mut metas = Vec::new();
    for page in &pages {
        match Meta::parse(&page.text) {
            Ok(meta) => metas.push((page, meta)),
            Err(error) => report.errors.push(error.or_at(page.place(1))),
        }
        report.errors.extend(fences(page));
    }
    let mut context = Context::new(ws, &pages);
    let mut shown = BTreeMap::new();
    for page in &pages {
        let _ = super::expand::page(&mut context, page);
        shown.insert(page.path.clone(), context.shown);
    }
    report.errors.append(&mut context.errors);
    budgets(&metas, &shown, &mut report);
    required(ws, &metas, &mut report.errors);
    sources(ws, &context.used_anchors, &mut report)?;
    for term in context.glossary.unused() {
        let place = format!("book/src/{}", context.glossary.page.as_deref().unwrap_or(""));
        report.warnings.push(Error::at(place, format!("no page uses the term `{term}`"), ""));
    }
    generated(ws, &context.used_files, command, &mut report)?;
    if report.errors.is_empty() {
        match super::build(ws, site) {
            Ok(()) => report.errors.extend(links::dead(site)),
            Err(error) => report.errors.push(error),
        }
    }
    Ok(report)
}

/// Rust on a page is an include, so that it was compiled and tested.
fn fences(page: &Page) -> Vec<Error> {
    let mut bad = Vec::new();
    let mut fence = page::Fence::default();
    let mut inside = false;
    for (i, line) in page.text.lines().enumerate() {
        let covered = fence.covers(line);
        let word = line.trim_start().trim_start_matches(['`', '~']);
        if covered && !inside && word.starts_with("rust") {
            bad.push(Error::at(
                page.place(i + 1),
                "Rust written into a page: nothing compiles it",
                "move it into a source file between anchors and show it with {{#listing …}}",
            ));
        }
        inside = covered;
    }
    bad
}

fn budgets(metas: &[(&Page, Meta)], shown: &BTreeMap<String, (usize, usize)>, report: &mut Report) {
    let mut main: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let _ = writeln!(report.table, "{:>6} {:>6} {:>4} {:>4}  page", "words", "of", "min", "figs");
    for (page, meta) in metas {
        let words = page::words(&page.text);
        let (listings, figures) = shown.get(&page.path).copied().unwrap_or((0, 0));
        let minutes = page::minutes(words, listings, figures);
        let budget = meta.kind.budget();
        let of = budget.map_or_else(|| "–".to_string(), |b| b.to_string());
        let _ =
            writeln!(report.table, "{words:>6} {of:>6} {minutes:>4} {figures:>4}  {}", page.path);
        if let Some(most) = budget.filter(|most| words > *most) {
            report.errors.push(Error::at(
                page.place(1),
                format!("{words} words, the budget of this kind of page is {most}"),
                "cut what the picture already tells, or move it to a Going deeper page",
            ));
        }
        if let Some(chapter) = meta.chapter.as_deref().filter(|_| meta.kind.is_main()) {
            let total = main.entry(chapter).or_default();
            total.0 += words;
            total.1 += minutes;
        }
    }
    for (chapter, (words, minutes)) in main {
        let _ = writeln!(
            report.table,
            "{words:>6} {MAIN_PATH:>6} {minutes:>4}       {chapter}: its main path"
        );
        if words > MAIN_PATH {
            report.errors.push(Error::new(
                format!("the main path of {chapter} has {words} words, the budget is {MAIN_PATH}"),
                "move a part to a Going deeper page",
            ));
        }
    }
}

fn required(ws: &Workspace, metas: &[(&Page, Meta)], errors: &mut Vec<Error>) {
    let has = |kind: Kind, chapter: Option<&str>, step: Option<&str>| {
        metas.iter().any(|(_, m)| {
            m.kind == kind
                && (chapter.is_none() || m.chapter.as_deref() == chapter)
                && (step.is_none() || m.step.as_deref() == step)
        })
    };
    let mut need = |there: bool, what: String| {
        if !there {
            let fix = "write it and name it in book/src/SUMMARY.md";
            errors.push(Error::new(format!("the book has no page {what}"), fix));
        }
    };
    need(has(Kind::Start, None, None), "kind=start".into());
    need(has(Kind::Glossary, None, None), "kind=glossary".into());
    for chapter in &ws.chapters {
        let id = chapter.id();
        if chapter.models().is_some() {
            need(has(Kind::BreakIt, Some(id), None), format!("kind=breakit chapter={id}"));
        }
        need(has(Kind::Card, Some(id), None), format!("kind=card chapter={id}"));
        for step in Workspace::steps(*chapter) {
            let told = has(Kind::Step, Some(id), Some(step.id))
                || has(Kind::Deeper, Some(id), Some(step.id));
            need(told, format!("kind=step chapter={id} step={}", step.id));
        }
    }
}

/// Anchors in the chapters' sources: every one opened is closed, and some page shows it.
fn sources(ws: &Workspace, used: &UsedAnchors, report: &mut Report) -> Result<()> {
    let mut files: BTreeSet<String> = used.keys().cloned().collect();
    for chapter in &ws.chapters {
        files.extend(
            Workspace::steps(*chapter).iter().flat_map(|s| s.files.iter().map(ToString::to_string)),
        );
    }
    for file in files {
        let Ok(text) = ws.read(&file) else { continue };
        for (line, what) in anchors::unpaired(&text) {
            report.errors.push(Error::at(format!("{file}:{line}"), what, "open once, close once"));
        }
        let none = BTreeSet::new();
        for name in anchors::names(&text).difference(used.get(&file).unwrap_or(&none)) {
            report.warnings.push(Error::at(
                &file,
                format!("no page shows the anchor `{name}`"),
                "",
            ));
        }
    }
    Ok(())
}

fn generated(
    ws: &Workspace,
    used: &BTreeSet<String>,
    command: refresh::Command,
    report: &mut Report,
) -> Result<()> {
    let mut files = refresh::from_chapters(ws)?;
    let shown = ["book/data/runs", "book/data/plots", "book/data/tables", "book/data/dials"];
    let unused = |path: &&String| {
        shown.iter().any(|folder| path.starts_with(folder)) && !used.contains(*path)
    };
    for path in files.keys().filter(unused) {
        report.warnings.push(Error::at(path, "no page shows this", ""));
    }
    files.append(&mut refresh::outputs(ws, command)?);
    report.errors.extend(refresh::stale(ws, &files));
    Ok(())
}

//! Listings: code by anchor, from files that are compiled and tested.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use lab::view::svg::escape;
use similar::{ChangeTag, TextDiff};

use super::anchors::{self, MOST_LETTERS, MOST_LINES};
use super::context::Context;
use super::directive::Directive;
use crate::error::{Error, Result};

/// The letters of code that the text's column has room for.
pub(super) const COLUMN: usize = 78;

/// `{{#listing file=… anchor=… caption="…" since=… decisive="…"}}`: one function, with what is new in
/// it marked, and the one line that its caption is about.
///
/// # Errors
/// A missing file, anchor or key; more than 40 lines, or a line too long for paper; a decisive line that is not there once.
pub fn listing(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["file", "anchor", "caption", "since", "since_anchor", "decisive"])?;
    let (file, anchor) = (d.need("file")?, d.need("anchor")?);
    let caption = x.inline(d.need("caption")?)?;
    let lines = part(x, file, anchor)?;
    let changed = match d.get("since") {
        Some(before) => {
            let old = part(x, before, d.get("since_anchor").unwrap_or(anchor))?;
            anchors::changed(&old, &lines)
        }
        None => BTreeSet::new(),
    };
    let decisive = d.get("decisive").map(|part| the_line_with(part, &lines, file)).transpose()?;
    let (label, id) = x.number("Listing");
    let mut gutter = String::new();
    for i in 0..lines.len() {
        let (class, mark) = match (decisive == Some(i), changed.contains(&i)) {
            (true, true) => ("new decisive", "▶"),
            (true, false) => ("decisive", "▶"),
            (false, true) => ("new", "+"),
            (false, false) => ("same", " "),
        };
        let _ = write!(gutter, "<span class=\"{class}\">{mark}</span>");
    }
    let note = if changed.is_empty() {
        String::new()
    } else {
        let since = step_of(d.get("since").unwrap_or(""));
        let decisive = if decisive.is_some() { ", <b>▶</b> marks the decisive one" } else { "" };
        format!(
            " <span class=\"listing-note\">Lines marked <b>+</b> are new since {since}{decisive}.</span>"
        )
    };
    let language = if file.ends_with(".rs") { "rust" } else { "text" };
    let code = lines.join("\n");
    let wide = width_of(&lines);
    Ok(format!(
        "<figure class=\"listing{wide}\" id=\"{id}\"><div class=\"listing-file\">{file}</div>\
         <div class=\"listing-body\"><pre class=\"gutter\" aria-hidden=\"true\">{gutter}</pre><div class=\"listing-code\">\n\n\
         ```{language}\n{code}\n```\n\n</div></div><figcaption>\n\n<b>{label}.</b> {caption}{note}\n\n\
         </figcaption></figure>\n"
    ))
}

/// Lines that are longer than the text's column get a wider one.
fn width_of<L: AsRef<str>>(lines: &[L]) -> &'static str {
    if longest(lines) > COLUMN { " wide" } else { "" }
}

/// The letters of the longest line.
pub(super) fn longest<L: AsRef<str>>(lines: &[L]) -> usize {
    lines.iter().map(|line| line.as_ref().chars().count()).max().unwrap_or(0)
}

fn the_line_with(part: &str, lines: &[String], file: &str) -> Result<usize> {
    let hits: Vec<usize> = (0..lines.len()).filter(|i| lines[*i].contains(part)).collect();
    let [line] = hits.as_slice() else {
        let what = format!("`{part}` stands in {} lines of this listing of {file}", hits.len());
        return Err(Error::new(what, "name a part of one line"));
    };
    Ok(*line)
}

fn part(x: &mut Context<'_>, file: &str, anchor: &str) -> Result<Vec<String>> {
    let source = x.ws.read(file)?;
    x.used_anchors.entry(file.to_string()).or_default().insert(anchor.to_string());
    let lines = anchors::part(&source, file, anchor)?;
    if lines.len() > MOST_LINES {
        return Err(Error::new(
            format!(
                "{file}: `{anchor}` has {} lines, a listing may have {MOST_LINES}",
                lines.len()
            ),
            "show one function, or move the anchor closer to the point",
        ));
    }
    if let Some(long) = lines.iter().find(|line| line.chars().count() > MOST_LETTERS) {
        let letters = long.chars().count();
        return Err(Error::new(
            format!(
                "{file}: a line has {letters} letters, paper has room for {MOST_LETTERS}: {long}"
            ),
            "break it",
        ));
    }
    Ok(lines)
}

/// `step1_just_call` from a path.
fn step_of(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
    match name.split_once('_') {
        Some((step, _)) if step.starts_with("step") => step.replace("step", "step "),
        _ => format!("<code>{name}</code>"),
    }
}

/// `{{#diff chapter=ch02 from=step2 to=step3 anchor=… caption="…"}}`: both sides of one change.
///
/// # Errors
/// An unknown step, a missing anchor, a diff that is too long, or no change at all.
pub fn diff(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["chapter", "from", "to", "anchor", "caption"])?;
    let (chapter, anchor) = (d.need("chapter")?, d.need("anchor")?);
    let caption = x.inline(d.need("caption")?)?;
    let mut side = |step: &str| -> Result<(String, Vec<String>)> {
        let info = x.ws.step(&format!("{chapter}/{step}"))?.info;
        let has = |f: &&&str| x.ws.read(f).is_ok_and(|t| anchors::names(&t).contains(anchor));
        let file = *info.files.iter().find(has).or(info.files.first()).ok_or_else(|| {
            Error::new(
                format!("{chapter}/{step} names no source file"),
                "add it to the step's files",
            )
        })?;
        Ok((file.to_string(), part(x, file, anchor)?))
    };
    let (from, to) = (d.need("from")?, d.need("to")?);
    let (_, old) = side(from)?;
    let (file, new) = side(to)?;
    let (old, new) = (old.join("\n") + "\n", new.join("\n") + "\n");
    let mut rows = String::new();
    let mut count = 0;
    let mut changes = 0;
    for change in TextDiff::from_lines(&old, &new).iter_all_changes() {
        let (class, mark, word) = match change.tag() {
            ChangeTag::Equal => ("same", " ", ""),
            ChangeTag::Insert => ("new", "+", "ins"),
            ChangeTag::Delete => ("old", "−", "del"),
        };
        let text = escape(change.value().trim_end());
        let text = if word.is_empty() { text } else { format!("<{word}>{text}</{word}>") };
        let _ = writeln!(rows, "<span class=\"{class}\"><i>{mark}</i>{text} </span>");
        count += 1;
        changes += usize::from(change.tag() != ChangeTag::Equal);
    }
    if changes == 0 {
        return Err(Error::new(
            format!("`{anchor}` is the same in {from} and {to}"),
            "show another anchor, or a listing",
        ));
    }
    if count > MOST_LINES {
        return Err(Error::new(
            format!("the diff of `{anchor}` has {count} lines, it may have {MOST_LINES}"),
            "move the anchors closer to the change",
        ));
    }
    let (label, id) = x.number("Listing");
    let wide = width_of(&old.lines().chain(new.lines()).collect::<Vec<_>>());
    Ok(format!(
        "<figure class=\"listing diff{wide}\" id=\"{id}\"><div class=\"listing-file\">{file}</div>\
         <pre class=\"diff-body\" tabindex=\"0\" role=\"group\" aria-label=\"{label}\">{}</pre><figcaption>\n\n<b>{label}.</b> {caption}\n\n</figcaption></figure>\n",
        rows.trim_end()
    ))
}

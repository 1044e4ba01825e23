//! Turns the directives of a page into Markdown and HTML that mdBook renders.

use super::context::Context;
use super::directive::Directive;
use super::page::{Fence, Page};
use super::{boxes, charts, figure, listing, mutants, tables};
use crate::error::{Error, Result};

/// The page with every directive replaced. What cannot be replaced is noted in `errors`.
pub fn page(x: &mut Context<'_>, page: &Page) -> String {
    x.begin(page);
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
            None => x.inline(line).map(|l| l + "\n"),
            Some(directive) => {
                let number = i;
                let rest = &lines[i..];
                let (html, used) = match directive.and_then(|d| expanded(x, &d, rest)) {
                    Ok((html, used)) => (Ok(html), used),
                    Err(error) => (Err(error), 0),
                };
                i += used;
                if let Err(error) = html {
                    x.errors.push(error.or_at(page.place(number)));
                    continue;
                }
                html
            }
        };
        match replaced {
            Ok(text) => out.push_str(&text),
            Err(error) => x.errors.push(error.or_at(page.place(i))),
        }
    }
    out
}

/// One directive, and how many of the lines after it belong to it.
fn expanded(x: &mut Context<'_>, d: &Directive, rest: &[&str]) -> Result<(String, usize)> {
    if d.name == "num" || d.name == "term" {
        return Ok((x.inline(&d.source)? + "\n", 0));
    }
    if boxes::is_block(&d.name) {
        let close = format!("{{{{/{}}}}}", d.name);
        let used = rest.iter().position(|l| l.trim() == close).ok_or_else(|| {
            Error::new(format!("this {} is never closed", d.name), format!("close it with {close}"))
        })?;
        return Ok((boxes::block(x, d, &rest[..used])?, used + 1));
    }
    let html = match d.name.as_str() {
        "listing" => listing::listing(x, d)?,
        "diff" => listing::diff(x, d)?,
        "figure" => figure::figure(x, d)?,
        "plot" => charts::plot(x, d)?,
        "dial" => charts::dial(x, d)?,
        "table" => tables::table(x, d)?,
        "breakit" => figure::break_it(x, d)?,
        "output" => tables::output(x, d)?,
        "matrix" => tables::matrix(x, d)?,
        "measured" => tables::measured(x, d)?,
        "exercise" => boxes::exercise(x, d)?,
        "mutants" => mutants::table(x, d)?,
        name => {
            return Err(Error::new(
                format!("there is no directive `{name}`"),
                "one of: listing, diff, figure, plot, dial, table, breakit, output, matrix, measured, num, \
                 exercise, mutants, why, predict, change",
            ));
        }
    };
    Ok((html, 0))
}

//! What commands print and tests assert: captured outputs, matrices, numbers, measurements.

use std::fmt::Write as _;

use lab::chapter::{Matrix, Table, Verdict};
use lab::view::svg::escape;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::directive::Directive;
use super::listing::{COLUMN, longest};
use super::numbers::parse;
use crate::error::{Error, Result};

/// Where a captured output is kept.
#[must_use]
pub fn output_file(file: &str) -> String {
    format!("book/data/outputs/{file}")
}

/// Where a chapter's matrix is kept.
#[must_use]
pub fn matrix_file(chapter: &str) -> String {
    format!("book/data/matrix/{chapter}.json")
}

/// `{{#output file=ch02/find-step2.txt}}`: a command and what it printed.
///
/// # Errors
/// The file is missing, or its first line is no command.
pub fn output(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["file", "caption"])?;
    let file = output_file(d.need("file")?);
    let text = x.generated(&file)?;
    let (command, printed) = text.split_once('\n').unwrap_or((&text, ""));
    let Some(command) = command.strip_prefix("$ ") else {
        return Err(Error::new(
            format!("the first line of {file} is not a command"),
            "start the file with `$ cargo guide …`, then run `cargo guide book refresh`",
        ));
    };
    if printed.trim().is_empty() {
        return Err(Error::new(
            format!("{file} holds no output yet"),
            "run `cargo guide book refresh`",
        ));
    }
    let caption = match d.get("caption") {
        Some(caption) => format!("<figcaption>\n\n{}\n\n</figcaption>", x.inline(caption)?),
        None => String::new(),
    };
    let letters = longest(&text.lines().collect::<Vec<_>>());
    let wide = if letters > COLUMN {
        format!(" wide\" style=\"--letters:{letters}")
    } else {
        String::new()
    };
    Ok(format!(
        "<figure class=\"output{wide}\">\n\n<pre class=\"terminal\" tabindex=\"0\" role=\"group\" \
         aria-label=\"Output of {0}\"><b class=\"prompt\">$ {0}</b>\n{1}</pre>\n\n\
         {caption}</figure>\n",
        escape(command),
        escape(printed.trim_end())
    ))
}

/// A matrix as it is kept: plain words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptMatrix {
    faults: Vec<String>,
    rows: Vec<KeptRow>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct KeptRow {
    step: String,
    title: String,
    cells: Vec<KeptCell>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct KeptCell {
    verdict: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    why: String,
    command: String,
}

impl From<Matrix> for KeptMatrix {
    fn from(matrix: Matrix) -> Self {
        let cell = |c: lab::chapter::Cell| KeptCell {
            verdict: c.verdict.to_string(),
            why: c.why,
            command: c.command,
        };
        let row = |r: lab::chapter::MatrixRow| KeptRow {
            step: r.step,
            title: r.title,
            cells: r.cells.into_iter().map(cell).collect(),
        };
        Self { faults: matrix.faults, rows: matrix.rows.into_iter().map(row).collect() }
    }
}

/// The sign before a verdict: never colour alone.
#[must_use]
pub fn sign(verdict: &str) -> &'static str {
    match verdict {
        "ok" => "✓",
        "unsafe" => "✗",
        "stuck" => "‖",
        "slow" => "~",
        _ => "?",
    }
}

/// The same for a typed verdict, with its word.
#[must_use]
pub fn words(verdict: Verdict) -> String {
    let word = verdict.to_string();
    format!("{} {word}", sign(&word))
}

/// `{{#matrix chapter=ch02}}`: every step under every fault; each cell says what breaks, and opens to
/// its command. The
/// designs off the main path are a table of their own, with `part=deeper`.
///
/// # Errors
/// The matrix was never generated.
pub fn matrix(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["chapter", "part"])?;
    let main = match d.get("part") {
        None => true,
        Some("deeper") => false,
        Some(other) => {
            let why = format!("the matrix has no part `{other}`");
            return Err(Error::new(why, "the only other part is part=deeper"));
        }
    };
    let file = matrix_file(d.need("chapter")?);
    let kept: KeptMatrix = parse(&file, &x.generated(&file)?)?;
    let mut out = String::from(
        "<div class=\"table-wrapper scoreboard\" tabindex=\"0\" role=\"group\" aria-label=\"Every step under every \
         fault\"><table class=\"matrix\"><thead><tr><th scope=\"col\">step</th>",
    );
    for fault in &kept.faults {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(fault));
    }
    out.push_str("</tr></thead><tbody>");
    for row in kept.rows.iter().filter(|row| row.step.starts_with("step") == main) {
        let number = row.step.trim_start_matches("step");
        let _ = write!(out, "<tr><th scope=\"row\"><b>{number}</b> {}</th>", escape(&row.title));
        for cell in &row.cells {
            let why = if cell.why.is_empty() {
                String::new()
            } else {
                format!(" <span class=\"why\">{}</span>", escape(&cell.why))
            };
            let _ = write!(
                out,
                "<td class=\"v-{0}\"><details><summary>{1} {0}{why}</summary><code>{2}</code></details></td>",
                cell.verdict,
                sign(&cell.verdict),
                escape(&cell.command)
            );
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>\n");
    Ok(out)
}

/// A measurement as `book/data/measured/*.json` keeps it.
#[derive(Clone, Debug, Deserialize)]
struct Measured {
    machine: String,
    date: String,
    versions: String,
    command: String,
    spread: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Where a measurement is kept.
#[must_use]
pub fn measured_file(name: &str) -> String {
    format!("book/data/measured/{name}.json")
}

/// `{{#measured name=ch02_steps}}`: times, always with machine, versions, date, spread and command.
/// `{{#measured name=ch04_fire rows=1-8}}`: these rows alone, counted from 1; the last of such tables has the
/// machine and the rest below it.
///
/// # Errors
/// The measurement is missing or incomplete, or has no such rows.
pub fn measured(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["name", "rows"])?;
    let file = measured_file(d.need("name")?);
    x.used_files.insert(file.clone());
    let m: Measured = parse(&file, &x.ws.read(&file)?)?;
    let all = m.rows.len();
    let rows = match d.get("rows") {
        Some(rows) => range(rows, all)?,
        None => 0..all,
    };
    let is_last = rows.end == all;
    let table = Table { columns: m.columns, rows: m.rows[rows].to_vec() };
    let mut out = format!("<div class=\"table-wrapper\">{}", html(&file, &table)?);
    if !is_last {
        return Ok(out + "</div>\n");
    }
    let _ = writeln!(
        out,
        "<p class=\"measured-on\">{}; {}; {}. {}. Measure yours: <code>{}</code></p></div>",
        escape(&m.machine),
        escape(&m.versions),
        escape(&m.date),
        escape(&m.spread),
        escape(&m.command)
    );
    Ok(out)
}

/// `2-5` of so many rows, as places from 0.
fn range(rows: &str, all: usize) -> Result<std::ops::Range<usize>> {
    let read = rows.split_once('-').and_then(|(first, last)| {
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        (1 <= first && first <= last && last <= all).then(|| first - 1..last)
    });
    read.ok_or_else(|| {
        Error::new(
            format!("there are no rows {rows}"),
            format!("two numbers of 1 to {all}, as in 1-{all}"),
        )
    })
}

/// Where a chapter's table is kept.
#[must_use]
pub fn table_file(table: &str) -> String {
    format!("book/data/tables/{table}.json")
}

/// `{{#table name=ch01/moved}}`: counted numbers. `{{#table name=ch01/moved rows=2-2}}`: these rows alone,
/// counted from 1.
///
/// # Errors
/// The table was never generated, has no such rows, or a row has not one cell a column.
pub fn table(x: &mut Context<'_>, d: &Directive) -> Result<String> {
    d.only(&["name", "rows"])?;
    let file = table_file(d.need("name")?);
    let mut table: Table = parse(&file, &x.generated(&file)?)?;
    if let Some(rows) = d.get("rows") {
        table.rows = table.rows[range(rows, table.rows.len())?].to_vec();
    }
    Ok(format!("<div class=\"table-wrapper\">{}</div>\n", html(&file, &table)?))
}

/// A cell that begins with a verdict has its colour.
fn html(file: &str, table: &Table) -> Result<String> {
    let mut out = String::from("<table class=\"measured\"><thead><tr>");
    for column in &table.columns {
        let _ = write!(out, "<th>{}</th>", escape(column));
    }
    out.push_str("</tr></thead><tbody>");
    for row in &table.rows {
        if row.len() != table.columns.len() {
            return Err(Error::new(
                format!("{file}: a row has {} cells", row.len()),
                "one a column",
            ));
        }
        out.push_str("<tr>");
        for cell in row {
            let class = cell.split(' ').find(|w| matches!(*w, "ok" | "unsafe" | "stuck" | "slow"));
            let class = class.map(|w| format!(" class=\"v-{w}\"")).unwrap_or_default();
            let _ = write!(out, "<td{class}>{}</td>", escape(cell));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn rows_are_counted_from_one_and_must_be_there() {
        assert_eq!(range("1-3", 9).unwrap(), 0..3);
        assert_eq!(range("9-9", 9).unwrap(), 8..9);
        for wrong in ["0-3", "3-2", "1-10", "3", "a-b", ""] {
            assert!(range(wrong, 9).is_err(), "{wrong}");
        }
    }
}

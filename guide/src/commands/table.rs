//! `guide table`.

use std::io::Write;

use lab::chapter::Table;

use super::{next, say};
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// Computes a table of counted numbers, such as `ch01/scoreboard`, and prints it.
///
/// # Errors
/// There is no such table, or the output cannot be written.
pub fn table(ws: &Workspace, name: &str, out: &mut dyn Write) -> Result<bool> {
    let (chapter, wanted) = name.split_once('/').unwrap_or((name, ""));
    let tables = ws.chapter(chapter)?.tables();
    let Some((_, table)) = tables.iter().find(|(known, _)| known == wanted) else {
        let known: Vec<String> = tables.iter().map(|(n, _)| format!("{chapter}/{n}")).collect();
        let fix = match known.len() {
            0 => format!("{chapter} has none; see `cargo guide list`"),
            _ => format!("one of: {}", known.join(", ")),
        };
        return Err(Error::new(format!("there is no table `{name}`"), fix));
    };
    lines(table).iter().try_for_each(|line| say(out, line))?;
    next(out, &["cargo guide list".into()])?;
    Ok(true)
}

/// The first column of a table stands by itself; below it, each other cell has the name of its column: so
/// a table of many columns fits a terminal.
pub(super) fn lines(table: &Table) -> Vec<String> {
    let width = |text: &String| text.chars().count();
    let wide = table.columns.iter().skip(1).map(width).max().unwrap_or(0);
    let row = |row: &Vec<String>| {
        let cells = table.columns.iter().zip(row).skip(1);
        let cells = cells.map(|(column, cell)| format!("  {column:<wide$}  {cell}"));
        row.first().cloned().into_iter().chain(cells).collect::<Vec<_>>()
    };
    table.rows.iter().flat_map(row).collect()
}

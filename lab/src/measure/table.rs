//! A table of measured numbers, for the terminal and for the book.
//!
//! # Left out
//!
//! A winner. The columns say who pays for what.

use std::fmt;

use serde_json::{Value, json};

use super::{Machine, today};

/// Numbers, and what they are worth nothing without.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// The head.
    pub columns: Vec<String>,
    /// As many cells each.
    pub rows: Vec<Vec<String>>,
    /// How often and beside what it was measured, and how to read it. Without its full stop.
    pub spread: String,
    /// Where.
    pub machine: Machine,
    /// What was measured.
    pub versions: String,
}

impl Table {
    /// As the book keeps it. The command that measures it again comes from the caller.
    #[must_use]
    pub fn kept(&self) -> Value {
        json!({
            "machine": self.machine.to_string(),
            "date": today(),
            "versions": self.versions,
            "spread": self.spread,
            "columns": self.columns,
            "rows": self.rows,
        })
    }
}

/// The text of a file that the book keeps: a table with the command that measures it again.
///
/// # Panics
/// If `kept` is no object.
#[must_use]
pub fn file(mut kept: Value, command: &str) -> String {
    kept["command"] = command.into();
    serde_json::to_string_pretty(&kept).expect("plain data always serialises") + "\n"
}

/// Lines of as many cells each, as columns; the last column needs no padding.
#[must_use]
pub fn aligned(lines: &[Vec<String>]) -> String {
    let wide = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..lines.first().map_or(0, Vec::len)).filter_map(wide).collect();
    let line = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, wide)| format!("{cell:wide$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(line).collect()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<Vec<String>> =
            std::iter::once(&self.columns).chain(&self.rows).cloned().collect();
        writeln!(f, "{}\n{}.", aligned(&lines), self.spread)?;
        write!(f, "{}; {}", self.machine, self.versions)
    }
}

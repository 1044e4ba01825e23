//! Counted numbers inside prose.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// The file with all counted numbers.
pub const NUMBERS: &str = "book/data/numbers.json";

/// Replaces `{{#num ch02.states_step3}}` inside a line.
///
/// # Errors
/// No such number.
pub fn in_line(ws: &Workspace, line: &str) -> Result<String> {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{#num ") {
        let (key, after) = after
            .split_once("}}")
            .ok_or_else(|| Error::new("a number that is not closed", "close it with }}"))?;
        out.push_str(before);
        out.push_str(&number(ws, key.trim())?);
        rest = after;
    }
    if let Some((_, bad)) = rest.split_once("{{#") {
        let name = bad.split_whitespace().next().unwrap_or("");
        return Err(Error::new(
            format!("`{{{{#{name}` inside a line"),
            "only num may stand inside a line; put the others on lines of their own",
        ));
    }
    out.push_str(rest);
    Ok(out)
}

fn number(ws: &Workspace, key: &str) -> Result<String> {
    let all: BTreeMap<String, String> = parse(NUMBERS, &ws.read(NUMBERS)?)?;
    all.get(key).cloned().ok_or_else(|| {
        let chapter = key.split('.').next().unwrap_or("");
        let near: Vec<&str> =
            all.keys().filter(|k| k.starts_with(chapter)).map(String::as_str).collect();
        Error::new(format!("there is no number `{key}`"), format!("one of: {}", near.join(", ")))
    })
}

/// A generated file, read.
///
/// # Errors
/// It is damaged.
pub(super) fn parse<T: for<'a> Deserialize<'a>>(file: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| {
        Error::new(format!("{file} cannot be read: {e}"), "run `cargo guide book refresh`")
    })
}

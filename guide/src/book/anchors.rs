//! Parts of source files between `// ANCHOR: name` and `// ANCHOR_END: name`.

use std::collections::{BTreeMap, BTreeSet};

use similar::{ChangeTag, TextDiff};

use crate::error::{Error, Result};

/// The most lines a listing may have.
pub const MOST_LINES: usize = 40;

/// The most letters that a line of a listing may have: the printed page cuts what is longer.
pub const MOST_LETTERS: usize = 106;

/// Finds a part of a source: dedented, without the anchor comments.
///
/// # Errors
/// The anchor is missing, empty, opened twice or never closed.
pub fn part(source: &str, file: &str, anchor: &str) -> Result<Vec<String>> {
    let opened: Vec<usize> = marks(source, "ANCHOR:", anchor);
    let closed: Vec<usize> = marks(source, "ANCHOR_END:", anchor);
    let (start, end) = match (opened.as_slice(), closed.as_slice()) {
        ([start], [end]) if start < end => (*start, *end),
        ([], []) => {
            let known: Vec<String> = names(source).into_iter().collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            return Err(Error::new(
                format!("{file} has no anchor `{anchor}`"),
                format!(
                    "add // ANCHOR: {anchor} … // ANCHOR_END: {anchor}; anchors there: {known}"
                ),
            ));
        }
        ([_], []) => {
            return Err(Error::new(
                format!("{file}: anchor `{anchor}` is never closed"),
                format!("add // ANCHOR_END: {anchor}"),
            ));
        }
        _ => {
            return Err(Error::new(
                format!("{file}: anchor `{anchor}` does not open once and then close once"),
                "use a name once in a file",
            ));
        }
    };
    let lines: Vec<&str> =
        source.lines().skip(start).take(end - start - 1).filter(|l| !is_mark(l)).collect();
    let lines = dedent(&lines);
    if lines.iter().all(|l| l.trim().is_empty()) {
        return Err(Error::new(
            format!("{file}: anchor `{anchor}` is empty"),
            "move the anchor around the lines to show",
        ));
    }
    Ok(lines)
}

/// The names of all anchors in a source.
#[must_use]
pub fn names(source: &str) -> BTreeSet<String> {
    source.lines().filter_map(|l| mark(l, "ANCHOR:")).map(str::to_string).collect()
}

/// Anchors of a source that are opened and not closed, or closed and not opened, with their line.
#[must_use]
pub fn unpaired(source: &str) -> Vec<(usize, String)> {
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    let mut bad = Vec::new();
    for (i, line) in source.lines().enumerate() {
        if let Some(name) = mark(line, "ANCHOR:")
            && open.insert(name, i + 1).is_some()
        {
            bad.push((i + 1, format!("anchor `{name}` is opened twice")));
        }
        if let Some(name) = mark(line, "ANCHOR_END:")
            && open.remove(name).is_none()
        {
            bad.push((i + 1, format!("anchor `{name}` is closed but was not open")));
        }
    }
    bad.extend(
        open.into_iter().map(|(name, line)| (line, format!("anchor `{name}` is never closed"))),
    );
    bad
}

/// Which lines of `now` were not in `before`.
#[must_use]
pub fn changed(before: &[String], now: &[String]) -> BTreeSet<usize> {
    let (before, now) = (before.join("\n") + "\n", now.join("\n") + "\n");
    let diff = TextDiff::from_lines(&before, &now);
    diff.iter_all_changes()
        .filter(|c| c.tag() == ChangeTag::Insert && !c.value().trim().is_empty())
        .filter_map(|c| c.new_index())
        .collect()
}

fn marks(source: &str, word: &str, anchor: &str) -> Vec<usize> {
    let hits = source.lines().enumerate().filter(|(_, l)| mark(l, word) == Some(anchor));
    hits.map(|(i, _)| i + 1).collect()
}

fn mark<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let comment = line.trim().strip_prefix("//").or_else(|| line.trim().strip_prefix('#'))?;
    comment.trim().strip_prefix(word).map(str::trim)
}

fn is_mark(line: &str) -> bool {
    mark(line, "ANCHOR:").or_else(|| mark(line, "ANCHOR_END:")).is_some()
}

fn dedent(lines: &[&str]) -> Vec<String> {
    let depth = lines
        .iter()
        .filter(|l| !l.trim().is_empty())
        .map(|l| l.len() - l.trim_start().len())
        .min()
        .unwrap_or(0);
    let mut out: Vec<String> =
        lines.iter().map(|l| l.get(depth..).unwrap_or("").trim_end().to_string()).collect();
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    while out.first().is_some_and(String::is_empty) {
        out.remove(0);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "mod a {\n    // ANCHOR: f\n    fn f() {\n        1\n        // ANCHOR: g\n        + 2\n        \
                          // ANCHOR_END: g\n    }\n    // ANCHOR_END: f\n}\n// ANCHOR: open\nx\n// ANCHOR: none\n// ANCHOR_END: none\n";

    #[test]
    fn a_part_is_dedented_and_has_no_anchor_comments() {
        assert_eq!(part(SOURCE, "a.rs", "f").unwrap(), ["fn f() {", "    1", "    + 2", "}"]);
    }

    #[test]
    fn missing_open_and_empty_anchors_say_so() {
        assert!(part(SOURCE, "a.rs", "h").unwrap_err().what.contains("has no anchor `h`"));
        assert!(part(SOURCE, "a.rs", "open").unwrap_err().what.contains("never closed"));
        assert!(part(SOURCE, "a.rs", "none").unwrap_err().what.contains("is empty"));
        assert_eq!(unpaired(SOURCE), [(11, "anchor `open` is never closed".to_string())]);
    }

    #[test]
    fn changed_lines_are_those_that_were_not_there() {
        let before = ["a", "b", "c"].map(String::from);
        let now = ["a", "x", "b", "", "c", "d"].map(String::from);
        assert_eq!(changed(&before, &now).into_iter().collect::<Vec<_>>(), [1, 5]);
    }
}

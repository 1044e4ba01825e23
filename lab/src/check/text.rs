//! From text to the entries of a history, in each notation that test benches write:
//!
//! - JSON lines: an object a line;
//! - one JSON array of such objects;
//! - EDN: a map a line, or one vector of them, as in Jepsen's `history.edn`.

use serde::Deserialize;
use serde_json::Value;

use super::history::{BadHistory, Entry, Source, Type};
use super::number::{end_of_string, exact};
use super::{edn, number};

/// What was read.
#[derive(Default)]
pub(super) struct Read {
    pub(super) entries: Vec<Entry>,
    pub(super) sources: Vec<Source>,
    /// Lines of a nemesis, and of other processes that are no clients.
    pub(super) skipped: usize,
}

/// An operation as it is written. Jepsen's keywords keep their colon.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Line {
    #[serde(alias = ":process")]
    process: Value,
    #[serde(rename = "type", alias = ":type")]
    kind: Value,
    #[serde(default, alias = ":f")]
    f: Option<Value>,
    #[serde(default, alias = ":key")]
    key: Value,
    #[serde(default, alias = ":value")]
    value: Value,
    #[serde(default, alias = ":error")]
    error: Value,
    #[serde(default, alias = ":time")]
    time: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Notation {
    Json,
    Edn,
}

/// Reads a history.
pub(super) fn read(text: &str) -> Result<Read, BadHistory> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (notation, is_list) = notation(text);
    let mut read = Read::default();
    let mut timed = None;
    let mut add = |at: usize, piece: &str| {
        let bad = |why| BadHistory { line: at, why };
        if let Some((entry, has_error, has_time)) = entry(piece, notation).map_err(bad)? {
            if *timed.get_or_insert(has_time) != has_time {
                return Err(bad("missing field `time`, here or in the lines above".into()));
            }
            // Without any times the order of the lines is all there is.
            let time = if has_time { entry.time } else { read.entries.len() as u64 };
            read.entries.push(Entry { time, ..entry });
            read.sources.push(Source { line: at, has_error });
        } else {
            read.skipped += 1;
        }
        Ok(())
    };
    if is_list || notation == Notation::Edn {
        pieces(text, is_list, notation, &mut add)?;
    } else {
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            add(i + 1, line)?;
        }
    }
    Ok(read)
}

/// By the first characters. A line that is an array is not a list of operations: it is refused when
/// it is read.
fn notation(text: &str) -> (Notation, bool) {
    let text = text.trim_start();
    let inner = text.strip_prefix(['[', '(']).map(str::trim_start);
    let first = inner.unwrap_or(text);
    let is_edn = first.starts_with(['#', ';', '('])
        || first.strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with(':'))
        || text.starts_with('(');
    let is_list = inner.is_some_and(|inner| inner.starts_with(['{', '#', ']', ')', ';']));
    (if is_edn { Notation::Edn } else { Notation::Json }, is_list)
}

/// Each map of a text with the line it begins in; they may have several lines or share one.
fn pieces(
    text: &str,
    is_list: bool,
    notation: Notation,
    add: &mut impl FnMut(usize, &str) -> Result<(), BadHistory>,
) -> Result<(), BadHistory> {
    let bytes = text.as_bytes();
    let is_edn = notation == Notation::Edn;
    let (outside, mut depth, mut ended) = (usize::from(is_list), 0_usize, false);
    let (mut at, mut line, mut start) = (0, 1, (0, 1));
    while let Some(&byte) = bytes.get(at) {
        let here = at;
        at += 1;
        match byte {
            b'\n' => line += 1,
            b'"' => {
                at = end_of_string(bytes, here);
                line += bytes[here..at].iter().filter(|byte| **byte == b'\n').count();
            }
            b';' if is_edn => at += text[at..].find('\n').unwrap_or(text.len() - at),
            b'{' | b'[' | b'(' => {
                if ended || (depth == outside && byte != b'{') {
                    return Err(BadHistory { line, why: "expected an object here".into() });
                }
                if depth == outside {
                    start = (here, line);
                }
                depth += 1;
            }
            b'}' | b']' | b')' if depth == 0 => {
                let why = format!("`{}` closes nothing", char::from(byte));
                return Err(BadHistory { line, why });
            }
            b'}' | b']' | b')' => {
                depth -= 1;
                ended = is_list && depth == 0;
                if depth == outside && !ended {
                    add(start.1, &text[start.0..at])?;
                }
            }
            b',' => {}
            _ if byte.is_ascii_whitespace() || depth > outside => {}
            // A tag in front of a map.
            b'#' if is_edn && bytes.get(at) != Some(&b'_') => {
                at += text[at..].find(['{', '\n']).unwrap_or(text.len() - at)
            }
            _ => return Err(BadHistory { line, why: "expected an object here".into() }),
        }
    }
    let open = depth > 0;
    if open { Err(BadHistory { line, why: "the text ends too early".into() }) } else { Ok(()) }
}

/// One operation, whether it has an error, and whether it has a time. `None`: no client's.
fn entry(piece: &str, notation: Notation) -> Result<Option<(Entry, bool, bool)>, String> {
    let line = match notation {
        Notation::Edn => {
            let json = edn::to_json(piece)?;
            serde_json::from_str(&exact(&json)?).map_err(|e| said(&e, false))
        }
        Notation::Json => {
            // An array would be taken for the fields in their order.
            if piece.trim_start().starts_with('[') {
                return Err("an array, and each line must be an object".into());
            }
            serde_json::from_str(&exact(piece)?).map_err(|e| said(&e, true))
        }
    }?;
    let Line { process, kind, f, key, value, error, time } = line;
    let process = match (&process, number::integer(&process)) {
        (_, Some(number)) if number < 0 => return Ok(None),
        (Value::String(name), None) if matches!(name.as_str(), "nemesis" | ":nemesis") => {
            return Ok(None);
        }
        (_, number) => number
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| format!("`process` must be a number, not {process}"))?,
    };
    let kind = Type::deserialize(&kind)
        .map_err(|_| format!("`type` must be invoke, ok, fail or info, not {kind}"))?;
    let f = f.ok_or("missing field `f`")?;
    let f = f.as_str().ok_or_else(|| format!("`f` must be a word, not {f}"))?;
    let f = f.strip_prefix(':').unwrap_or(f).to_string();
    let has_time = !time.is_null();
    let time = match has_time {
        true => time.as_u64().ok_or_else(|| format!("`time` must be ns from 0 on, not {time}"))?,
        false => 0,
    };
    Ok(Some((Entry { process, kind, f, key, value, time }, !error.is_null(), has_time)))
}

/// The words of an error; the text of one operation has no other lines to tell about.
fn said(e: &serde_json::Error, with_column: bool) -> String {
    let words = e.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    if with_column { format!("{words} (column {})", e.column()) } else { words.into() }
}

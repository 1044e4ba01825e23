//! `guide check-history`: judges what clients saw, whatever system they asked.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use clap::ValueEnum;
use lab::check::append::Promise;
use lab::check::{BadHistory, History, Verdict, append, bank, linear};

use super::{next, say};
use crate::error::{Error, Result};

/// No history may be larger.
pub const MOST_BYTES: usize = 64 << 20;
/// No history may have more lines.
pub const MOST_LINES: usize = 1_000_000;
/// So much of a violation is printed.
const MOST_SHOWN: usize = 60;

/// What a history is held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Model {
    /// read, write, cas of one value for each key: linearizable?
    Register,
    /// get, put, delete by key: linearizable?
    Kv,
    /// txn of appends and reads of lists: serializable?
    Append,
    /// read of all balances: does money come or go?
    Bank,
}

/// How to judge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Against what.
    pub model: Model,
    /// Whether transactions must also keep to the order of time.
    pub strict: bool,
    /// What all balances add up to; else the first read says it.
    pub total: Option<u64>,
    /// When to give a key up.
    pub states: usize,
}

/// Judges a file. Returns the exit code: 0 ok, 1 violation, 2 undecided, 3 not readable.
///
/// # Errors
/// The output cannot be written.
pub fn check(file: &Path, rules: &Rules, out: &mut dyn Write) -> Result<i32> {
    let place = file.display().to_string();
    let judged = read(file).and_then(|bytes| judge(&bytes, rules));
    let judgement = match judged {
        Ok(judgement) => judgement,
        Err(error) => {
            let line = &error.place;
            let place = if line.is_empty() { place } else { format!("{place}:{line}") };
            say(out, &Error { place, ..error }.to_string())?;
            return Ok(3);
        }
    };
    let code = match judgement {
        Verdict::Ok => {
            say(out, &format!("ok: {}", promise(rules)))?;
            0
        }
        Verdict::Violation { why, window } => {
            say(out, &format!("violation: not {}", promise(rules)))?;
            say(out, &why)?;
            say(out, "\nthe smallest part of the history that shows it:")?;
            let window = History::of(window).to_json_lines();
            for line in window.lines().take(MOST_SHOWN) {
                say(out, line)?;
            }
            let more = window.lines().count().saturating_sub(MOST_SHOWN);
            if more > 0 {
                say(out, &format!("… and {more} lines more"))?;
            }
            1
        }
        Verdict::Undecided { why } => {
            say(out, &format!("undecided: {why}"))?;
            2
        }
    };
    let again = format!("cargo guide check-history {place} --model");
    let stronger = (code == 0 && rules.model == Model::Append && !rules.strict)
        .then(|| format!("{again} append --strict"));
    let longer = (code == 2 && matches!(rules.model, Model::Register | Model::Kv)).then(|| {
        let model = if rules.model == Model::Kv { "kv" } else { "register" };
        format!("{again} {model} --states {}", rules.states.saturating_mul(4))
    });
    next(out, &[stronger.or(longer).unwrap_or_else(|| "cargo guide list".into())])?;
    Ok(code)
}

fn promise(rules: &Rules) -> &'static str {
    match (rules.model, rules.strict) {
        (Model::Register | Model::Kv, _) => "linearizable",
        (Model::Append, false) => "serializable",
        (Model::Append, true) => "strictly serializable",
        (Model::Bank, _) => "the same total in every read",
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let cannot = |e: std::io::Error| Error::new(format!("cannot be read: {e}"), "check the path");
    let mut bytes = Vec::new();
    let mut file = File::open(file).map_err(cannot)?.take(MOST_BYTES as u64 + 1);
    file.read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

/// Judges a history as bytes.
///
/// # Errors
/// Why it is no history of this model; the place is the line.
pub fn judge(bytes: &[u8], rules: &Rules) -> Result<Verdict> {
    if bytes.len() > MOST_BYTES {
        let what = format!("larger than {} MiB", MOST_BYTES >> 20);
        return Err(Error::new(what, "judge a shorter run; keys can be judged one by one"));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = bytes[..e.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::at(line.to_string(), "not text", "a history is JSON lines in UTF-8")
    })?;
    if text.lines().count() > MOST_LINES {
        let what = format!("more than {MOST_LINES} lines");
        return Err(Error::new(what, "judge a shorter run; keys can be judged one by one"));
    }
    let bad = |BadHistory { line, why }| Error::at(line.to_string(), why, fix(rules.model));
    let history = History::from_json_lines(text).map_err(bad)?;
    let times = history.entries.windows(2).map(|pair| (pair[0].time, pair[1].time));
    if let Some(at) = times.clone().position(|(before, now)| now < before) {
        let line = history.line(at + 1).to_string();
        let what = "this happened before the line above, by its time";
        return Err(Error::at(line, what, "sort the lines by `time`: verdicts rest on the order"));
    }
    match rules.model {
        Model::Register => linear::check(&history, linear::Model::Register, rules.states),
        Model::Kv => linear::check(&history, linear::Model::Kv, rules.states),
        Model::Bank => bank::check(&history, rules.total),
        Model::Append if rules.strict => append::check(&history, Promise::StrictSerializable),
        Model::Append => append::check(&history, Promise::Serializable),
    }
    .map_err(bad)
}

/// What a line should look like.
fn fix(model: Model) -> String {
    let asks = match model {
        Model::Register => r#""f":"read|write|cas","key":"x","value":1"#,
        Model::Kv => r#""f":"get|put|delete","key":"x","value":1"#,
        Model::Append => r#""f":"txn","value":[["append","x",1],["r","y",[1,2]]]"#,
        Model::Bank => r#""f":"read","value":{"alice":5,"bob":7}"#,
    };
    format!(
        "write {{\"process\":3,\"type\":\"invoke|ok|fail|info\",{asks},\"time\":17}}; a process asks one \
         thing at a time, and none after an `info`"
    )
}

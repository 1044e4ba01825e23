//! `guide check-history`: judges what clients saw, whatever system they asked.

mod options;

use std::fs::File;
use std::io::{IsTerminal, Read, Write, stderr, stdin};
use std::path::Path;

use ch01_sticky_sessions::guarantees::history as sessions;
use lab::check::append::Promise;
use lab::check::linear::Budget;
use lab::check::{BadHistory, Counts, History, Judged, Verdict, append, bank, linear};

pub use self::options::{Model, Options, Rules};
use super::progress::Progress;
use super::{next, say};
use crate::error::{Error, Result};

/// No history may be larger.
pub const MOST_BYTES: usize = 64 << 20;
/// No history may have more lines.
pub const MOST_LINES: usize = 1_000_000;

/// A verdict on a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// The verdict, and how much it rests on.
    pub judged: Judged,
    /// So many lines were of no client.
    pub skipped: usize,
    /// Whether more states or more time would decide more.
    pub ended_early: bool,
    /// Of sessions: sign-in pages for those that were not ended.
    pub forced: Option<usize>,
}

/// Judges a file. Returns the exit code: 0 ok, 1 violation, 2 undecided, 3 not readable.
///
/// # Errors
/// The output cannot be written.
pub fn check(options: &Options, out: &mut dyn Write) -> Result<i32> {
    let is_stdin = options.file == Path::new("-");
    let place = if is_stdin { "standard input".into() } else { options.file.display().to_string() };
    let rules = match options.rules() {
        Ok(rules) => rules,
        Err(error) => {
            say(out, &error.to_string())?;
            return Ok(3);
        }
    };
    let mut terminal = stderr();
    let terminal = terminal.is_terminal().then_some(&mut terminal as &mut dyn Write);
    let bytes = if is_stdin { read(stdin().lock()) } else { open(&options.file).and_then(read) };
    let judgement = match bytes.and_then(|bytes| judge(&bytes, &rules, terminal)) {
        Ok(judgement) => judgement,
        Err(error) => {
            let line = &error.place;
            let place = if line.is_empty() { place } else { format!("{place}:{line}") };
            say(out, &Error { place, ..error }.to_string())?;
            return Ok(3);
        }
    };
    print(options, &rules, judgement, out)
}

fn print(
    options: &Options,
    rules: &Rules,
    judgement: Judgement,
    out: &mut dyn Write,
) -> Result<i32> {
    let Judgement { judged: Judged { verdict, counts }, skipped, ended_early, forced } = judgement;
    let mut hint = None;
    let code = match verdict {
        Verdict::Ok => {
            say(out, &format!("ok: {}", promise(rules)))?;
            say(out, &counted(rules.model, counts, forced, skipped))?;
            if rules.model == Model::Append && !rules.strict {
                hint = Some(options.again("--strict"));
            }
            0
        }
        Verdict::Violation { why, window } => {
            say(out, &format!("violation: not {}", promise(rules)))?;
            say(out, &why)?;
            say(out, "\nthe smallest part of the history that shows it:")?;
            let window = History::of(window).to_json_lines();
            for line in window.lines().take(options.lines) {
                say(out, line)?;
            }
            let all = window.lines().count();
            if all > options.lines {
                say(out, &format!("… and {} lines more", all - options.lines))?;
                hint = Some(options.again(&format!("--lines {all}")));
            }
            1
        }
        Verdict::Undecided { why } => {
            say(out, &format!("undecided: {why}"))?;
            say(out, &counted(rules.model, counts, forced, skipped))?;
            if ended_early {
                let states = rules.states.saturating_mul(4);
                let seconds = rules.seconds.saturating_mul(4).min(1_000_000);
                hint = Some(options.again(&format!("--states {states} --seconds {seconds}")));
            }
            2
        }
    };
    next(out, &[hint.unwrap_or_else(|| "cargo guide list".into())])?;
    Ok(code)
}

fn promise(rules: &Rules) -> &'static str {
    match (rules.model, rules.strict) {
        (Model::Register | Model::Kv, _) => "linearizable",
        (Model::Append, false) => "serializable",
        (Model::Append, true) => "strictly serializable",
        (Model::Bank, _) => "the same total in every read",
        (Model::Session, _) => "true to the guarantees of a session",
    }
}

/// How much was judged: a verdict on nothing looks like any other.
fn counted(model: Model, counts: Counts, forced: Option<usize>, skipped: usize) -> String {
    let (operation, key) = match model {
        Model::Register | Model::Kv => ("operation", "key"),
        Model::Append => ("transaction", "list"),
        Model::Bank => ("operation", "account"),
        Model::Session => ("request", "session"),
    };
    let many =
        |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let Counts { operations, reads, unknown, keys } = counts;
    let mut text = format!(
        "{} on {}: {}, {}",
        many(operations, operation),
        many(keys, key),
        many(reads, "answered read"),
        many(unknown, "unknown outcome"),
    );
    if let Some(forced) = forced {
        text += &format!(", {}", many(forced, "forced sign-in page"));
    }
    if skipped > 0 {
        text += &format!("; {} of no client skipped", many(skipped, "line"));
    }
    text
}

fn cannot_be_read(e: std::io::Error) -> Error {
    Error::new(format!("cannot be read: {e}"), "check the path")
}

fn open(file: &Path) -> Result<File> {
    File::open(file).map_err(cannot_be_read)
}

fn read(from: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(cannot_be_read)?;
    Ok(bytes)
}

/// Judges a history as bytes. A terminal shows how far it is.
///
/// # Errors
/// Why it is no history of this model; the place is the line.
pub fn judge(bytes: &[u8], rules: &Rules, terminal: Option<&mut dyn Write>) -> Result<Judgement> {
    let keys = if rules.model.has_keys() { "; keys can be judged one by one" } else { "" };
    let too_long = |what| Error::new(what, format!("judge a shorter run{keys}"));
    if bytes.len() > MOST_BYTES {
        return Err(too_long(format!("larger than {} MiB", MOST_BYTES >> 20)));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let line = bytes[..e.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::at(line.to_string(), "not text", "a history is JSON or EDN in UTF-8")
    })?;
    if text.lines().count() > MOST_LINES {
        return Err(too_long(format!("more than {MOST_LINES} lines")));
    }
    let bad = |BadHistory { line, why }| Error::at(line.to_string(), why, fix(rules.model));
    let history = History::read(text).map_err(bad)?;
    let times = history.entries.windows(2).map(|pair| (pair[0].time, pair[1].time));
    if let Some(at) = times.clone().position(|(before, now)| now < before) {
        let line = history.line(at + 1).to_string();
        let what = "this happened before the line above, by its time";
        return Err(Error::at(line, what, "sort the lines by `time`: verdicts rest on the order"));
    }
    let linear = |model| {
        let mut progress = Progress::new(Some(rules.seconds), terminal);
        let mut budget = Budget::watched(rules.states, |states| progress.may_go_on(states));
        let rules = linear::Rules { model, initial: rules.initial.clone() };
        linear::check(&history, &rules, &mut budget).map(|judged| (judged, budget.is_spent()))
    };
    let mut forced = None;
    let with_bound = match rules.model {
        Model::Register => linear(linear::Model::Register),
        Model::Kv => linear(linear::Model::Kv),
        Model::Bank => {
            let rules = bank::Rules { total: rules.total, negative: rules.negative_balances };
            bank::judge(&history, &rules).map(|judged| (judged, false))
        }
        Model::Session => {
            let within = rules.within.saturating_mul(1_000_000);
            sessions::check(&history, within).map(|checked| {
                forced = Some(checked.forced);
                (checked.judged, false)
            })
        }
        Model::Append => {
            let strict = Promise::StrictSerializable;
            let promise = if rules.strict { strict } else { Promise::Serializable };
            append::judge(&history, promise).map(|judged| (judged, false))
        }
    };
    let (judged, ended_early) = with_bound.map_err(bad)?;
    Ok(Judgement { judged, skipped: history.skipped(), ended_early, forced })
}

/// What a line should look like.
fn fix(model: Model) -> String {
    let asks = match model {
        Model::Register => r#""f":"read|write|cas","key":"x","value":1"#,
        Model::Kv => r#""f":"get|put|delete","key":"x","value":1"#,
        Model::Append => r#""f":"txn","value":[["append","x",1],["r","y",[1,2]]]"#,
        Model::Bank => r#""f":"read","value":{"alice":5,"bob":7}"#,
        Model::Session => r#""f":"sign-in|look|copied|add|sign-out","key":"s1","value":"boots""#,
    };
    format!(
        "write {{\"process\":3,\"type\":\"invoke|ok|fail|info\",{asks},\"time\":17}}, or the same as \
         EDN; a process asks one thing at a time, and none after an `info`"
    )
}

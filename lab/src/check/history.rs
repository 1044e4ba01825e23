//! A history: one entry for each request and each answer, in the form that test benches share:
//! `{"process":3,"type":"invoke","f":"read","key":"k7","value":{…},"time":1200}`.
//!
//! A process asks one thing at a time. `invoke` asks; `ok` is an answer; `fail` says for certain
//! that nothing was done; `info` says that the outcome is unknown. Such an operation stays open for
//! ever, because it may still be done at any later moment, and its process asks nothing more.
//!
//! Entries stand in the order of time. Where two have the same `time`, the order of the lines may be
//! an accident: a violation that rests on it alone is not called one.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{number, text};

/// What sort of line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// A question.
    #[serde(alias = ":invoke")]
    Invoke,
    /// Its answer.
    #[serde(alias = ":ok")]
    Ok,
    /// It was not done.
    #[serde(alias = ":fail")]
    Fail,
    /// The outcome is unknown.
    #[serde(alias = ":info")]
    Info,
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Who asks: one thing at a time.
    pub process: u64,
    /// What sort of line.
    #[serde(rename = "type")]
    pub kind: Type,
    /// What is asked: `read`, `write`, `transfer`, ….
    pub f: String,
    /// About what.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub key: Value,
    /// What with; in an answer, what came back.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
    /// When, in ns since the history began.
    pub time: u64,
}

/// What clients saw, in the order of time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History {
    /// The lines.
    pub entries: Vec<Entry>,
    /// Where each was read; empty if they were not read from a text.
    sources: Vec<Source>,
    skipped: usize,
}

/// Where an entry was read, and what is not part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Source {
    pub(super) line: usize,
    /// Whether it gave a reason why something was not done.
    pub(super) has_error: bool,
}

/// Another order of the entries.
pub(super) struct Ties {
    /// The entry at each place.
    pub(super) order: Vec<usize>,
    /// The place of each entry.
    pub(super) places: Vec<usize>,
}

/// A question with its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// Where in the history it was asked.
    pub invoked: usize,
    /// The question.
    pub question: Entry,
    /// How it ended; `None` while that is unknown.
    pub end: Option<End>,
}

/// How an operation ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    /// Where in the history.
    pub at: usize,
    /// Whether it was done.
    pub done: bool,
    /// Where it was not: whether the answer gave a reason (`error`) other than the model's.
    pub has_error: bool,
    /// What came back.
    pub value: Value,
}

/// Why a text is not a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadHistory {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub why: String,
}

impl fmt::Display for BadHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} does not belong to a history: {}", self.line, self.why)
    }
}

impl std::error::Error for BadHistory {}

/// A key or a value, as it is written.
pub(super) fn shown(value: &Value) -> String {
    number::shown(&value.to_string())
}

impl History {
    /// These lines.
    #[must_use]
    pub fn of(entries: Vec<Entry>) -> Self {
        Self { entries, ..Self::default() }
    }

    /// Reads JSON lines, a JSON array, or EDN. Empty lines are skipped, and so is what a nemesis did.
    ///
    /// # Errors
    /// The first line that belongs to no history.
    pub fn read(text: &str) -> Result<Self, BadHistory> {
        let text::Read { entries, sources, skipped } = text::read(text)?;
        Ok(Self { entries, sources, skipped })
    }

    /// How many lines were of no client: `nemesis`, or a process below zero.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The line of an entry, from 1.
    #[must_use]
    pub fn line(&self, at: usize) -> usize {
        self.sources.get(at).map_or(at + 1, |source| source.line)
    }

    /// As JSON lines.
    #[must_use]
    pub fn to_json_lines(&self) -> String {
        let line = |entry| serde_json::to_string(entry).expect("plain data always serialises");
        self.entries.iter().map(|entry| number::shown(&line(entry)) + "\n").collect()
    }

    /// Where equal times are concurrent: what is asked at a moment stands before what is answered
    /// then. `None` if the entries stand so already.
    pub(super) fn ties(&self) -> Option<Ties> {
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        for tied in order.chunk_by_mut(|a, b| self.entries[*a].time == self.entries[*b].time) {
            tied.sort_by_key(|at| self.entries[*at].kind != Type::Invoke);
        }
        if order.is_sorted() {
            return None;
        }
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, at)| places[*at] = place);
        Some(Ties { order, places })
    }

    /// Pairs questions with answers, in the order of the questions.
    ///
    /// # Errors
    /// An answer without a question, or a process that asks before it was answered.
    pub fn operations(&self) -> Result<Vec<Operation>, BadHistory> {
        let mut operations: Vec<Operation> = Vec::new();
        // What each process waits for; `None` once it asked something whose end is unknown.
        let mut waiting: BTreeMap<u64, Option<usize>> = BTreeMap::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let process = entry.process;
            let bad = |why: String| BadHistory { line: self.line(at), why };
            if entry.kind == Type::Invoke {
                if waiting.insert(process, Some(operations.len())).is_some() {
                    let why = format!("process {process} asks again before it was answered");
                    return Err(bad(why));
                }
                operations.push(Operation { invoked: at, question: entry.clone(), end: None });
                continue;
            }
            let Some(Some(asked)) = waiting.get(&process).copied() else {
                return Err(bad(format!("process {process} is answered and did not ask")));
            };
            let operation = &mut operations[asked];
            if operation.question.f != entry.f {
                let (asked, answered) = (&operation.question.f, &entry.f);
                return Err(bad(format!("process {process} asked {asked}, not {answered}")));
            }
            if !entry.key.is_null() && entry.key != operation.question.key {
                let keys = [&operation.question.key, &entry.key].map(shown);
                return Err(bad(format!(
                    "process {process} asked about key {}, and is answered about {}",
                    keys[0], keys[1]
                )));
            }
            if entry.kind == Type::Info {
                waiting.insert(process, None);
            } else {
                waiting.remove(&process);
                let done = entry.kind == Type::Ok;
                let has_error = self.sources.get(at).is_some_and(|source| source.has_error);
                operation.end = Some(End { at, done, has_error, value: entry.value.clone() });
            }
        }
        Ok(operations)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<Operation>, BadHistory> {
        History::read(text)?.operations()
    }

    #[test]
    fn an_operation_whose_end_is_unknown_stays_open() {
        let text = r#"{"process":1,"type":"invoke","f":"write","key":"x","value":3,"time":1}
{"process":2,"type":"invoke","f":"read","key":"x","time":2}
{"process":1,"type":"info","f":"write","time":3}
{"process":2,"type":"ok","f":"read","value":3,"time":4}
"#;
        let operations = read(text).unwrap();
        assert_eq!(operations[0].end, None);
        let end = operations[1].end.as_ref().unwrap();
        assert_eq!((end.at, end.done, &end.value), (3, true, &Value::from(3)));
    }

    #[test]
    fn what_does_not_pair_up_is_refused_with_its_line() {
        let ask = r#"{"process":1,"type":"invoke","f":"read","time":1}"#;
        let unknown = r#"{"process":1,"type":"info","f":"read","time":1}"#;
        let other = r#"{"process":1,"type":"ok","f":"write","time":1}"#;
        for (text, line) in [
            (format!("{ask}\n{ask}"), 2),
            (format!("{ask}\n{unknown}\n{ask}"), 3),
            (format!("{ask}\n{unknown}\n{unknown}"), 3),
            (format!("{ask}\n{other}"), 2),
            (other.to_owned(), 1),
            (format!("{ask}\n{{"), 2),
            (format!("\n{ask}\n\n{ask}"), 4),
        ] {
            assert_eq!(read(&text).unwrap_err().line, line, "{text}");
        }
    }

    /// What texts in any notation are made of.
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "#{",
        "#_",
        "#x",
        "##",
        "\"",
        "\\",
        ",",
        ":",
        ";",
        "\n",
        "é",
        "-",
        "+",
        ".",
        "e",
        "0",
        "18446744073709551617",
        "N",
        "nil",
        "null",
        ":process",
        ":type :invoke",
        ":f :read",
        "{:process 1 :type :ok :f :read}",
        "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}",
        "\u{10FFFF}",
        "\u{feff}",
        ":nemesis",
    ];

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(
            text in ".{0,200}",
            pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24),
        ) {
            let _ = read(&text);
            let _ = read(&pieces.concat());
            let _ = read(&pieces.join(" "));
        }
    }
}

//! A history as JSON lines, the form that test benches share:
//! `{"process":3,"type":"invoke","f":"read","key":"k7","value":{…},"time":1200}`.
//!
//! A process asks one thing at a time. `invoke` asks; `ok` is an answer; `fail` says for certain
//! that nothing was done; `info` says that the outcome is unknown. Such an operation stays open for
//! ever, because it may still be done at any later moment, and its process asks nothing more.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What sort of line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// A question.
    Invoke,
    /// Its answer.
    Ok,
    /// It was not done.
    Fail,
    /// The outcome is unknown.
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
    /// Where each stood in the text it was read from; empty where no text had empty lines.
    lines: Vec<usize>,
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

impl History {
    /// These lines.
    #[must_use]
    pub fn of(entries: Vec<Entry>) -> Self {
        Self { entries, lines: Vec::new() }
    }

    /// Reads JSON lines; empty ones are skipped.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn from_json_lines(text: &str) -> Result<Self, BadHistory> {
        let mut history = Self::default();
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let read = serde_json::from_str(line);
            let why = |e: serde_json::Error| {
                // The text of one line has no other lines to tell about.
                let words = e.to_string();
                let words = words.split(" at line ").next().unwrap_or_default();
                BadHistory { line: i + 1, why: format!("{words} (column {})", e.column()) }
            };
            history.entries.push(read.map_err(why)?);
            history.lines.push(i + 1);
        }
        if history.lines.last() == Some(&history.entries.len()) {
            history.lines.clear();
        }
        Ok(history)
    }

    /// The line of an entry, from 1.
    #[must_use]
    pub fn line(&self, at: usize) -> usize {
        self.lines.get(at).copied().unwrap_or(at + 1)
    }

    /// As JSON lines.
    #[must_use]
    pub fn to_json_lines(&self) -> String {
        let line = |entry| serde_json::to_string(entry).expect("plain data always serialises");
        self.entries.iter().map(|entry| line(entry) + "\n").collect()
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
            if entry.kind == Type::Info {
                waiting.insert(process, None);
            } else {
                waiting.remove(&process);
                let done = entry.kind == Type::Ok;
                operation.end = Some(End { at, done, value: entry.value.clone() });
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
        History::from_json_lines(text)?.operations()
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

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,200}") {
            let _ = read(&text);
        }
    }
}

//! The one event log: what every driver can write and every view reads.
//!
//! A log is a header and a list of events. On disk it is JSON lines: the [`Header`] first, then one
//! [`Event`] a line. Names stand for nodes, words for messages, so a log can be read without the
//! program that wrote it; `input` carries what a node took in full where a driver wants replay.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a log is about and which nodes are in it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Header {
    /// The run, as a reader would name it: `ch02/step2`, seed and all.
    pub title: String,
    /// The nodes, in the order of their columns.
    pub nodes: Vec<NodeInfo>,
    /// What the run shows, if it is a counterexample: the property and why it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
}

/// One node of a log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Its name, such as `coord` or `web-1`.
    pub name: String,
    /// What decides its colour: `client`, `lb`, `web`, `coord`, `stock`, `pay`, `replica`, ….
    pub role: String,
}

/// One thing that happened at one node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Position in the log, from 1.
    pub seq: u64,
    /// Virtual or wall clock time in µs since the log began; 0 where order is all there is.
    pub time: u64,
    /// The name of the node it happened at.
    pub node: String,
    /// What sort of thing.
    pub kind: Kind,
    /// The message, record, timer or fact, in words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The node at the other end of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The events this one could not have happened without, by `seq`: the input that made a node
    /// act, the send behind a receive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<u64>,
    /// The whole input as the node took it, where the driver records for replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The node's state in one line after this event, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// The sorts of events. The mark is how text and pictures draw it: never colour alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A node started (or restarted) with what its disk kept.
    Boot,
    /// A record came back from the disk during a start.
    Replay,
    /// A message arrived.
    Receive,
    /// A timer expired.
    Timeout,
    /// A client's connection ended.
    Disconnected,
    /// A message left.
    Send,
    /// A record became durable.
    Persist,
    /// A snapshot is complete: older records were dropped.
    Discard,
    /// A fact for observers.
    Note,
    /// The network lost a message.
    Lose,
    /// A message was delivered, and a second copy stayed on the way.
    Duplicate,
    /// The process died; `text` says what was lost with it.
    Crash,
    /// The disk was emptied.
    Wipe,
    /// A link, or a process, stopped or went on: `text` says which.
    Fault,
    /// A property was broken here: `text` says which and why.
    Violation,
}

impl Kind {
    /// The mark of this kind in text and pictures.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Self::Boot => "▲",
            Self::Replay => "↺",
            Self::Receive => "→",
            Self::Timeout => "⌛",
            Self::Disconnected => "⊘",
            Self::Send => "·",
            Self::Persist => "▣",
            Self::Discard => "▢",
            Self::Note => "•",
            Self::Lose => "✕",
            Self::Duplicate => "⧉",
            Self::Crash => "⚡",
            Self::Wipe => "∅",
            Self::Fault => "≈",
            Self::Violation => "✗",
        }
    }
}

/// A whole run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Log {
    /// What it is about.
    pub header: Header,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// Why a text is not an event log.
#[derive(Debug)]
pub struct BadLog {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub why: String,
}

impl std::fmt::Display for BadLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} is not part of an event log: {}", self.line, self.why)
    }
}

impl std::error::Error for BadLog {}

impl Log {
    /// The log as JSON lines: the header, then one event a line. Equal logs give equal bytes.
    #[must_use]
    pub fn to_json_lines(&self) -> String {
        let mut out = json_line(&self.header);
        for event in &self.events {
            out.push_str(&json_line(event));
        }
        out
    }

    /// Reads what [`Log::to_json_lines`] wrote.
    ///
    /// # Errors
    /// The first line that is not a header or an event, with its number.
    pub fn from_json_lines(text: &str) -> Result<Self, BadLog> {
        let mut lines = text.lines().enumerate();
        let (_, first) = lines
            .next()
            .ok_or(BadLog { line: 1, why: "it is empty; the header is missing".into() })?;
        let bad = |line: usize, e: serde_json::Error| BadLog { line: line + 1, why: e.to_string() };
        let header = serde_json::from_str(first).map_err(|e| bad(0, e))?;
        let events = lines
            .map(|(i, line)| serde_json::from_str(line).map_err(|e| bad(i, e)))
            .collect::<Result<_, _>>()?;
        Ok(Self { header, events })
    }
}

fn json_line<T: Serialize>(value: &T) -> String {
    let mut line = serde_json::to_string(value).expect("plain data always serialises");
    line.push('\n');
    line
}

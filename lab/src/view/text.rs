//! A log as lines for a terminal: one event a line.
//!
//! ```text
//!   1  client → coord   buy umbrella
//!   3   coord ▣ begin 1
//!   4   coord · stock   prepare 1  (on its way)
//!   5   coord · pay     prepare 1  (never arrives)
//!   6   coord → stock   prepare 1
//!   7   stock ⚡ crash (lost: vote yes 1)
//! ```
//!
//! `→` is an arrival. A message that arrives as the very next event is one line; else its `·` line
//! says that it left. The violation, if there is one, stands last.

use std::fmt::Write as _;

use super::Messages;
use crate::event::{Event, Kind, Log};

/// The whole log, header line first.
#[must_use]
pub fn render(log: &Log) -> String {
    let mut out = String::new();
    if !log.header.title.is_empty() {
        let _ = writeln!(out, "{}", log.header.title);
    }
    for line in lines(log) {
        let _ = writeln!(out, "{line}");
    }
    if let Some(last) = verdict(log) {
        let _ = writeln!(out, "{last}");
    }
    out
}

/// One line an event, without the header and the verdict.
#[must_use]
pub fn lines(log: &Log) -> Vec<String> {
    let messages = Messages::of(log);
    let widest = log.header.nodes.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
    let mut out = Vec::new();
    let mut i = 0;
    while i < log.events.len() {
        let event = &log.events[i];
        let next = log.events.get(i + 1);
        if event.kind == Kind::Send && next.is_some_and(|n| arrives(n, event)) {
            out.push(message_line(event, '→', "", widest));
            i += 2;
            continue;
        }
        if event.kind != Kind::Violation {
            out.push(line(event, &messages, widest));
        }
        i += 1;
    }
    out
}

/// The closing line: what was broken, and why.
#[must_use]
pub fn verdict(log: &Log) -> Option<String> {
    let broken = log.events.iter().rev().find(|e| e.kind == Kind::Violation);
    broken
        .map(|e| e.text.clone())
        .or_else(|| log.header.verdict.clone())
        .map(|why| format!("     {} {why}", Kind::Violation.mark()))
}

fn arrives(event: &Event, send: &Event) -> bool {
    event.kind == Kind::Receive && event.causes.contains(&send.seq)
}

fn line(event: &Event, messages: &Messages<'_>, widest: usize) -> String {
    match event.kind {
        Kind::Send => {
            let fate = messages.fate(event);
            let gets_there = fate.iter().any(|f| f.kind != Kind::Lose);
            let note = if gets_there { "(on its way)" } else { "(never arrives)" };
            message_line(event, '·', note, widest)
        }
        Kind::Receive => match (messages.send_of(event), &event.peer) {
            (Some(send), _) => arrival(event, &send.node, widest),
            (None, Some(peer)) => arrival(event, peer, widest),
            (None, None) => local_line(event, widest),
        },
        Kind::Lose | Kind::Duplicate => match messages.send_of(event) {
            Some(send) => {
                let to = send.peer.as_deref().unwrap_or("?");
                let mark = event.kind.mark();
                let text = if event.text.is_empty() { &send.text } else { &event.text };
                let word = if event.kind == Kind::Lose { "(lost)" } else { "(a copy stays)" };
                columns(event.seq, &send.node, mark, to, text, word, widest)
            }
            None => local_line(event, widest),
        },
        Kind::Boot
        | Kind::Replay
        | Kind::Timeout
        | Kind::Disconnected
        | Kind::Persist
        | Kind::Discard
        | Kind::Note
        | Kind::Crash
        | Kind::Wipe
        | Kind::Fault
        | Kind::Violation => local_line(event, widest),
    }
}

fn arrival(event: &Event, from: &str, widest: usize) -> String {
    columns(event.seq, from, "→", &event.node, &event.text, "", widest)
}

fn message_line(send: &Event, mark: char, note: &str, widest: usize) -> String {
    let to = send.peer.as_deref().unwrap_or("?");
    columns(send.seq, &send.node, &mark.to_string(), to, &send.text, note, widest)
}

fn columns(
    seq: u64,
    from: &str,
    mark: &str,
    to: &str,
    text: &str,
    note: &str,
    widest: usize,
) -> String {
    let line = format!("{seq:>4} {from:>widest$} {mark} {to:<widest$}  {text}");
    if note.is_empty() { line.trim_end().to_string() } else { format!("{line}  {note}") }
}

fn local_line(event: &Event, widest: usize) -> String {
    let word = match event.kind {
        Kind::Boot => "boot",
        Kind::Replay => "replay",
        Kind::Timeout => "timeout",
        Kind::Disconnected => "disconnected",
        Kind::Crash => "crash",
        Kind::Wipe => "wiped",
        Kind::Lose => "lost",
        Kind::Discard => "discard",
        Kind::Duplicate => "duplicate",
        Kind::Receive | Kind::Send | Kind::Persist | Kind::Note | Kind::Fault | Kind::Violation => {
            ""
        }
    };
    let (seq, node, mark) = (event.seq, &event.node, event.kind.mark());
    let says_itself = event.text.to_lowercase().starts_with(word);
    let text = match (word, event.text.as_str()) {
        ("", text) => text.to_string(),
        (word, "") => word.to_string(),
        (_, text) if says_itself => text.to_string(),
        (word, text) => format!("{word} ({text})"),
    };
    format!("{seq:>4} {node:>widest$} {mark} {text}").trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::svg::tests::half_an_order;
    use super::*;

    #[test]
    fn a_message_that_arrives_at_once_is_one_line() {
        let text = render(&half_an_order());
        assert!(text.contains("   1 client → coord   buy umbrella\n"), "{text}");
        assert!(!text.contains("   2 "), "the arrival has no line of its own: {text}");
    }

    #[test]
    fn a_message_that_never_arrives_says_so() {
        let text = render(&half_an_order());
        assert!(text.contains("coord · pay     take 20  (never arrives)"), "{text}");
    }

    #[test]
    fn a_crash_tells_what_was_lost_and_the_violation_stands_last() {
        let text = render(&half_an_order());
        assert!(text.contains("pay ⚡ crash (lost: nothing)"), "{text}");
        assert_eq!(text.lines().last(), Some("     ✗ all or nothing: stock took it, pay did not"));
    }
}

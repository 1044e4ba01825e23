//! A real run as an event log: one file per node and start, JSON lines as in [`crate::event`],
//! every input in full. Replaying the inputs into the same node gives the same effects.
//!
//! An input is one of `{"replay":RECORD}`, `{"boot":START}`, `{"from":ID,"message":MSG,
//! "sent":[START,SEQ]}` (`sent` names the event in the sender's file; clients have none),
//! `{"timeout":TIMER}` and `{"disconnected":ID}`, each with `"now"`, what the node's clock showed in µs.
//!
//! # Left out
//!
//! Durability: the file is flushed before messages leave, so it survives the process, not the
//! machine.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::config::EventFile;
use super::inbox::Origin;
use crate::event::{Event, Header, Kind};
use crate::{Input, NodeId, Protocol};

pub(super) struct Recorder {
    seq: u64,
    file: Option<(BufWriter<File>, EventFile)>,
    me: NodeId,
    name: String,
}

impl Recorder {
    pub(super) fn open(me: NodeId, start: u64, config: Option<EventFile>) -> io::Result<Self> {
        let Some(config) = config else {
            return Ok(Self { seq: 0, file: None, me, name: String::new() });
        };
        let name = config.name(me);
        std::fs::create_dir_all(&config.dir)?;
        let file = File::create(config.dir.join(format!("{name}.{start}.jsonl")))?;
        let nodes = config.nodes.values().cloned().collect();
        let header = Header { title: config.title.clone(), nodes, verdict: None };
        let mut out = BufWriter::new(file);
        writeln!(out, "{}", serde_json::to_string(&header)?)?;
        Ok(Self { seq: 0, file: Some((out, config)), me, name })
    }

    /// Counts an event, and writes it if an event file is kept. `fill` adds what is special about
    /// it.
    pub(super) fn event(
        &mut self,
        kind: Kind,
        cause: Option<u64>,
        fill: impl FnOnce(&mut Event, &EventFile),
    ) -> u64 {
        self.seq += 1;
        let Some((out, config)) = &mut self.file else { return self.seq };
        let time = config.epoch.elapsed().unwrap_or_default();
        let mut event = Event {
            seq: self.seq,
            time: u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
            node: self.name.clone(),
            kind,
            text: String::new(),
            peer: None,
            causes: cause.into_iter().collect(),
            input: None,
            state: None,
        };
        fill(&mut event, config);
        let written = serde_json::to_string(&event).map_err(io::Error::from);
        if let Err(error) = written.and_then(|line| writeln!(out, "{line}")) {
            // A log that is only watched must not stop the node.
            tracing::error!(%error, "the event log ends here");
            self.file = None;
        }
        self.seq
    }

    /// Records what a node takes; gives the number that its effects name as their cause.
    pub(super) fn input<P: Protocol>(
        &mut self,
        input: &Input<P>,
        origin: Option<Origin>,
        now: Duration,
    ) -> u64 {
        let (kind, cause) = match input {
            Input::Replay(_) => (Kind::Replay, None),
            Input::Boot { .. } => (Kind::Boot, None),
            Input::Message { from, .. } => {
                // Only this node's own events have numbers in this file.
                let own = origin.filter(|_| *from == self.me);
                (Kind::Receive, own.map(|o| o.sequence))
            }
            Input::Timeout(_) => (Kind::Timeout, None),
            Input::Disconnected(_) => (Kind::Disconnected, None),
        };
        self.event(kind, cause, |event, config| {
            let (text, peer, mut value) = match input {
                Input::Replay(record) => (record.to_string(), None, json!({ "replay": record })),
                Input::Boot { start } => (format!("start {start}"), None, json!({ "boot": start })),
                Input::Message { from, msg } => {
                    let mut value = json!({ "from": from, "message": msg });
                    if let Some(o) = origin {
                        value["sent"] = json!([o.start, o.sequence]);
                    }
                    (msg.to_string(), Some(config.name(*from)), value)
                }
                Input::Timeout(timer) => (timer.to_string(), None, json!({ "timeout": timer })),
                Input::Disconnected(id) => {
                    (String::new(), Some(config.name(*id)), json!({ "disconnected": id }))
                }
            };
            value["now"] = Value::from(u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
            (event.text, event.peer, event.input) = (text, peer, Some(value));
        })
    }

    /// A record in words, if an event file is kept.
    pub(super) fn words(&self, record: &impl ToString) -> String {
        if self.file.is_some() { record.to_string() } else { String::new() }
    }

    /// Hands everything to the operating system.
    pub(super) fn flush(&mut self) {
        if let Some((out, _)) = &mut self.file
            && let Err(error) = out.flush()
        {
            tracing::error!(%error, "the event log ends here");
            self.file = None;
        }
    }
}

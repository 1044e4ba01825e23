//! The nodes of a run: started, told their names, killed, started again, and never left behind.
//!
//! # Left out
//!
//! An end in order: a node that cannot be killed at any moment is what a run is to find.

#![expect(clippy::disallowed_methods, reason = "a driver is where threads are started")]

use std::collections::BTreeSet;
use std::io::{self, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::RunError;
use super::router::Event;
use crate::maelstrom::wire::{Next, read_line};

/// How many lines may wait for a node; what comes then is lost.
const WAITING: usize = 4096;
/// How long a node may take to answer `init`.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Who sends `init`.
const INIT_CLIENT: &str = "c0";

/// A program that is killed and waited for when this is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) struct Nodes<C> {
    command: C,
    programs: Vec<Option<Program>>,
    /// How often any node was started.
    starts: u64,
    events: SyncSender<Event>,
}

pub(super) fn name(node: usize) -> String {
    format!("n{}", node + 1)
}

impl<C> Nodes<C> {
    pub(super) fn new(count: usize, command: C, events: SyncSender<Event>) -> Self {
        let programs = (0..count).map(|_| None).collect();
        Self { command, programs, starts: 0, events }
    }

    pub(super) fn count(&self) -> usize {
        self.programs.len()
    }

    fn tell(&self, event: Event) {
        // If the router has ended, so has the run.
        let _ = self.events.send(event);
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self, node: usize) {
        self.tell(Event::Down(node));
        self.programs[node] = None;
    }

    pub(super) fn cut(&self, links: BTreeSet<(usize, usize)>) {
        self.tell(Event::Cut(links));
    }
}

impl<C> Drop for Nodes<C> {
    fn drop(&mut self) {
        for node in 0..self.count() {
            self.kill(node);
        }
    }
}

impl<C: FnMut(&str) -> Command> Nodes<C> {
    /// All links are whole, and all nodes are up.
    pub(super) fn heal(&mut self) -> Result<(), RunError> {
        self.cut(BTreeSet::new());
        for node in 0..self.count() {
            if self.programs[node].is_none() {
                self.start(node)?;
            }
        }
        Ok(())
    }

    /// Starts a node, and waits until it has answered `init`.
    pub(super) fn start(&mut self, node: usize) -> Result<(), RunError> {
        self.starts += 1;
        let start = self.starts;
        let mut command = (self.command)(&name(node));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let failed = |source| RunError::Start { name: name(node), source };
        let mut program = Program(command.spawn().map_err(failed)?);
        let stdin = program.0.stdin.take().expect("piped");
        let stdout = program.0.stdout.take().expect("piped");
        self.programs[node] = Some(program);
        let (lines, waiting) = sync_channel(WAITING);
        std::thread::spawn(move || write_all(stdin, &waiting));
        self.tell(Event::Up { node, start, lines });
        let names: Vec<String> = (0..self.count()).map(name).collect();
        let body = json!({ "type": "init", "msg_id": start, "node_id": name(node),
                           "node_ids": names });
        let (replies, answers) = sync_channel(1);
        self.tell(Event::Ask { client: INIT_CLIENT.to_owned(), node, body, replies });
        let events = self.events.clone();
        // Only now: the router must learn who waits for an answer before it learns of the node's end.
        std::thread::spawn(move || read_all(stdout, node, start, &events));
        let why = match answers.recv_timeout(READY_WITHIN) {
            Ok(reply) if reply.get("type") == Some(&"init_ok".into()) => return Ok(()),
            Ok(reply) => format!("it answers {}", Value::Object(reply)),
            Err(RecvTimeoutError::Timeout) => format!("no answer within {READY_WITHIN:?}"),
            Err(RecvTimeoutError::Disconnected) => "it has ended".into(),
        };
        Err(RunError::NotReady { name: name(node), why })
    }
}

/// Until the node does not read any more, or the router has forgotten it.
fn write_all(mut stdin: impl Write, lines: &Receiver<Vec<u8>>) {
    while let Ok(line) = lines.recv() {
        if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

/// Until the node's output ends, which is when the node does.
fn read_all(stdout: impl io::Read, node: usize, start: u64, events: &SyncSender<Event>) {
    let mut stdout = BufReader::new(stdout);
    // An error is the same news as an end: no more lines from there.
    while let Ok(next @ (Next::Line(_) | Next::TooLong)) = read_line(&mut stdout) {
        if events.send(Event::Wrote { node, next }).is_err() {
            return;
        }
    }
    // If the router has ended, so has the run.
    let _ = events.send(Event::Ended { node, start });
}

//! The network of a run. Messages between nodes take a while, each its own, so that they overtake each
//! other; they may be lost, and links may be cut. Clients are next to every node.
//!
//! # Left out
//!
//! A limit for all lines together: each has one, and so has their number.

#![expect(clippy::disallowed_methods, reason = "a driver is where the real clock is read")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::ledger::Ledger;
use super::nodes::name;
use super::{RunError, Runner};
use crate::maelstrom::wire::{Line, MAX_LINE, Next, append};
use crate::rng::Rng;

/// How many messages may be under way; what comes then is lost.
const UNDER_WAY: usize = 1 << 14;
/// How much of a line an error shows.
const SHOWN: usize = 200;

/// The body of a message.
pub(super) type Body = Map<String, Value>;

/// What the router learns, in order.
pub(super) enum Event {
    /// A program runs as this node; lines for it go there.
    Up { node: usize, start: u64, lines: SyncSender<Vec<u8>> },
    /// It is about to be killed.
    Down(usize),
    /// It wrote a line.
    Wrote { node: usize, next: Next },
    /// Its output ended.
    Ended { node: usize, start: u64 },
    /// A client asks; answers go to `replies` until it is forgotten.
    Ask { client: String, node: usize, body: Value, replies: SyncSender<Body> },
    /// No such client any more.
    Forget(String),
    /// These links are cut, from and to, and no others.
    Cut(BTreeSet<(usize, usize)>),
    /// The run is over.
    Stop,
}

/// Messages between nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Those that a node was given.
    pub arrived: u64,
    /// Those that were lost, on a cut link or for a node that was down among them.
    pub lost: u64,
}

pub(super) struct Router<'a> {
    ledger: &'a Ledger,
    latency: Range<Duration>,
    loss: u32,
    rng: Rng,
    places: BTreeMap<String, usize>,
    up: BTreeMap<usize, (u64, SyncSender<Vec<u8>>)>,
    clients: BTreeMap<String, (usize, SyncSender<Body>)>,
    cut: BTreeSet<(usize, usize)>,
    under_way: BTreeMap<(Instant, u64), Message>,
    sent: u64,
    traffic: Traffic,
}

/// From one node to another.
struct Message {
    from: usize,
    to: usize,
    line: Vec<u8>,
}

impl<'a> Router<'a> {
    pub(super) fn new(run: &Runner, rng: Rng, ledger: &'a Ledger) -> Self {
        Self {
            ledger,
            latency: run.latency.clone(),
            loss: run.loss,
            rng,
            places: (0..run.nodes).map(|node| (name(node), node)).collect(),
            up: BTreeMap::new(),
            clients: BTreeMap::new(),
            cut: BTreeSet::new(),
            under_way: BTreeMap::new(),
            sent: 0,
            traffic: Traffic::default(),
        }
    }

    /// Carries messages until [`Event::Stop`].
    pub(super) fn run(mut self, events: &Receiver<Event>) -> Traffic {
        loop {
            let now = Instant::now();
            while let Some(due) = self.under_way.first_entry().filter(|due| due.key().0 <= now) {
                let message = due.remove();
                self.arrive(message);
            }
            let event = match self.under_way.first_key_value() {
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(((due, _), _)) => events.recv_timeout(due.saturating_duration_since(now)),
            };
            match event {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return self.traffic,
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Up { node, start, lines } => drop(self.up.insert(node, (start, lines))),
            Event::Down(node) => drop(self.up.remove(&node)),
            Event::Wrote { node, next } => {
                if let Err((line, why)) = self.wrote(node, next) {
                    self.ledger.fail(RunError::Malformed { name: name(node), line, why });
                }
            }
            Event::Ended { node, start } => {
                if self.up.get(&node).is_some_and(|(running, _)| *running == start) {
                    self.up.remove(&node);
                    // Whoever waits for its answer is told that none comes.
                    self.clients.retain(|_, (asked, _)| *asked != node);
                    self.ledger.fail(RunError::Ended { name: name(node) });
                }
            }
            Event::Ask { client, node, body, replies } => {
                let mut line = Vec::new();
                append(&client, &name(node), &body, &mut line).expect("JSON becomes JSON");
                self.clients.insert(client, (node, replies));
                if let Some((_, lines)) = self.up.get(&node) {
                    // A node that does not read gets nothing more.
                    let _ = lines.try_send(line);
                }
            }
            Event::Forget(client) => drop(self.clients.remove(&client)),
            Event::Cut(links) => self.cut = links,
            Event::Stop => {}
        }
    }

    /// Takes what a node wrote. An error has the beginning of the line, and what is wrong with it.
    fn wrote(&mut self, from: usize, next: Next) -> Result<(), (String, String)> {
        let Next::Line(mut bytes) = next else {
            return Err((String::new(), format!("longer than {MAX_LINE} bytes")));
        };
        let wrong = |bytes: &[u8], why: String| {
            (String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned(), why)
        };
        let line = Line::parse(&bytes).map_err(|malformed| wrong(&bytes, malformed.why))?;
        if self.places.get(&line.src) != Some(&from) {
            return Err(wrong(&bytes, format!("`src` is not {}", name(from))));
        }
        if let Some(&to) = self.places.get(&line.dest) {
            bytes.push(b'\n');
            self.send(Message { from, to, line: bytes });
        } else if let Some((_, replies)) = self.clients.get(&line.dest) {
            // An answer too many, or too late.
            let _ = replies.try_send(line.body);
        }
        Ok(())
    }

    fn send(&mut self, message: Message) {
        if self.rng.chance(self.loss) || self.under_way.len() >= UNDER_WAY {
            self.traffic.lost += 1;
            return;
        }
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let (least, most) = (micros(self.latency.start), micros(self.latency.end));
        let micros = if least < most { self.rng.pick(least..most) } else { least };
        let due = Instant::now() + Duration::from_micros(micros);
        self.sent += 1;
        self.under_way.insert((due, self.sent), message);
    }

    fn arrive(&mut self, message: Message) {
        let Message { from, to, line } = message;
        let is_cut = self.cut.contains(&(from, to));
        let lines = self.up.get(&to).filter(|_| !is_cut);
        if lines.is_some_and(|(_, lines)| lines.try_send(line).is_ok()) {
            self.traffic.arrived += 1;
        } else {
            self.traffic.lost += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    /// Two nodes without programs; what happens to them happens in order.
    struct Bench {
        events: Vec<Event>,
        lines: [Receiver<Vec<u8>>; 2],
        runner: Runner,
    }

    impl Bench {
        fn new() -> Self {
            let mut events = Vec::new();
            let lines = [0, 1].map(|node| {
                let (lines, received) = sync_channel(16);
                events.push(Event::Up { node, start: 1, lines });
                received
            });
            let latency = Duration::ZERO..Duration::ZERO;
            Self { events, lines, runner: Runner { nodes: 2, latency, ..Runner::default() } }
        }

        fn wrote(&mut self, node: usize, src: &str, dest: &str, body: &Value) {
            let line = json!({ "src": src, "dest": dest, "body": body }).to_string();
            self.events.push(Event::Wrote { node, next: Next::Line(line.into_bytes()) });
        }

        fn send(&mut self, number: u64) {
            self.wrote(0, "n1", "n2", &json!({ "number": number }));
        }

        /// Routes it all. What came of it, and which numbers the second node received.
        fn run(self) -> (Result<Traffic, RunError>, Vec<u64>) {
            let ledger = Ledger::new();
            let (events, incoming) = sync_channel(64);
            for event in self.events.into_iter().chain([Event::Stop]) {
                events.send(event).unwrap();
            }
            let traffic = Router::new(&self.runner, Rng::new(1), &ledger).run(&incoming);
            let number = |line: Vec<u8>| {
                let line = Line::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
                line.body["number"].as_u64().unwrap()
            };
            (ledger.close().map(|_| traffic), self.lines[1].try_iter().map(number).collect())
        }
    }

    fn traffic(arrived: u64, lost: u64) -> Traffic {
        Traffic { arrived, lost }
    }

    #[test]
    fn a_cut_link_loses_what_arrives_until_it_heals() {
        let mut bench = Bench::new();
        bench.send(1);
        bench.events.push(Event::Cut(BTreeSet::from([(0, 1)])));
        bench.send(2);
        bench.events.push(Event::Cut(BTreeSet::from([(1, 0)])));
        bench.send(3);
        let (done, numbers) = bench.run();
        assert_eq!((done.unwrap(), numbers), (traffic(2, 1), vec![1, 3]));
    }

    #[test]
    fn a_node_that_is_down_receives_nothing_and_its_end_is_no_failure() {
        let mut bench = Bench::new();
        bench.events.push(Event::Down(1));
        bench.send(1);
        bench.events.push(Event::Ended { node: 1, start: 1 });
        let (done, numbers) = bench.run();
        assert_eq!((done.unwrap(), numbers), (traffic(0, 1), vec![]));
        let mut bench = Bench::new();
        bench.events.push(Event::Ended { node: 1, start: 1 });
        assert!(matches!(bench.run().0, Err(RunError::Ended { name }) if name == "n2"));
    }

    #[test]
    fn messages_take_as_long_as_the_run_says_and_are_lost_as_often() {
        let mut bench = Bench::new();
        let hour = Duration::from_secs(3600);
        bench.runner.latency = hour..2 * hour;
        bench.send(1);
        assert_eq!(bench.run().0.unwrap(), traffic(0, 0), "it is under way");
        let mut bench = Bench::new();
        bench.runner.loss = 1_000_000;
        bench.send(1);
        assert_eq!(bench.run().0.unwrap(), traffic(0, 1));
    }

    #[test]
    fn a_client_is_answered_until_it_is_forgotten() {
        let mut bench = Bench::new();
        let (replies, answers) = sync_channel(4);
        let (client, body) = ("c1".to_owned(), json!({ "number": 7 }));
        bench.events.push(Event::Ask { client, node: 1, body, replies });
        bench.wrote(1, "n2", "c1", &json!({ "answer": 1 }));
        bench.events.push(Event::Forget("c1".into()));
        bench.wrote(1, "n2", "c1", &json!({ "answer": 2 }));
        let (done, numbers) = bench.run();
        assert_eq!((done.unwrap(), numbers), (traffic(0, 0), vec![7]));
        let answers: Vec<Body> = answers.try_iter().collect();
        assert_eq!(json!(answers), json!([{ "answer": 1 }]));
    }

    #[test]
    fn a_node_may_not_write_in_the_name_of_another() {
        let mut bench = Bench::new();
        bench.wrote(1, "n1", "n2", &json!({}));
        assert!(matches!(bench.run().0, Err(RunError::Malformed { name, .. }) if name == "n2"));
    }
}

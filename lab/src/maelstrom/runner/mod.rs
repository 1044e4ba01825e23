//! A bench of Maelstrom's kind: starts nodes as programs, is their network and their clients, disturbs
//! both, and judges what the clients saw.
//!
//! Each key has two clients for every node: half of them read, the others write, or compare and set.
//! Every value is written once, so that a read names the write it saw. A key is left for a new one
//! before the search for an explanation becomes long.
//!
//! A run is as long as its work: faults come when so many more requests were answered, and the run ends
//! when enough were. So a run in which nothing is answered fails, on a busy machine a run only takes
//! longer, and after the last fault the system has to serve again.
//!
//! # Left out
//!
//! Messages that arrive twice: Maelstrom's network does not make them. Clocks that jump, and nodes that
//! pause. The same run from the same seed: the draws are the same, and processes are not.

#![expect(clippy::disallowed_methods, reason = "a driver is where the real clock is read")]

mod clients;
mod fault;
mod ledger;
mod nodes;
mod router;

use std::fmt;
use std::ops::Range;
use std::process::Command;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle, scope};
use std::time::{Duration, Instant};

use self::clients::{Key, Worker};
pub use self::fault::Fault;
use self::ledger::Ledger;
use self::nodes::Nodes;
pub use self::router::Traffic;
use self::router::{Event, Router};
use crate::check::linear::{Budget, MOST_STATES, Model, check};
use crate::check::{BadHistory, History, Judged, Verdict};
use crate::rng::Rng;

/// How many events may wait for the router; beyond that, who sends waits.
const EVENTS: usize = 4096;

/// What a run consists of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Runner {
    /// How many nodes: n1, n2, ….
    pub nodes: usize,
    /// How many keys at a time.
    pub keys: usize,
    /// The run ends when so many requests were answered.
    pub operations: usize,
    /// How many requests are sent in a second, if they are answered at once.
    pub rate: u32,
    /// How long a message between nodes takes.
    pub latency: Range<Duration>,
    /// How many of a million messages between nodes are lost.
    pub loss: u32,
    /// What happens, in this order, spread over the run.
    pub faults: Vec<Fault>,
    /// A fault ends after so long, if it has not ended before because enough was answered.
    pub longest_fault: Duration,
    /// How long a client waits for an answer.
    pub timeout: Duration,
    /// How long the run may take.
    pub deadline: Duration,
    /// What everything is drawn from.
    pub seed: u64,
}

impl Default for Runner {
    /// Three nodes without faults, and 1,000 answers.
    fn default() -> Self {
        Self {
            nodes: 3,
            keys: 2,
            operations: 1_000,
            rate: 400,
            latency: Duration::ZERO..Duration::from_millis(10),
            loss: 0,
            faults: Vec::new(),
            longest_fault: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            deadline: Duration::from_secs(300),
            seed: 1,
        }
    }
}

/// How requests ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Done.
    pub ok: usize,
    /// Certainly not done.
    pub fail: usize,
    /// Perhaps done.
    pub info: usize,
    /// Those that say something about a value: done, or a cas that met another value.
    pub answered: usize,
    /// Those of them that were answered while a fault was under way.
    pub answered_in_fault: usize,
}

/// What came out of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The verdict on the history.
    pub judged: Judged,
    /// How requests ended.
    pub totals: Totals,
    /// Messages between nodes that arrived, and that did not.
    pub traffic: Traffic,
    /// What the clients saw.
    pub history: History,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals { ok, fail, info, answered, answered_in_fault } = self.totals;
        match &self.judged.verdict {
            Verdict::Ok => writeln!(f, "linearizable")?,
            Verdict::Violation { why, .. } => writeln!(f, "not linearizable: {why}")?,
            Verdict::Undecided { why } => writeln!(f, "not decided: {why}")?,
        }
        writeln!(f, "requests: {ok} ok, {fail} fail, {info} info")?;
        writeln!(f, "answered: {answered}, {answered_in_fault} of them during a fault")?;
        let Traffic { arrived, lost } = self.traffic;
        write!(f, "messages between nodes: {arrived} arrived, {lost} lost")
    }
}

/// Why a run has no report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A number that makes no sense.
    #[error("a run needs nodes, keys, operations and a rate of 1 or more; set {0}")]
    Options(&'static str),
    /// A program cannot be started.
    #[error("cannot start {name}: {source}; check its command")]
    Start {
        /// Which node.
        name: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It does not answer `init`.
    #[error("{name} is not ready: {why}; answer init with init_ok, and look at its messages above")]
    NotReady {
        /// Which node.
        name: String,
        /// What happened instead.
        why: String,
    },
    /// It ended, and no fault ended it.
    #[error("{name} ended, or closed its standard output, by itself; its own message is above")]
    Ended {
        /// Which node.
        name: String,
    },
    /// It wrote a line that is none of the protocol.
    #[error("{name} wrote {line:?}: {why}; standard output is for messages, log to standard error")]
    Malformed {
        /// Which node.
        name: String,
        /// The line, or its beginning.
        line: String,
        /// What is wrong.
        why: String,
    },
    /// The time is over.
    #[error("{answered} requests were answered, {wanted} are needed; does the system serve them?")]
    TooFew {
        /// So many.
        answered: usize,
        /// Of so many.
        wanted: usize,
    },
    /// What the clients saw is no history: a bug of the bench.
    #[error("the bench wrote what is no history: {0}; report this")]
    History(#[from] BadHistory),
}

impl Runner {
    /// Runs the program that `command` gives for a node's name, once for each node, and again for each
    /// that a fault has killed. All are gone when this returns.
    ///
    /// # Errors
    /// A program does not start or breaks the protocol, or too little was answered in time.
    pub fn run(&self, command: impl FnMut(&str) -> Command) -> Result<Report, RunError> {
        for (number, name) in [
            (self.nodes, "`nodes`"),
            (self.keys, "`keys`"),
            (self.operations, "`operations`"),
            (self.rate as usize, "`rate`"),
        ] {
            if number == 0 {
                return Err(RunError::Options(name));
            }
        }
        let ledger = Ledger::new();
        let (events, incoming) = sync_channel(EVENTS);
        let mut rng = Rng::new(self.seed);
        let router = Router::new(self, rng.fork(), &ledger);
        let traffic = scope(|scope| {
            let routing = scope.spawn(move || router.run(&incoming));
            let end = End { ledger: &ledger, events: events.clone() };
            let mut nodes = Nodes::new(self.nodes, command, events.clone());
            let done = self.drive(scope, &ledger, &events, &mut nodes, &mut rng);
            drop(nodes);
            drop(end);
            let traffic = routing.join().expect("the router does not panic");
            done.map(|()| traffic)
        })?;
        let (lines, totals) = ledger.close()?;
        let history = History::read(&lines)?;
        let judged = check(&history, &Model::Register.into(), &mut Budget::states(MOST_STATES))?;
        Ok(Report { judged, totals, traffic, history })
    }

    /// Starts the nodes and the clients, and lets the faults happen.
    fn drive<'scope, 'env, C: FnMut(&str) -> Command>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        ledger: &'env Ledger,
        events: &SyncSender<Event>,
        nodes: &mut Nodes<C>,
        rng: &mut Rng,
    ) -> Result<(), RunError> {
        for node in 0..self.nodes {
            nodes.start(node)?;
        }
        let working = self.start_clients(scope, ledger, events, rng);
        let done = self.disturb(ledger, nodes, rng);
        ledger.end();
        for worker in working {
            worker.join().expect("a client does not panic");
        }
        done
    }
}

impl Runner {
    fn start_clients<'scope, 'env>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        ledger: &'env Ledger,
        events: &SyncSender<Event>,
        rng: &mut Rng,
    ) -> Vec<ScopedJoinHandle<'scope, ()>> {
        let of_key = 2 * self.nodes;
        let all = of_key * self.keys;
        let mut working = Vec::new();
        for group in 0..self.keys {
            let key = Key::shared(group, self.keys);
            for place in 0..of_key {
                let worker = Worker {
                    ledger,
                    key: key.clone(),
                    events: events.clone(),
                    rng: rng.fork(),
                    process: group * of_key + place,
                    processes: all,
                    node: place % self.nodes,
                    reads: place < self.nodes,
                    pause: Duration::from_secs(all as u64) / self.rate,
                    timeout: self.timeout,
                };
                working.push(scope.spawn(move || worker.work()));
            }
        }
        working
    }

    /// Lets faults happen, each after some answers, until there were enough answers.
    fn disturb<C: FnMut(&str) -> Command>(
        &self,
        ledger: &Ledger,
        nodes: &mut Nodes<C>,
        rng: &mut Rng,
    ) -> Result<(), RunError> {
        let by = Instant::now() + self.deadline;
        let step = (self.operations / (self.faults.len() + 1)).max(1);
        for fault in &self.faults {
            self.serve(ledger, ledger.answered() + step, by)?;
            ledger.set_fault(true);
            fault.begin(nodes, rng);
            if *fault != Fault::CrashAll {
                let until = by.min(Instant::now() + self.longest_fault);
                ledger.wait(ledger.answered() + step, until)?;
            }
            nodes.heal()?;
            ledger.set_fault(false);
        }
        self.serve(ledger, self.operations.max(ledger.answered() + step), by)
    }

    fn serve(&self, ledger: &Ledger, answered: usize, by: Instant) -> Result<(), RunError> {
        if ledger.wait(answered, by)? {
            return Ok(());
        }
        Err(RunError::TooFew { answered: ledger.answered(), wanted: answered })
    }
}

/// Ends the clients and the router, however a run ends.
struct End<'a> {
    ledger: &'a Ledger,
    events: SyncSender<Event>,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.ledger.end();
        // It has ended already if it panicked.
        let _ = self.events.send(Event::Stop);
    }
}

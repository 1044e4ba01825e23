//! The designs of this chapter: what each promises, where it is tried, and what is expected of it.
//!
//! *no fault* is two orders of which the second has to be declined. *crash* is a process that never
//! comes back, *restart* one that does. *a reader* reads while an order is on its way, and asks for
//! isolation only. The cells of *no fault* to *duplicate* and of *a reader* are proofs about a small
//! world; those from *cut* to *lying disk* are 200 simulated runs each.

mod rows;

use std::ops::Range;
use std::sync::OnceLock;

use lab::chapter::{Bounds, StepInfo, Verdict};
use lab::exhibit::Exhibit;
use lab::explore::{Limits, Model};
use lab::study::{Check, Design, How, Study, Target};

use crate::client::Client;
use crate::invariants::{Ledger, ShopWorld};
use crate::shop::Shop;
use crate::types::{COORD, PAY, STOCK};
use crate::worlds::{CLIENT, Nodes, Read, Scope};

/// What a design without votes can promise.
pub const PLAIN: &[&str] = &["ACK", "NACK", "ONCE", "MONEY"];
/// What two-phase commit promises.
pub const ATOMIC: &[&str] = &["AC1", "AC2", "AC3", "ACK", "NACK", "ONCE", "FORGET", "MONEY"];
/// Isolation, which only some designs promise and every matrix asks for.
pub const ISOLATED: &[&str] = &["HALF"];

/// The columns of the matrix.
pub const FAULTS: [&str; 12] = [
    "no fault",
    "crash",
    "restart",
    "loss",
    "duplicate",
    "cut",
    "one-way cut",
    "pause",
    "drift",
    "wiped",
    "lying disk",
    "a reader",
];

/// The designs that survive every storm: crashes with restarts, lost and doubled messages.
pub const ROBUST: [&str; 8] = [
    "step3",
    "step4",
    "step5",
    "termination",
    "paxos-commit",
    "fencing",
    "decision-store",
    "one-phase",
];

/// Runs per cell that is judged by simulation.
const SEEDS: Range<u64> = 0..200;
/// An order takes a few milliseconds where nothing fails; faults begin within these, in µs.
const BUSY: Range<u64> = 0..12_000;
/// How long cuts, pauses and absences last, in µs: longer than any timer of the chapter.
const LONG: Range<u64> = 1_000..3_000_000;
/// More states than any world of a page has.
const STATES: usize = 100_000;
/// In a world where a client asks again for ever, timers expire so often in a page.
const TIMEOUTS: u8 = 3;

/// A design as a row: most are two-phase commit with one thing changed.
pub struct Row {
    /// Its name, files and verdict.
    pub info: StepInfo,
    /// What it promises, of [`crate::invariants`].
    pub promised: &'static [&'static str],
    /// Its nodes.
    pub nodes: Nodes,
    /// How a reader reads.
    read: Read,
    /// How many take part in an order of its small world.
    participants: u8,
    safety: fn(u8) -> Limits,
    progress: fn(&Bounds) -> Limits,
    /// Whether it has more processes than an exploration of restarts, or of two orders, has time for.
    wide: bool,
    combined: Vec<(Bounds, Verdict)>,
    /// What is expected under each of [`FAULTS`]: a verdict and its reason, between semicolons.
    expected: &'static str,
}

/// All designs, in reading order; those off the main path last.
pub fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(rows::all)
}

/// A design by its id.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn row(id: &str) -> &'static Row {
    let row = rows().iter().find(|row| row.info.id == id);
    row.unwrap_or_else(|| panic!("no design of this chapter is called {id}"))
}

/// All designs with their checks.
#[must_use]
pub fn study() -> &'static Study<Shop, Ledger> {
    static STUDY: OnceLock<Study<Shop, Ledger>> = OnceLock::new();
    STUDY.get_or_init(|| {
        let designs = rows().iter().map(Row::design).collect();
        Study { chapter: "ch02", designs, outcome: told }
    })
}

/// What the client was told, at the end of a run.
fn told(world: &ShopWorld) -> String {
    let clients = world.nodes().filter_map(|(_, node)| node.downcast_ref::<Client>());
    let answers = clients.flat_map(|client| client.answers.values().map(ToString::to_string));
    answers.collect::<Vec<_>>().join("; ")
}

impl Row {
    /// A world of this design that promises what it promises.
    #[must_use]
    pub fn model(&self, scope: Scope) -> Model<Shop, Ledger> {
        self.model_with(scope, self.promised)
    }

    /// A world of this design that is asked for these promises.
    #[must_use]
    pub fn model_with(&self, scope: Scope, promised: &[&'static str]) -> Model<Shop, Ledger> {
        let participants = self.participants.max(scope.participants);
        let participants = if self.participants == 1 { 1 } else { participants };
        self.nodes.model(Scope { participants, ..scope }, promised)
    }

    /// A world for a figure: whatever breaks in it is to be seen.
    #[must_use]
    pub fn shown(&self, scope: Scope) -> Model<Shop, Ledger> {
        let promised: Vec<&str> = self.promised.iter().chain(ISOLATED).copied().collect();
        self.model_with(scope, &promised)
    }

    /// How its own reader reads, in this scope.
    #[must_use]
    pub fn with_reader(&self, scope: Scope) -> Scope {
        scope.with(self.read)
    }

    fn design(&self) -> Design<Shop, Ledger> {
        let (scope, timeouts) = match self.promised == PLAIN {
            true => (Scope::TWO_ORDERS, Some(TIMEOUTS)),
            false => (Scope::ONE_ORDER, None),
        };
        let limits = Limits { states: STATES, timeouts, ..Limits::progress(1, 1, 0) };
        let expected: Vec<&str> = self.expected.split("; ").collect();
        assert_eq!(expected.len(), FAULTS.len(), "{}: one verdict a column", self.info.id);
        Design {
            info: self.info.clone(),
            small: self.model(Scope::ONE_ORDER),
            busy: self.model(Scope::TWO_ORDERS),
            scripted: self.model(self.with_reader(Scope::TWO_ORDERS)),
            safety: self.safety,
            progress: self.progress,
            target: self.target(),
            checks: FAULTS.iter().zip(expected).map(|(f, e)| self.check(f, e)).collect(),
            combined: self.combined.clone(),
            exhibit: Exhibit::new(self.model(scope), limits),
        }
    }

    /// All servers, and the links of the coordinator.
    fn target(&self) -> Target {
        let standbys = self.nodes.standbys.iter().map(|(id, _)| *id);
        let stock = (self.participants > 1).then_some(STOCK);
        let servers: Vec<_> =
            [COORD].into_iter().chain(stock).chain([PAY]).chain(standbys).collect();
        let others = servers.iter().filter(|id| **id != COORD).map(|id| (COORD, *id));
        let links = others.chain([(CLIENT, COORD)]).collect();
        Target { servers, links, busy: BUSY, lasts: LONG }
    }

    fn check(&self, fault: &'static str, expected: &'static str) -> Check<Shop, Ledger> {
        let (one, two) = (Scope::ONE_ORDER, Scope::TWO_ORDERS);
        let some = if self.wide { one } else { two };
        let (world, how) = match fault {
            "no fault" => (self.model(two), How::Explore(vec![Limits::progress(0, 0, 0)])),
            "crash" => {
                let for_good = Limits { restarts: false, ..Limits::progress(1, 0, 0) };
                (self.model(one), How::Explore(vec![for_good]))
            }
            "restart" if !self.wide => {
                let searches = vec![(self.safety)(1), Limits::progress(1, 0, 0)];
                (self.model(one), How::Explore(searches))
            }
            "loss" => (self.model(some), How::Explore(vec![Limits::progress(0, 1, 0)])),
            "duplicate" => (self.model(some), How::Explore(vec![Limits::progress(0, 0, 1)])),
            "a reader" => {
                let world = self.model_with(self.with_reader(one), ISOLATED);
                (world, How::Explore(vec![Limits::progress(0, 0, 0)]))
            }
            _timed => (self.model(two), How::Simulate(SEEDS)),
        };
        Check { fault, world, how, expected: (Verdict::of(expected), reason(expected)) }
    }
}

/// `unsafe AC1` gives `AC1`.
fn reason(expected: &'static str) -> &'static str {
    expected.split_once(' ').map_or("", |(_, reason)| reason)
}

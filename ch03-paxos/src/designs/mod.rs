//! The designs of this chapter: what each promises, where it is tried, and what is expected of it.
//!
//! *crash* is a process that never comes back, *restart* one that does. The cells from *cut* to *drift*
//! are 200 simulated runs each; all others are proofs about a small world.

pub mod changing;
mod rows;
pub mod scenes;

pub(crate) use rows::LEADS;

use std::ops::Range;
use std::sync::OnceLock;

use lab::chapter::{Bounds, StepInfo, Verdict};
use lab::exhibit::Exhibit;
use lab::explore::{Limits, Model};
use lab::study::{Check, Design, How, Study, Target};

use crate::group::Paxos;
use crate::invariants::{GroupWorld, Ledger};
use crate::worlds::{Crashing, Nodes, PROPOSERS, Scope};

/// What a store promises that is read and written (step 1).
pub const STORE: &[&str] = &["READ"];
/// What consensus promises.
pub const CONSENSUS: &[&str] = &["AGREE", "VALID"];

/// What a log of decisions promises.
pub const LOG: &[&str] = &["LOG", "ACK"];
/// What a replicated store promises.
pub const KV: &[&str] = &["LOG", "ONCE", "READ", "STATE"];

/// The columns of the matrix.
pub const FAULTS: [&str; 11] = [
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
];

/// The designs that survive every storm: crashes with restarts, lost and doubled messages.
pub const ROBUST: [&str; 4] = ["step4", "step5", "step6", "step7"];

/// Runs per cell that is judged by simulation.
const SEEDS: Range<u64> = 0..200;
/// The same for a store, whose runs are long and whose worlds are too large for a search.
const MANY_SEEDS: Range<u64> = 0..2_000;
/// A value is chosen within a few milliseconds where nothing fails; faults begin within these, in µs.
const BUSY: Range<u64> = 0..8_000;
/// The clients of step 1 take this long, in µs.
const BUSY_CLIENTS: Range<u64> = 0..1_000_000;
/// How long cuts, pauses and absences last, in µs: longer than any timer of the chapter.
const LONG: Range<u64> = 1_000..2_000_000;
/// More states than any world of a page has.
const STATES: usize = 500_000;

/// A search that is to end at a broken promise may need more.
const MANY: usize = 5_000_000;

/// Two proposers, and one of the replicas may crash: they are alike.
const TWO: Scope = Scope::TWO.crashing(Crashing::OneReplica);

/// One proposer or client, and one of the replicas may crash.
const ONE: Scope = Scope::ONE.crashing(Crashing::OneReplica);

/// A design as a row.
pub struct Row {
    /// Its name, files and verdict.
    pub info: StepInfo,
    /// What it promises, of [`crate::invariants`].
    pub promised: &'static [&'static str],
    /// Its nodes.
    pub nodes: Nodes,
    /// Its small world.
    pub scope: Scope,
    /// The world that a reader of its page steps through.
    page: Scope,
    /// How many timers may expire in a search: each makes a new ballot, and those have no end.
    pub timeouts: Option<u8>,
    /// How many timers have to expire before the second proposer has a ballot.
    second: u8,
    /// What has happened before a reader of the page may choose.
    opening: &'static str,
    /// What is expected under each of [`FAULTS`]: a verdict and its reason, between semicolons.
    expected: &'static str,
}

/// All designs, in reading order.
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
pub fn study() -> &'static Study<Paxos, Ledger> {
    static STUDY: OnceLock<Study<Paxos, Ledger>> = OnceLock::new();
    STUDY.get_or_init(|| {
        let designs = rows().iter().map(Row::design).collect();
        Study { chapter: "ch03", designs, outcome: told }
    })
}

/// What the proposers know at the end of a run.
fn told(world: &GroupWorld) -> String {
    let lines = PROPOSERS.iter().filter_map(|id| world.summary(*id));
    lines.map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Row {
    /// A world of this design that promises what it promises.
    #[must_use]
    pub fn model(&self, scope: Scope) -> Model<Paxos, Ledger> {
        self.nodes.model(scope, self.promised)
    }

    /// The world that is simulated: any replica may fail.
    fn busy(&self) -> Model<Paxos, Ledger> {
        self.nodes.busy(self.promised)
    }

    fn design(&self) -> Design<Paxos, Ledger> {
        let limits = match self.nodes {
            // What breaks it is a timer that expires while messages are on their way.
            Nodes::PrimaryBackup => {
                let timers_last = false;
                Limits { timeouts: Some(2), timers_last, ..Limits::progress(1, 1, 0) }
            }
            _ => Limits { timeouts: self.timeouts, ..Limits::progress(1, 0, 0) },
        };
        let limits = Limits { states: STATES, ..limits };
        let expected: Vec<&str> = self.expected.split("; ").collect();
        assert_eq!(expected.len(), FAULTS.len(), "{}: one verdict a column", self.info.id);
        let world = self.model(self.scope);
        let busy = match self.nodes {
            Nodes::PrimaryBackup => BUSY_CLIENTS,
            Nodes::Log(_) | Nodes::Store { .. } | Nodes::Group { .. } => BUSY,
        };
        let target = Target { busy, lasts: LONG, ..Target::of(&self.busy()) };
        Design {
            busy: self.busy(),
            safety: safety_of(self),
            scripted: if self.nodes.is_log() { self.model(Scope::TWO) } else { world.clone() },
            progress: progress_of(self.nodes),
            target,
            checks: FAULTS.iter().zip(expected).map(|(f, e)| self.check(f, e)).collect(),
            exhibit: Exhibit::new(self.model(self.page), limits).opening(self.opening),
            ..Design::new(self.info.clone(), &world)
        }
    }

    fn check(&self, fault: &'static str, expected: &'static str) -> Check<Paxos, Ledger> {
        let progress = |crashes, losses| Limits {
            states: STATES,
            timeouts: self.timeouts,
            ..Limits::progress(crashes, losses, 0)
        };
        let first_ballots = |crashes| Limits {
            timeouts: Some(self.second),
            states: MANY,
            ..Limits::safety(crashes)
        };
        let is_log = self.nodes.is_log();
        let how = match fault {
            // The smallest world of a store that is worth a search has over a million states.
            _ if matches!(self.nodes, Nodes::Store { .. }) => How::Simulate(MANY_SEEDS),
            // A follower may suspect a leader at any time where there is no clock, so elections have no
            // end: the simulator says whether a log goes on.
            "no fault" | "crash" | "loss" if is_log => How::Simulate(SEEDS),
            "restart" if is_log => How::Explore(vec![first_ballots(1)]),
            "lying disk" if is_log => {
                let lying = Limits { forgets: 1, cuts: false, ..first_ballots(1) };
                How::Explore(vec![Limits { states: STATES, ..lying }])
            }
            "no fault" => How::Explore(vec![progress(0, 0)]),
            "crash" => How::Explore(vec![Limits { restarts: false, ..progress(1, 0) }]),
            "restart" => How::Explore(vec![first_ballots(1), progress(1, 0)]),
            "loss" => How::Explore(vec![progress(0, 1)]),
            // On a set every message may come again, at any time.
            "duplicate" => How::Explore(vec![first_ballots(0)]),
            "wiped" => {
                let of = match self.nodes {
                    Nodes::PrimaryBackup => progress(1, 0),
                    Nodes::Log(_) | Nodes::Store { .. } | Nodes::Group { .. } => {
                        Limits { cuts: false, ..first_ballots(1) }
                    }
                };
                How::Explore(vec![Limits { wipes: true, ..of }])
            }
            "lying disk" => {
                let lying = |of: Limits| Limits { forgets: 1, cuts: false, ..of };
                let [slow, any] = [progress(1, 0), first_ballots(1)].map(lying);
                let any = Limits { states: STATES, ..any };
                How::Explore(vec![Limits { states: MANY, ..slow }, any])
            }
            _timed => How::Simulate(SEEDS),
        };
        let world = match how {
            How::Simulate(_) | How::Run(_) => self.busy(),
            How::Explore(_) if fault == "no fault" => self.model(self.scope),
            How::Explore(_) if is_log && fault == "wiped" => self.model(ONE.commands(2)),
            How::Explore(_) if is_log => self.model(ONE),
            How::Explore(_) => self.model(TWO),
        };
        Check { fault, world, how, expected: (Verdict::of(expected), reason(expected)) }
    }
}

/// With a crash, each proposer has one ballot; without, one of them has another. In a log, a second
/// replica may lead. In a store there is one leader: more is too much for a reader who waits.
fn safety_of(row: &Row) -> fn(u8) -> Limits {
    match (row.nodes, row.timeouts) {
        (Nodes::Store { .. }, _) => {
            |crashes| Limits { timeouts: Some(0), ..Limits::safety(crashes) }
        }
        (Nodes::Log(_), _) => |crashes| Limits { timeouts: Some(1), ..Limits::safety(crashes) },
        (_, None) => Limits::safety,
        (_, Some(1)) => {
            |crashes| Limits { timeouts: Some(u8::from(crashes == 0)), ..Limits::safety(crashes) }
        }
        (_, Some(2)) => |crashes| Limits {
            timeouts: Some(1 + u8::from(crashes == 0)),
            ..Limits::safety(crashes)
        },
        (_, Some(_)) => |crashes| Limits { timeouts: Some(3), ..Limits::safety(crashes) },
    }
}

/// In a log a follower may suspect its leader at any time, so elections have no end: they get a bound.
fn progress_of(nodes: Nodes) -> fn(&Bounds) -> Limits {
    if matches!(nodes, Nodes::Store { .. }) {
        return |bounds| Limits {
            timeouts: Some(0),
            cuts: false,
            ..Limits::progress(bounds.crashes, bounds.losses, bounds.duplicates)
        };
    }
    let unbounded: fn(&Bounds) -> Limits =
        |bounds| Limits::progress(bounds.crashes, bounds.losses, bounds.duplicates);
    let bounded: fn(&Bounds) -> Limits = |bounds| Limits {
        timeouts: Some(2),
        ..Limits::progress(bounds.crashes, bounds.losses, bounds.duplicates)
    };
    if nodes.is_log() { bounded } else { unbounded }
}

/// `unsafe AGREE` gives `AGREE`.
fn reason(expected: &'static str) -> &'static str {
    expected.split_once(' ').map_or("", |(_, reason)| reason)
}

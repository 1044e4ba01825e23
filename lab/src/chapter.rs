//! What a chapter offers to the guide and to the book: plain data behind one small trait.

use serde_json::Value;

use crate::event::Log;
pub use crate::sim::{Counterexample, Found};

/// A chapter as the guide sees it. `step` arguments are step ids such as `step2`; an unknown one
/// gives `None`, and the guide lists the known ones.
pub trait Chapter: Sync {
    /// `ch02`.
    fn id(&self) -> &'static str;

    /// The one question of the chapter.
    fn question(&self) -> &'static str;

    /// The folder of the chapter's crate, from the root of the workspace.
    fn folder(&self) -> &'static str;

    /// The steps, in reading order.
    fn steps(&self) -> Vec<StepInfo>;

    /// One simulated run of a step. Equal seeds give equal logs, byte for byte.
    fn run(&self, step: &str, seed: u64) -> Option<Log>;

    /// Plays a golden script against a step and returns what the script prints.
    ///
    /// # Errors
    /// The first command that the script language does not know, or that cannot happen, in words.
    fn script(&self, step: &str, script: &str) -> Option<Result<String, String>>;

    /// Tries seeds until one breaks a property of the step, then shrinks that run.
    fn find(&self, step: &str, seeds: std::ops::Range<u64>) -> Option<Found>;

    /// The fault words that [`Chapter::find_under`] knows.
    fn faults(&self) -> Vec<&'static str>;

    /// Like [`Chapter::find`], under one sort of fault only.
    fn find_under(&self, step: &str, fault: &str, seeds: std::ops::Range<u64>) -> Option<Found>;

    /// Explores every order of events of the step's small world within the bounds.
    fn explore(&self, step: &str, bounds: &Bounds) -> Option<Explored>;

    /// Every crash point of one run of a step, and every message of it lost or doubled.
    fn points(&self, step: &str) -> Option<Points>;

    /// Every step under every fault; each cell is asserted by a test.
    fn matrix(&self) -> Matrix;

    /// The runs that the book shows, by name.
    fn figures(&self) -> Vec<(&'static str, Log)>;

    /// The counted numbers that the book prints, by name. Never times.
    fn numbers(&self) -> Vec<(String, String)>;

    /// Answers one call of an exhibit in the page; see `lab::exhibit`.
    fn exhibit(&self, step: &str, request: &Value) -> Option<Value>;

    /// Re-executes the inputs of a recorded real run and says whether every node acted as recorded.
    ///
    /// # Errors
    /// The first event that could not be read or that came out differently, in words.
    fn replay(&self, log: &Log) -> Result<Log, String>;
}

/// One step of a chapter.
#[derive(Clone, Debug)]
pub struct StepInfo {
    /// `step2`.
    pub id: &'static str,
    /// `step2_two_phases`: the module, as the file is named.
    pub module: &'static str,
    /// The source file (or, where roles are files, the files) from the root of the workspace.
    pub files: Vec<&'static str>,
    /// What the step does, in at most ten words.
    pub title: &'static str,
    /// Its pinned verdict in one line.
    pub verdict: &'static str,
}

/// Limits of an exploration: they bound the environment, never the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Process crashes (each may come back).
    pub crashes: u8,
    /// Messages that may vanish. Above 0, or with `duplicates`, the network is a bag; else a set.
    pub losses: u8,
    /// Messages that may arrive twice.
    pub duplicates: u8,
    /// Give up, undecided, at this many states.
    pub states: usize,
}

/// What an exploration says.
#[derive(Clone, Debug)]
pub struct Explored {
    /// `safe in 5,369 states; stuck if coord never returns (see below); ok if it does`.
    pub summary: String,
    /// Distinct states.
    pub states: usize,
    /// Whether this is what the step's pinned verdict says.
    pub as_pinned: bool,
    /// Shortest schedules to show, with their titles: a violation, or a way to be stuck.
    pub schedules: Vec<Log>,
}

/// What became of a step's run at each point where something can go wrong; see [`crate::crash_points`].
#[derive(Clone, Debug)]
pub struct Points {
    /// One for each point.
    pub rows: Vec<PointRow>,
    /// What became of each pair of crashes.
    pub pairs: crate::crash_points::Pairs,
}

/// One point where something goes wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PointRow {
    /// `coord dies after: decided tx 1.1: order-1 done`.
    pub what: String,
    /// What the others can do meanwhile: `go on` or `wait`.
    pub meanwhile: &'static str,
    /// How it ended, once everybody is back.
    pub outcome: String,
    /// *ok*, *unsafe*, or *stuck* where it never ends.
    pub verdict: Verdict,
}

/// Every step under every fault.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// The fault words, in order.
    pub faults: Vec<String>,
    /// One row a step.
    pub rows: Vec<MatrixRow>,
}

/// A step under every fault.
#[derive(Clone, Debug, Default)]
pub struct MatrixRow {
    /// `step2`.
    pub step: String,
    /// The step's title.
    pub title: String,
    /// One cell for each fault.
    pub cells: Vec<Cell>,
}

/// What became of one step under one fault.
#[derive(Clone, Debug)]
pub struct Cell {
    /// `ok`, `unsafe`, `stuck`, `slow` or `undecided`.
    pub verdict: Verdict,
    /// The property that broke, or what it waits for; may be empty.
    pub why: String,
    /// The command that shows it.
    pub command: String,
}

/// The four words, and the honest fifth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// Nothing bad happened and every goal was reached.
    Ok,
    /// An always- or step-property fails.
    Unsafe,
    /// A state from which no path without further faults reaches the goal.
    Stuck,
    /// The goal is reached, at a counted cost above the stated multiple.
    Slow,
    /// A bound was hit before anything was proved.
    Undecided,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Unsafe => "unsafe",
            Self::Stuck => "stuck",
            Self::Slow => "slow",
            Self::Undecided => "undecided",
        })
    }
}

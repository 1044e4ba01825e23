//! What a chapter offers to the guide and to the book: plain data behind small traits.
//!
//! A chapter brings what it has. [`Models`] are designs that are explored and simulated; chapters
//! whose subject is no protocol have them for a part only, or not at all, and bring plots, tables of
//! numbers and dials instead.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::Log;
pub use crate::sim::{Counterexample, Found};
pub use crate::view::plot::{Mark, Plot, Series};

/// A chapter as the guide sees it.
pub trait Chapter: Sync {
    /// `ch02`.
    fn id(&self) -> &'static str;

    /// The one question of the chapter.
    fn question(&self) -> &'static str;

    /// The folder of the chapter's crate, from the root of the workspace.
    fn folder(&self) -> &'static str;

    /// Its designs, as far as they are nodes.
    fn models(&self) -> Option<&dyn Models> {
        None
    }

    /// The figures of its pages, by name.
    fn figures(&self) -> Vec<(String, Figure)> {
        Vec::new()
    }

    /// The tables of counted numbers in its pages, by name. Never times.
    fn tables(&self) -> Vec<(String, Table)> {
        Vec::new()
    }

    /// What a command that prints its matrix prints below it: what each design costs, counted. Never times.
    fn scoreboard(&self) -> Option<Table> {
        None
    }

    /// The counted numbers in its text, by name. Never times.
    fn numbers(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The dials of its pages, by name.
    fn dials(&self) -> Vec<(String, Dial)> {
        Vec::new()
    }

    /// Its system of processes, if it has one.
    #[cfg(feature = "system")]
    fn system(&self) -> Option<&'static dyn crate::system::System> {
        None
    }

    /// What is measured here, the first by default: its system by itself, if nothing else is said.
    #[cfg(feature = "system")]
    fn measures(&self) -> Vec<crate::measure::Measure> {
        self.system().map(crate::system::measure_alone).into_iter().collect()
    }

    /// Re-executes the inputs of a recorded real run and says whether every node acted as recorded;
    /// `None` if the chapter has no system of processes.
    #[cfg(feature = "system")]
    fn replay(&self, log: &Log) -> Option<Result<Log, String>> {
        self.system().map(|system| system.replay(log))
    }
}

/// Designs that can be explored and simulated. `step` arguments are step ids such as `step2`; an
/// unknown one gives `None`, and the guide lists the known ones.
pub trait Models: Sync {
    /// The steps, in reading order.
    fn steps(&self) -> Vec<StepInfo>;

    /// One simulated run of a step. Equal seeds give equal logs, byte for byte.
    fn run(&self, step: &str, seed: u64) -> Option<Log>;

    /// Plays a golden script against a step and returns what the script prints.
    ///
    /// # Errors
    /// The first command that the script language does not know, or that cannot happen, in words.
    fn script(&self, step: &str, script: &str) -> Option<Result<String, String>>;

    /// The fault words that [`Models::check`] and [`Models::find`] know: the columns of the matrix.
    fn faults(&self) -> Vec<&'static str>;

    /// Tries seeds until one breaks a property of the step, under one sort of fault or a bit of all,
    /// then shrinks that run.
    fn find(&self, step: &str, fault: Option<&str>, seeds: Range<u64>) -> Option<Found>;

    /// Explores every order of events of the step's small world within the bounds. `watch` is called
    /// now and then with the number of states so far.
    fn explore(
        &self,
        step: &str,
        bounds: &Bounds,
        watch: &mut dyn FnMut(usize),
    ) -> Option<Explored>;

    /// Judges one cell of the matrix.
    fn check(&self, step: &str, fault: &str) -> Option<Checked>;

    /// Every crash point of one run of a step, and every message of it lost or duplicated.
    fn points(&self, step: &str) -> Option<Points>;

    /// Every step under every fault, judged now.
    fn matrix(&self) -> Matrix;

    /// What [`Models::matrix`] is expected to be.
    fn expected(&self) -> Matrix;

    /// Answers one call of an exhibit in the page; see `lab::exhibit`.
    fn exhibit(&self, step: &str, request: &Value) -> Option<Value>;
}

/// A figure of a page.
#[derive(Clone, PartialEq, Debug)]
pub enum Figure {
    /// A space-time diagram of a run.
    SpaceTime(Log),
    /// Curves.
    Plot(Plot),
}

/// A table of counted numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Table {
    /// The head.
    pub columns: Vec<String>,
    /// As many cells each.
    pub rows: Vec<Vec<String>>,
}

/// A guess: the reader drags, then sees the curve and how far off the guess was.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Dial {
    /// What is asked: "How many sessions move when a fifth node joins four?"
    pub question: String,
    /// The smallest and the largest guess.
    pub range: (f64, f64),
    /// What is guessed in: `%`, `sessions`.
    pub unit: String,
    /// The right answer, as the code computes it.
    pub answer: f64,
    /// The formula, in words or symbols.
    pub formula: String,
    /// The curve that the answer is a point of.
    pub plot: Plot,
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
    /// Its expected verdict in one line.
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
    /// Distinct states of the search for broken promises.
    pub states: usize,
    /// How many timers may expire in it; `None` is any number.
    pub timeouts: Option<u8>,
    /// What both searches did, that for broken promises and that for states that are stuck.
    pub searched: Searched,
    /// Whether this is what is expected of the step.
    pub as_expected: bool,
    /// Shortest schedules to show, with their titles: a violation, or a way to be stuck.
    pub schedules: Vec<Log>,
}

/// The size of searches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Searched {
    /// Distinct states.
    pub states: usize,
    /// What they took at most, in bytes.
    pub bytes: usize,
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
    /// How it ended, once every process is back.
    pub outcome: String,
    /// *ok*, *unsafe*, or *stuck* where it never ends.
    pub verdict: Verdict,
}

/// Every step under every fault.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Matrix {
    /// The fault words, in order.
    pub faults: Vec<String>,
    /// One row a step.
    pub rows: Vec<MatrixRow>,
}

/// A step under every fault.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MatrixRow {
    /// `step2`.
    pub step: String,
    /// The step's title.
    pub title: String,
    /// One cell for each fault.
    pub cells: Vec<Cell>,
}

/// What became of one step under one fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    /// `ok`, `unsafe`, `stuck`, `slow` or `undecided`.
    pub verdict: Verdict,
    /// The property that broke, or what it waits for; may be empty.
    pub why: String,
    /// The command that shows it.
    pub command: String,
}

/// One cell, judged now.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The verdict, its reason, and the command that shows it.
    pub cell: Cell,
    /// Whether this is what is expected.
    pub as_expected: bool,
    /// A run that shows it: none for *ok*.
    pub shown: Option<Log>,
}

/// The four words, and the honest fifth; the worst comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// An always- or step-property fails.
    Unsafe,
    /// A state from which no path without further faults reaches the goal.
    Stuck,
    /// The goal is reached, at a counted cost above the stated multiple.
    Slow,
    /// A bound was hit, or a goal never reached, so nothing is proved.
    Undecided,
    /// Nothing bad happened and every goal was reached.
    Ok,
}

impl Verdict {
    /// The verdict that a text begins with: `stuck waits for coord`.
    ///
    /// # Panics
    /// If it begins with none.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let word = text.split(' ').next().unwrap_or_default();
        let all = [Self::Ok, Self::Unsafe, Self::Stuck, Self::Slow, Self::Undecided];
        let found = all.into_iter().find(|verdict| verdict.to_string() == word);
        found.unwrap_or_else(|| panic!("{text:?} begins with no verdict"))
    }
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

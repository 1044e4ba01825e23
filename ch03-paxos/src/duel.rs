//! Duelling proposers, measured: how many ballots does a decision take, with each way to wait?

use std::ops::Range;
use std::time::Duration;

use lab::chapter::{Dial, Mark, Plot, Series, Table};
use lab::explore::Model;
use lab::sim::{self, FaultSchedule, NetworkProfile};
use lab::view::thousands;

use crate::designs::CONSENSUS;
use crate::group::{AnyNode, Group, Paxos};
use crate::invariants::{self as must, Ledger};
use crate::step5_leader::{Acceptor, Pace, Pause, Proposer};
use crate::types::wait;
use crate::worlds::{Nodes, Scope, wanted};

/// At once.
const AT_ONCE: Range<Duration> = Duration::ZERO..Duration::ZERO;

/// A proposer that leads at once if it is the first, and otherwise waits for a leader.
#[must_use]
pub fn led(group: Group, number: usize) -> AnyNode {
    let begin = if number == 0 { AT_ONCE } else { wait::LEAD };
    proposer(group, number, Pace { begin, leads: true, pause: Pause::Random })
}

fn proposer(group: Group, number: usize, pace: Pace) -> AnyNode {
    AnyNode::new(Proposer::new(group, wanted(number), pace))
}

fn acceptor(group: Group) -> AnyNode {
    AnyNode::new(Acceptor::new(group))
}

/// Proposers that begin at once, try again at once, and of which none leads: for a figure.
pub const RIVALS: Nodes = Nodes::Group {
    proposer: |group, i| {
        proposer(group, i, Pace { begin: AT_ONCE, leads: false, pause: Pause::None })
    },
    acceptor,
};

/// Proposers that begin within 5 ms of each other, and of which none leads.
fn duelling(group: Group, number: usize, pause: Pause) -> AnyNode {
    let begin = Duration::ZERO..Duration::from_millis(5);
    proposer(group, number, Pace { begin, leads: false, pause })
}

/// Proposers that begin 2 ms after each other, exactly.
fn in_step(group: Group, number: usize, pause: Pause) -> AnyNode {
    let begin = Duration::from_millis(2) * u32::try_from(number).expect("a small number");
    let begin = begin..begin + Duration::from_micros(u64::from(number > 0));
    proposer(group, number, Pace { begin, leads: false, pause })
}

/// The ways to wait that are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Try again at once.
    None,
    /// Wait always equally long.
    Fixed,
    /// Wait for a random time that grows.
    Random,
    /// Let one lead.
    Leader,
}

impl Way {
    /// All of them, as the book shows them.
    pub const ALL: [(Self, &str); 4] = [
        (Self::None, "try again at once"),
        (Self::Fixed, "wait equally long"),
        (Self::Random, "wait at random, longer each time"),
        (Self::Leader, "one leads"),
    ];

    /// Three proposers that wait like this. With `in_step` they begin 2 ms after each other, exactly.
    fn nodes(self, is_in_step: bool) -> Nodes {
        let proposer = match (self, is_in_step) {
            (Self::None, false) => |group, i| duelling(group, i, Pause::None),
            (Self::Fixed, false) => |group, i| duelling(group, i, Pause::Fixed),
            (Self::Random, false) => |group, i| duelling(group, i, Pause::Random),
            (Self::None, true) => |group, i| in_step(group, i, Pause::None),
            (Self::Fixed, true) => |group, i| in_step(group, i, Pause::Fixed),
            (Self::Random, true) => |group, i| in_step(group, i, Pause::Random),
            (Self::Leader, _) => led,
        };
        Nodes::Group { proposer, acceptor }
    }

    fn world(self, is_in_step: bool) -> Model<Paxos, Ledger> {
        let world = self.nodes(is_in_step).model(Scope::THREE, CONSENSUS);
        Model { observe: must::observe_ballots, goal: must::something_is_learned, ..world }
    }
}

/// Runs for each way to wait.
const RUNS: u64 = 10_000;
/// So long a group may take to decide, in µs of simulated time.
const PATIENCE: u64 = 100_000;

/// How many ballots a decision takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ballots {
    /// Runs that were tried.
    pub runs: usize,
    /// For each run that decided within [`PATIENCE`], the ballots begun until a value was learned,
    /// sorted.
    pub decided: Vec<u64>,
}

impl Ballots {
    /// Runs this many seeds. Messages and disks take times as in one machine room.
    ///
    /// # Panics
    /// If a run decides twice.
    #[must_use]
    pub fn of(way: Way, seeds: u64) -> Self {
        let world = way.world(false);
        let schedule = FaultSchedule { end: PATIENCE, ..FaultSchedule::none() };
        let decided = (0..seeds).filter_map(|seed| {
            let run = sim::run(&world, &schedule, seed);
            assert!(run.broken.is_none(), "{way:?}, seed {seed}: {:?}", run.broken);
            run.settled.then(|| run.world.ghost().ballots)
        });
        let mut decided: Vec<u64> = decided.collect();
        decided.sort_unstable();
        Self { runs: usize::try_from(seeds).expect("some seeds"), decided }
    }

    /// At most so many ballots in this share of all runs, in per cent; `None` if that many runs did
    /// not decide.
    #[must_use]
    pub fn within(&self, percent: usize) -> Option<u64> {
        let rank = (self.runs * percent).div_ceil(100).max(1) - 1;
        self.decided.get(rank).copied()
    }
}

/// The ways to wait, side by side. Trying again at once is tried less often: its runs are long.
#[must_use]
pub fn table() -> Table {
    let columns = ["after a refusal", "runs", "half decide within", "99 %", "all", "in step"];
    let row = |(way, name): (Way, &str)| {
        let seeds = if way == Way::None { 300 } else { RUNS };
        let ballots = Ballots::of(way, seeds);
        let within = |percent| match ballots.within(percent) {
            Some(1) => "1 ballot".into(),
            Some(count) => format!("{count} ballots"),
            None => "more than 100 ms".to_owned(),
        };
        let in_step = if decides_in_step(way) { "decides" } else { "never decides" };
        let shares = [50, 99, 100].map(within);
        let row = [name.into(), thousands(ballots.runs)].into_iter().chain(shares);
        row.chain([in_step.into()]).collect()
    };
    Table {
        columns: columns.map(Into::into).to_vec(),
        rows: Way::ALL.into_iter().map(row).collect(),
    }
}

/// A guess at the slowest decision of a hundred, if all wait equally long after a refusal.
///
/// # Panics
/// If one in a hundred does not decide: then there is nothing to guess.
#[must_use]
pub fn dial() -> Dial {
    const SHARES: [usize; 8] = [10, 25, 50, 75, 90, 95, 98, 99];
    let curve = |way, name: &str, mark| {
        let ballots = Ballots::of(way, RUNS);
        let within = |percent| ballots.within(percent).expect("so many decide") as f64;
        let points = SHARES.map(|percent| (percent as f64, within(percent))).to_vec();
        Series { name: name.into(), points, mark }
    };
    let fixed = curve(Way::Fixed, "equally long", Mark::Dots);
    let random = curve(Way::Random, "at random, longer each time", Mark::Line);
    let of_fixed = |at: usize| fixed.points[at].1;
    let (half, answer) = (of_fixed(2), of_fixed(SHARES.len() - 1));
    Dial {
        question: format!(
            "Three proposers begin within 5 ms of each other. Each waits equally long after a refusal. \
             Half of the decisions take at most {half} ballots. How many do 99 of 100 take at most?"
        ),
        range: (1.0, 60.0),
        unit: "ballots".into(),
        answer,
        formula:
            "who waits equally long meets the same rival again, at the same distance: a duel that \
                  did not end soon goes on"
                .into(),
        plot: Plot {
            title: "A random wait shortens the longest duels, and not the usual ones".into(),
            x: "so many of 100 decisions take at most".into(),
            y: "ballots".into(),
            series: vec![fixed, random],
        },
    }
}

/// Whether anything is decided within ten seconds if every message and every write takes exactly one
/// millisecond, and the three proposers begin 2 ms after each other.
#[must_use]
pub fn decides_in_step(way: Way) -> bool {
    let latency = 1_000..1_001;
    let profile = NetworkProfile { disk: latency.clone(), latency, ..NetworkProfile::local() };
    let schedule = FaultSchedule { profile, end: 10_000_000, ..FaultSchedule::none() };
    sim::run(&way.world(true), &schedule, 1).settled
}

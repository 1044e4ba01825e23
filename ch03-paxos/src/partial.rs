//! Links that fail one by one: who leads when not every replica reaches every other one?
//!
//! A crash is simple: a process is gone, for all of them. A link that fails is gone for two of them. In
//! each pattern below, one replica still reaches a majority, so a leader is possible. A design that counts
//! only *who is silent* may elect the wrong one again and again, or none.
//!
//! The patterns are those of Ng, Haridi and Carbone 2023 (*Omni-Paxos: Breaking the Barriers of Partial
//! Connectivity*).

use std::collections::BTreeSet;

use lab::NodeId;
use lab::chapter::Table;
use lab::explore::Model;
use lab::sim::{self, Fault, FaultSchedule, TimedAction};
use lab::view::thousands;
use lab::world::{Role, Transition};

use crate::client::{COUNTER, StoreClient, Writer};
use crate::group::{AnyNode, Group, Paxos};
use crate::invariants::Ledger;
use crate::replicated_kv::{self as step7, Config};
use crate::step6_log as step6;
use crate::types::kv::{self, Blob, Op};
use crate::types::{Ballot, Msg, Value, log};
use crate::worlds::{Nodes, PROPOSERS, Scope};

const IDS: [NodeId; 5] = [NodeId(11), NodeId(12), NodeId(13), NodeId(14), NodeId(15)];
const NAMES: [&str; 5] = ["replica-1", "replica-2", "replica-3", "replica-4", "replica-5"];
/// When links fail, and when a run ends, in µs.
const FAILS: u64 = 1_000_000;
const END: u64 = 11_000_000;
/// More than a client gets done.
const COMMANDS: usize = 20_000;
/// Runs of a pattern.
const SEEDS: u64 = 5;

/// Which links fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// Of three, the leader and one other do not reach each other.
    Chain,
    /// Of five, all but `replica-3` reach `replica-3` alone.
    Hub,
    /// The same, and `replica-3` has missed what was chosen last.
    HubBehind,
}

impl Pattern {
    /// All of them, with how they are called in the field.
    pub const ALL: [(Self, &str); 3] = [
        (Self::Chain, "chain of three"),
        (Self::Hub, "quorum loss: a hub is left"),
        (Self::HubBehind, "constrained election: the hub is behind"),
    ];

    fn replicas(self) -> &'static [NodeId] {
        if self == Self::Chain { &IDS[..3] } else { &IDS }
    }

    /// The cuts, from when they happen to the end.
    fn faults(self) -> Vec<Fault> {
        let cut = |at, from: usize, to: usize| {
            let (from, to) = (IDS[from], IDS[to]);
            Fault::Cut { from, to, both: true, at, lasts: END }
        };
        let of_hub = [(0, 1), (0, 3), (0, 4), (1, 3), (1, 4), (3, 4)];
        let all = of_hub.map(|(from, to)| cut(FAILS, from, to)).to_vec();
        match self {
            Self::Chain => vec![cut(FAILS, 0, 2)],
            Self::Hub => all,
            Self::HubBehind => [vec![cut(FAILS - 100_000, 0, 2)], all].concat(),
        }
    }
}

/// Which design is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Design {
    /// A replica that hears no leader begins a ballot.
    Step6,
    /// Probes before ballots, and a leader that is not heard steps down.
    Step7,
}

impl Design {
    fn world(self, replicas: &[NodeId]) -> Model<Paxos, Ledger> {
        let group = Group::new(replicas);
        let clients = (0..2).map(|i| {
            let first = 2 * i % replicas.len();
            let client = match self {
                Self::Step6 => AnyNode::new(Writer::new(&group, first, (0..COMMANDS).map(value))),
                Self::Step7 => {
                    let ops = vec![Op::Increment { key: Blob::new(COUNTER) }; COMMANDS];
                    AnyNode::new(StoreClient::new(&group, first, ops).in_a_session())
                }
            };
            Role::new(PROPOSERS[i], ["web-1", "web-2"][i], "client", client)
        });
        let replicas = replicas.iter().zip(NAMES).map(|(id, name)| {
            let replica = match self {
                Self::Step6 => AnyNode::new(step6::Replica::new(group.clone())),
                Self::Step7 => AnyNode::new(step7::Replica::new(group.clone(), Config::default())),
            };
            Role::new(*id, name, "replica", replica)
        });
        let roles = clients.chain(replicas).collect();
        // The other promises look at all that was answered so far, and these runs are long.
        Model { roles, ..Nodes::STEP7.model(Scope::ONE, &["LOG"]) }
    }
}

fn value(n: usize) -> Value {
    Value::new(&n.to_string())
}

/// What becomes of a group whose links fail.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Ballots that were begun since.
    pub ballots: usize,
    /// The longest time without an answer to any client, in µs of simulated time, up to the end.
    pub silence: u64,
}

impl Outcome {
    /// One run. Nothing may break in it.
    ///
    /// # Panics
    /// If a promise breaks.
    #[must_use]
    pub fn of(design: Design, pattern: Pattern, seed: u64) -> Self {
        let world = design.world(pattern.replicas());
        let schedule =
            FaultSchedule { faults: pattern.faults(), end: END, ..FaultSchedule::none() };
        let run = sim::run(&world, &schedule, seed);
        assert_eq!(run.broken, None, "{design:?}, {pattern:?}, seed {seed}");
        let mut ballots = BTreeSet::new();
        let (mut last, mut silence) = (FAILS, 0);
        for timed in run.actions.iter().filter(|timed| timed.time >= FAILS) {
            ballots.extend(prepared(timed));
            if is_answer(timed) {
                silence = silence.max(timed.time - last);
                last = timed.time;
            }
        }
        Self { ballots: ballots.len(), silence: silence.max(END - last) }
    }

    /// The worst of some runs.
    #[must_use]
    pub fn worst(design: Design, pattern: Pattern) -> Self {
        let runs = (0..SEEDS).map(|seed| Self::of(design, pattern, seed));
        runs.reduce(|one, other| Self {
            ballots: one.ballots.max(other.ballots),
            silence: one.silence.max(other.silence),
        })
        .unwrap_or_default()
    }
}

fn delivered(timed: &TimedAction<Paxos>) -> Option<&Msg> {
    match &timed.action.transition {
        Transition::Deliver { envelope, .. } | Transition::Lose(envelope) => Some(&envelope.msg),
        _ => None,
    }
}

fn prepared(timed: &TimedAction<Paxos>) -> Option<Ballot> {
    match delivered(timed)? {
        Msg::Log(log::Msg::Prepare { ballot, .. }) | Msg::Kv(kv::Msg::Prepare { ballot, .. }) => {
            Some(*ballot)
        }
        _ => None,
    }
}

fn is_answer(timed: &TimedAction<Paxos>) -> bool {
    matches!(
        delivered(timed),
        Some(Msg::Log(log::Msg::Answer { .. }) | Msg::Kv(kv::Msg::Answer { outcome: Ok(_), .. }))
    )
}

/// The patterns, side by side for both designs: what happens in ten seconds.
#[must_use]
pub fn table() -> Table {
    let columns = [
        "links that are left",
        "step 6: ballots",
        "longest silence",
        "step 7: ballots",
        "longest silence",
    ];
    let row = |(pattern, name): (Pattern, &str)| {
        let cells = [Design::Step6, Design::Step7].map(|design| {
            let Outcome { ballots, silence } = Outcome::worst(design, pattern);
            let silence = match silence {
                0..1_000_000 => format!("{} ms", silence / 1_000),
                _ if silence >= END - FAILS - 1_000_000 => "no answer any more".into(),
                _ => format!("{}.{} s", silence / 1_000_000, silence / 100_000 % 10),
            };
            [thousands(ballots), silence]
        });
        std::iter::once(name.to_owned()).chain(cells.into_iter().flatten()).collect()
    };
    Table {
        columns: columns.map(Into::into).to_vec(),
        rows: Pattern::ALL.into_iter().map(row).collect(),
    }
}

//! What goes wrong in a simulated run, and when.

use std::ops::Range;
use std::time::Duration;

use crate::node::NodeId;
use crate::rng::Rng;

/// How the network and the disks behave without faults. Times in µs, chances in parts per million.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkProfile {
    /// How long a message is on its way.
    pub latency: Range<u64>,
    /// How long a disk needs to make a record durable.
    pub disk: Range<u64>,
    /// How often a message is lost.
    pub loss: u32,
    /// How often a message arrives twice.
    pub duplicates: u32,
}

impl NetworkProfile {
    /// One machine room: half a millisecond to another machine, up to two for a disk.
    #[must_use]
    pub fn local() -> Self {
        Self { latency: 200..800, disk: 500..2_000, loss: 0, duplicates: 0 }
    }
}

/// One thing that goes wrong. Times in µs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A process dies and, perhaps, comes back.
    Crash {
        /// Whose.
        node: NodeId,
        /// When.
        at: u64,
        /// How long until it is back; `None`: it stops for good.
        back: Option<u64>,
        /// Whether its disk is empty then.
        wiped: bool,
        /// How many of the newest records a lying disk loses.
        forget: usize,
    },
    /// A process takes no input for a while, and its timers run on.
    Pause {
        /// Which.
        node: NodeId,
        /// When.
        at: u64,
        /// How long.
        lasts: u64,
    },
    /// A link loses every message.
    Cut {
        /// One end.
        from: NodeId,
        /// The other.
        to: NodeId,
        /// Whether the way back is cut too.
        both: bool,
        /// When.
        at: u64,
        /// How long.
        lasts: u64,
    },
    /// A clock runs fast or slow, from the start.
    Drift {
        /// Whose.
        node: NodeId,
        /// Above 0: fast.
        parts_per_million: i64,
    },
}

impl Fault {
    pub(super) fn at(&self) -> u64 {
        match self {
            Self::Crash { at, .. } | Self::Pause { at, .. } | Self::Cut { at, .. } => *at,
            Self::Drift { .. } => 0,
        }
    }

    fn end(&self) -> u64 {
        match self {
            Self::Crash { at, back, .. } => at + back.unwrap_or(0),
            Self::Pause { at, lasts, .. } | Self::Cut { at, lasts, .. } => at + lasts,
            Self::Drift { .. } => 0,
        }
    }
}

/// The conditions of a whole run, and its faults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultSchedule {
    /// Network and disks.
    pub profile: NetworkProfile,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// When to stop, in µs.
    pub end: u64,
}

impl FaultSchedule {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self { profile: NetworkProfile::local(), faults: Vec::new(), end: 60_000_000 }
    }

    /// A few crashes with restarts of some of these nodes, at moments drawn from the first so many µs.
    #[must_use]
    pub fn crashes(rng: &mut Rng, nodes: &[NodeId], within: u64) -> Self {
        let count = rng.pick(1..4);
        let faults = (0..count)
            .map(|_| Fault::Crash {
                node: nodes[rng.pick(0..nodes.len() as u64) as usize],
                at: rng.pick(0..within),
                back: Some(rng.pick(1_000..1_000_000)),
                wiped: false,
                forget: 0,
            })
            .collect();
        Self { faults, ..Self::none() }
    }

    /// When the last fault is over.
    #[must_use]
    pub fn faults_end(&self) -> u64 {
        self.faults.iter().map(Fault::end).max().unwrap_or(0)
    }

    /// Whether a message from one node to another is lost at this time.
    #[must_use]
    pub fn is_cut(&self, time: u64, sender: NodeId, receiver: NodeId) -> bool {
        self.faults.iter().any(|fault| match fault {
            Fault::Cut { from, to, both, at, lasts } => {
                let there = *from == sender && *to == receiver;
                let back = *both && *from == receiver && *to == sender;
                (there || back) && (*at..at + lasts).contains(&time)
            }
            Fault::Crash { .. } | Fault::Pause { .. } | Fault::Drift { .. } => false,
        })
    }

    /// What a node's own clock shows at this time. Every node began to count at another moment.
    #[must_use]
    pub fn clock(&self, node: NodeId, time: u64) -> Duration {
        let offset = 1_000_000_000 + node.0 * 7_919_000;
        let drifted = i128::from(time) * i128::from(1_000_000 + self.drift(node)) / 1_000_000;
        Duration::from_micros(offset + u64::try_from(drifted).expect("clocks run forwards"))
    }

    /// How long it really takes until a node's clock has moved on by so much.
    #[must_use]
    pub fn real_time(&self, node: NodeId, wait: u64) -> u64 {
        let real = i128::from(wait) * 1_000_000 / i128::from(1_000_000 + self.drift(node));
        u64::try_from(real).expect("clocks run forwards")
    }

    fn drift(&self, node: NodeId) -> i64 {
        let mine = self.faults.iter().find_map(|fault| match fault {
            Fault::Drift { node: drifter, parts_per_million } if *drifter == node => {
                Some(*parts_per_million)
            }
            Fault::Drift { .. } | Fault::Crash { .. } | Fault::Pause { .. } | Fault::Cut { .. } => {
                None
            }
        });
        mine.unwrap_or(0)
    }
}

//! The designs of this chapter: what each is made from, where it is tried, and what is expected of it.
//!
//! *crash* is a web node that never comes back, *restart* one that does, with an empty memory; the other
//! columns are scenes of [`crate::worlds`]. The cells of *cut*, *pause*, *one address* and *sign out* are
//! 200 simulated runs each, because they take time or many requests; all others are proofs about a small
//! world.

use std::ops::Range;
use std::sync::OnceLock;

use lab::chapter::{StepInfo, Verdict};
use lab::exhibit::Exhibit;
use lab::explore::{Limits, Model};
use lab::study::{Check, Design, How, Study, Target};

use crate::invariants::{Ledger, ShopWorld};
use crate::shop::{AnyNode, Shop};
use crate::step1_round_robin::{self as step1, RoundRobin};
use crate::step2_ip_hash::IpHash;
use crate::step3_sticky_cookie::StickyCookie;
use crate::step4_consistent_hash::ConsistentHash;
use crate::step7_affinity_hint::{self as step7, AffinityHint};
use crate::store::Store;
use crate::types::wait;
use crate::worlds::{BROWSERS, Nodes, STORE, Scene, balancer};
use crate::{step5_shared_store as step5, step6_sealed_cookie as step6};

/// The columns of the matrix.
pub const FAULTS: [&str; 11] = [
    "no fault",
    "crash",
    "restart",
    "cut",
    "pause",
    "new node",
    "two balancers",
    "one address",
    "two at once",
    "sign out",
    "store fails",
];

/// Runs per cell that is judged by simulation.
const SEEDS: Range<u64> = 0..200;
/// People look for a few seconds; faults begin within these, in µs.
const BUSY: Range<u64> = 0..2_000_000;
/// How long cuts, pauses and absences last, in µs: longer than any timer of the chapter.
const LONG: Range<u64> = 1_000..2_000_000;
/// How many timers may expire in a search: the balancer's never end.
const TIMEOUTS: u8 = 4;
/// How much of the mean a node may have where loads are bounded, in percent.
pub const BOUND: u32 = 125;

/// A design as a row.
pub struct Row {
    /// Its name, files and verdict.
    pub info: StepInfo,
    /// Its nodes.
    pub nodes: Nodes,
    /// What is expected under each of [`FAULTS`]: a verdict and its reason, between semicolons.
    expected: &'static str,
}

/// All designs, in reading order.
pub fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| [in_memory(), elsewhere()].into_iter().flatten().collect())
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
        Study { chapter: "ch01", designs, outcome: told }
    })
}

/// What the browsers show at the end of a run.
fn told(world: &ShopWorld) -> String {
    let lines = BROWSERS.iter().filter_map(|id| world.summary(*id));
    lines.map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Sessions in the memory of web nodes, and four ways to find the right one.
fn in_memory() -> Vec<Row> {
    let memory =
        |balancer| Nodes { balancer, web: || AnyNode::new(step1::Web::default()), store: None };
    vec![
        Row {
            info: info(
                "step1",
                "step1_round_robin",
                "Round robin: every second page asks you to sign in",
                "unsafe",
            ),
            nodes: memory(|webs| balancer(RoundRobin, webs)),
            expected: "unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; \
                       unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; \
                       unsafe SIGNED",
        },
        Row {
            info: info(
                "step2",
                "step2_ip_hash",
                "IP hash: one company, one node",
                "unsafe when the number of nodes changes",
            ),
            nodes: memory(|webs| balancer(IpHash, webs)),
            expected: "ok; unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; \
                       unsafe SIGNED; ok; ok; ok; ok; ok",
        },
        Row {
            info: info(
                "step3",
                "step3_sticky_cookie",
                "Sticky cookie: signed in until the node restarts",
                "unsafe after a crash or a restart",
            ),
            nodes: memory(|webs| balancer(StickyCookie, webs)),
            expected: "ok; unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; ok; ok; ok; \
                       ok; ok; ok",
        },
        Row {
            info: info(
                "step4",
                "step4_consistent_hash",
                "Consistent hashing with bounded loads: pushed away from home",
                "unsafe when a node is busy",
            ),
            nodes: memory(|webs| balancer(ConsistentHash { bound: Some(BOUND) }, webs)),
            expected: "ok; unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; unsafe SIGNED; \
                       unsafe SIGNED; ok; unsafe SIGNED; ok; unsafe SIGNED; ok",
        },
    ]
}

/// Sessions in a store, in the browser, or both.
fn elsewhere() -> Vec<Row> {
    vec![
        Row {
            info: info(
                "step5",
                "step5_shared_store",
                "Shared store: any node will do, and the last writer wins",
                "unsafe when two requests of one user meet",
            ),
            nodes: Nodes {
                balancer: |webs| balancer(RoundRobin, webs),
                web: || AnyNode::new(step5::Web::new(STORE)),
                store: Some(|| AnyNode::new(Store::default())),
            },
            expected: "ok; ok; ok; ok; unsafe CART; ok; ok; ok; unsafe CART; unsafe OUT; ok",
        },
        Row {
            info: info(
                "step6",
                "step6_sealed_cookie",
                "Sealed cookie: no store, and no way to sign out",
                "unsafe after signing out",
            ),
            nodes: Nodes {
                balancer: |webs| balancer(RoundRobin, webs),
                web: || AnyNode::new(step6::Web),
                store: None,
            },
            expected: "ok; ok; ok; ok; ok; ok; ok; ok; unsafe CART; unsafe OUT; ok",
        },
        Row {
            info: info(
                "step7",
                "step7_affinity_hint",
                "Affinity as a hint: the store is the truth",
                "ok; waits while the store is down",
            ),
            nodes: Nodes {
                balancer: |webs| balancer(AffinityHint { bound: BOUND }, webs),
                web: || AnyNode::new(step7::Web::new(STORE, wait::FRESH)),
                store: Some(|| AnyNode::new(Store::default())),
            },
            expected: "ok; ok; ok; ok; ok; ok; ok; ok; ok; ok; ok",
        },
    ]
}

fn info(
    id: &'static str,
    module: &'static str,
    title: &'static str,
    verdict: &'static str,
) -> StepInfo {
    let file = match id {
        "step1" => "ch01-sticky-sessions/src/step1_round_robin.rs",
        "step2" => "ch01-sticky-sessions/src/step2_ip_hash.rs",
        "step3" => "ch01-sticky-sessions/src/step3_sticky_cookie.rs",
        "step4" => "ch01-sticky-sessions/src/step4_consistent_hash.rs",
        "step5" => "ch01-sticky-sessions/src/step5_shared_store.rs",
        "step6" => "ch01-sticky-sessions/src/step6_sealed_cookie.rs",
        _ => "ch01-sticky-sessions/src/step7_affinity_hint.rs",
    };
    StepInfo { id, module, files: vec![file], title, verdict }
}

/// Timers are longer than everything on the way: no node is taken for down that is only slow.
fn limits(crashes: u8, losses: u8, duplicates: u8) -> Limits {
    Limits { timeouts: Some(TIMEOUTS), ..Limits::progress(crashes, losses, duplicates) }
}

impl Row {
    /// `5 Shared store`.
    pub(crate) fn short_title(&self) -> String {
        let name = self.info.title.split(':').next().unwrap_or_default();
        format!("{} {name}", self.info.id.trim_start_matches("step"))
    }

    fn design(&self) -> Design<Shop, Ledger> {
        let expected: Vec<&str> = self.expected.split("; ").collect();
        assert_eq!(expected.len(), FAULTS.len(), "{}: one verdict a column", self.info.id);
        let (world, busy) = (self.nodes.model(Scene::Visit), self.nodes.model(Scene::Storm));
        Design {
            target: Target { busy: BUSY, lasts: LONG, ..Target::of(&busy) },
            busy,
            safety: |crashes| limits(crashes, 0, 0),
            progress: |bounds| limits(bounds.crashes, bounds.losses, bounds.duplicates),
            checks: FAULTS
                .iter()
                .zip(expected.iter().cycle())
                .map(|(f, e)| self.check(f, e))
                .collect(),
            exhibit: Exhibit::new(world.clone(), limits(1, 0, 0)),
            ..Design::new(self.info.clone(), &world)
        }
    }

    /// The world of a column.
    fn world(&self, fault: &str) -> Model<Shop, Ledger> {
        self.nodes.model(match fault {
            "cut" | "pause" => Scene::Busy,
            "new node" => Scene::NewNode,
            "two balancers" => Scene::TwoBalancers,
            "one address" => Scene::OneAddress,
            "two at once" => Scene::TwoAtOnce,
            "sign out" => Scene::SignOut,
            "store fails" => Scene::StoreFails,
            _ => Scene::Visit,
        })
    }

    fn check(&self, fault: &'static str, expected: &'static str) -> Check<Shop, Ledger> {
        let how = match fault {
            "crash" => How::Explore(vec![Limits { restarts: false, ..limits(1, 0, 0) }]),
            "restart" | "store fails" => How::Explore(vec![limits(1, 0, 0)]),
            "cut" | "pause" => How::Simulate(SEEDS),
            "sign out" | "one address" => How::Run(SEEDS),
            _ => How::Explore(vec![limits(0, 0, 0)]),
        };
        let reason = expected.split_once(' ').map_or("", |(_, reason)| reason);
        let expected = (Verdict::of(expected), reason);
        Check { fault, world: self.world(fault), how, expected }
    }
}

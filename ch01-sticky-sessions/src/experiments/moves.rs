//! How many sessions move when a node joins or leaves, by policy.

use lab::NodeId;
use lab::chapter::{Dial, Plot, Table};

use super::{MOST, counted, line, webs};
use crate::balancer::{Asked, Backend, Route};
use crate::policy::{Jump, Maglev, Ring};
use crate::step2_ip_hash::IpHash;
use crate::step4_consistent_hash::ConsistentHash;
use crate::types::Address;

/// Addresses that are placed.
const ADDRESSES: u32 = 20_000;

/// Where a policy sends each address, if all nodes are up and idle.
type Homes = fn(&[NodeId]) -> Vec<NodeId>;

/// Policies that hash, by name.
pub const HASHING: [(&str, Homes); 7] = [
    ("modulo", |webs| homes(IpHash, webs)),
    ("ring, 100 points a node", |webs| homes(Ring::new(100), webs)),
    ("ring, 1,000 points a node", |webs| homes(Ring::new(1_000), webs)),
    ("rendezvous", |webs| homes(ConsistentHash { bound: None }, webs)),
    ("Maglev, 251 slots", |webs| homes(Maglev::new(251), webs)),
    ("Maglev, 65,537 slots", |webs| homes(Maglev::new(65_537), webs)),
    ("jump", |webs| homes(Jump, webs)),
];

/// Where this policy sends each address, if all nodes are up and idle.
pub fn homes<R: Route>(mut route: R, webs: &[NodeId]) -> Vec<NodeId> {
    route.prepare(webs);
    let pool: Vec<Backend> = webs.iter().map(|id| idle(*id)).collect();
    let home = |address: u32| {
        let address = Address(u32::from_be_bytes([10, 0, 0, 0]) + address);
        let asked = Asked { address, affinity: None, session: None, turn: address.0.into() };
        pool[route.pick(&asked, &pool).expect("all nodes are up")].id
    };
    (0..ADDRESSES).map(home).collect()
}

/// A node that is up and has nothing to do.
pub(super) fn idle(id: NodeId) -> Backend {
    Backend { id, is_up: true, open: 0, sessions: 0 }
}

/// The share of addresses that have another home with the other list.
#[must_use]
pub fn moved(policy: Homes, before: &[NodeId], after: &[NodeId]) -> f64 {
    let (before, after) = (policy(before), policy(after));
    let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    moved as f64 / f64::from(ADDRESSES)
}

/// What becomes of four nodes: the busiest one in parts of the mean; what moves when a fifth joins; when the last
/// of five leaves, and when the second of five leaves.
#[must_use]
pub fn judged(policy: Homes) -> [f64; 4] {
    let (four, five) = (webs(4), webs(5));
    let mut without_second = five.clone();
    without_second.remove(1);
    let homes = policy(&four);
    let of = |web: &NodeId| homes.iter().filter(|home| *home == web).count();
    let most = four.iter().map(of).max().unwrap_or(0);
    [
        most as f64 * 4.0 / f64::from(ADDRESSES),
        moved(policy, &four, &five),
        moved(policy, &five, &four),
        moved(policy, &five, &without_second),
    ]
}

/// Each policy that hashes.
pub(super) fn table() -> Table {
    let columns = [
        "policy",
        "busiest ÷ mean",
        "moved, 4 → 5",
        "moved, the last of 5 leaves",
        "moved, the second of 5 leaves",
    ];
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let row = |(name, policy): &(&str, Homes)| {
        let [busiest, joins, last, second] = judged(*policy);
        let cells = [percent(joins), percent(last), percent(second)];
        [vec![(*name).to_owned(), format!("{busiest:.2}")], cells.to_vec()].concat()
    };
    Table { columns: columns.map(Into::into).to_vec(), rows: HASHING.iter().map(row).collect() }
}

/// One node joins: modulo and rendezvous, each beside its formula.
fn plot() -> Plot {
    let counts = || 2..MOST;
    let of = |policy| counts().map(move |n| (n as f64, joins(policy, n)));
    let formula = |part: fn(f64) -> f64| {
        counts().map(move |n| (n as f64, 100.0 * part(n as f64) / (n as f64 + 1.0)))
    };
    Plot {
        title: "One node joins: modulo moves nearly all, rendezvous the new node's share".into(),
        x: "nodes before".into(),
        y: "addresses that move, %".into(),
        series: vec![
            counted("modulo", of(HASHING[0].1)),
            line("n/(n + 1)", formula(|n| n)),
            counted("rendezvous", of(HASHING[3].1)),
            line("1/(n + 1)", formula(|_| 1.0)),
        ],
    }
}

fn joins(policy: Homes, n: usize) -> f64 {
    100.0 * moved(policy, &webs(n), &webs(n + 1))
}

/// A guess at modulo.
pub(super) fn dial() -> Dial {
    Dial {
        question:
            "Four nodes, and `hash % 4` says which one has a session. A fifth joins. How many of \
                   the sessions move?"
                .into(),
        range: (0.0, 100.0),
        unit: "%".into(),
        answer: joins(HASHING[0].1, 4).round(),
        formula: "n/(n + 1) with modulo; 1/(n + 1) would have to".into(),
        plot: plot(),
    }
}

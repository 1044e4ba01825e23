//! Bounded loads, and how many requests they send away from home.
//!
//! 64 requests are open at any time; which one ends next is drawn. Users click by Zipf's law. How much one node gets
//! depends on where the busiest users have their home, so each point is the mean of many such placements.

use lab::chapter::Plot;
use lab::rng::Rng;

use super::moves::idle;
use super::workload::Zipf;
use super::{SEED, counted, line, webs};
use crate::balancer::{Asked, Backend, Route};
use crate::step4_consistent_hash::ConsistentHash;
use crate::types::Address;

const USERS: usize = 10_000;
const OPEN: usize = 64;
const REQUESTS: u64 = 2_500;
/// In each, the users have other addresses.
const PLACEMENTS: u32 = 24;
/// Bounds, in percent of the mean.
const BOUNDS: [u32; 8] = [105, 110, 125, 150, 175, 200, 250, 300];

/// What bounded loads do.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Bounded {
    /// The share of requests that do not go to the node of their address.
    pub away: f64,
    /// The share that has to go, however long one waits: of each node's users, what is beyond the bound.
    pub at_least: f64,
    /// The most requests that were open at one node.
    pub peak: u32,
}

/// Many requests, before so many nodes, with this bound in percent of the mean: the mean of all placements.
#[must_use]
pub fn bounded(n: usize, bound: u32) -> Bounded {
    let zipf = Zipf::new(USERS);
    let all = (0..PLACEMENTS).map(|placement| placed(n, bound, placement, &zipf));
    all.fold(Bounded::default(), |mean, one| Bounded {
        away: mean.away + one.away / f64::from(PLACEMENTS),
        at_least: mean.at_least + one.at_least / f64::from(PLACEMENTS),
        peak: mean.peak.max(one.peak),
    })
}

fn placed(n: usize, bound: u32, placement: u32, zipf: &Zipf) -> Bounded {
    let mut rng = Rng::new(SEED);
    let mut pool: Vec<Backend> = webs(n).into_iter().map(idle).collect();
    let (home, route) = (ConsistentHash { bound: None }, ConsistentHash { bound: Some(bound) });
    let (mut open, mut at_home) = (Vec::new(), vec![0; n]);
    let (mut away, mut peak) = (0_u32, 0);
    for turn in 0..REQUESTS {
        if open.len() == OPEN {
            let ends: usize = open.swap_remove(rng.pick(0..OPEN as u64) as usize);
            pool[ends].open -= 1;
        }
        let address = Address(placement * USERS as u32 + zipf.pick(&mut rng) as u32);
        let asked = Asked { address, affinity: None, session: None, turn };
        let all_up = "all nodes are up";
        let (wanted, got) = (home.pick(&asked, &pool), route.pick(&asked, &pool));
        let (wanted, got) = (wanted.expect(all_up), got.expect(all_up));
        away += u32::from(wanted != got);
        at_home[wanted] += 1;
        pool[got].open += 1;
        peak = peak.max(pool[got].open);
        open.push(got);
    }
    let share = |count: u32| f64::from(count) / REQUESTS as f64;
    let beyond = |at_home: u32| (share(at_home) - f64::from(bound) / 100.0 / n as f64).max(0.0);
    Bounded { away: share(away), at_least: at_home.into_iter().map(beyond).sum(), peak }
}

/// Before four nodes and before ten, beside what has to go.
pub(super) fn plot() -> Plot {
    let percent = |share: f64| (1_000.0 * share).round() / 10.0;
    let points = |of: fn(u32) -> f64| -> Vec<(f64, f64)> {
        BOUNDS.iter().map(|bound| (f64::from(*bound), percent(of(*bound)))).collect()
    };
    Plot {
        title: "Bounded loads: each request away from home is a sign-in page".into(),
        x: "bound, % of the mean".into(),
        y: "requests away from home, %".into(),
        series: vec![
            counted("10 nodes", points(|bound| bounded(10, bound).away)),
            line("at least, 10", points(|bound| bounded(10, bound).at_least)),
            counted("4 nodes", points(|bound| bounded(4, bound).away)),
            line("at least, 4", points(|bound| bounded(4, bound).at_least)),
        ],
    }
}

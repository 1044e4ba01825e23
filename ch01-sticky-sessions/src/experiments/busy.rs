//! One busy user keeps one node busy, if users are pinned to nodes.
//!
//! The load of a user is `1/kˢ` for the `k`-th busiest; each stays at the node that step 3 gives them. Who comes
//! when is drawn, and the median of some draws is shown. Powers are made from square roots, which are the same
//! on every machine.

use lab::chapter::{Dial, Plot};
use lab::rng::Rng;

use super::moves::idle;
use super::{SEED, counted, line, webs};
use crate::balancer::{Asked, Backend, Route};
use crate::step3_sticky_cookie::StickyCookie;
use crate::types::Address;

const USERS: usize = 5_000;
const DRAWS: usize = 31;
/// How unequal users are: in quarters.
const QUARTERS: [u32; 6] = [0, 1, 2, 3, 4, 5];

/// The load of each user, all together 1.
fn loads(quarters: u32) -> Vec<f64> {
    let load = |k: usize| {
        let root = (k as f64).sqrt().sqrt();
        (0..quarters).fold(1.0, |load, _| load / root)
    };
    let loads: Vec<f64> = (1..=USERS).map(load).collect();
    let all: f64 = loads.iter().sum();
    loads.into_iter().map(|load| load / all).collect()
}

/// The load of the busiest of `n` nodes in parts of the mean, if users are so unequal: the median.
#[must_use]
pub fn pinned(n: usize, quarters: u32) -> f64 {
    let mut rng = Rng::new(SEED);
    let loads = loads(quarters);
    let pool: Vec<Backend> = webs(n).into_iter().map(idle).collect();
    let mut busiest: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let mut waiting = loads.clone();
            let mut nodes = vec![0.0; n];
            for turn in 0..USERS as u64 {
                let load = waiting.swap_remove(rng.pick(0..waiting.len() as u64) as usize);
                let asked = Asked { address: Address(0), affinity: None, session: None, turn };
                nodes[StickyCookie.pick(&asked, &pool).expect("all nodes are up")] += load;
            }
            nodes.into_iter().fold(0.0, f64::max) * n as f64
        })
        .collect();
    busiest.sort_by(f64::total_cmp);
    busiest[DRAWS / 2]
}

/// The busiest user has `p`, and their node has of all else what every node has.
#[must_use]
pub fn with_top_user(n: usize, quarters: u32) -> f64 {
    1.0 + (n - 1) as f64 * loads(quarters)[0]
}

/// Four nodes and ten, beside the formula.
fn plot() -> Plot {
    let points = |of: fn(usize, u32) -> f64, n| {
        let rounded = move |quarters| (1_000.0 * of(n, quarters)).round() / 1_000.0;
        QUARTERS.map(|quarters| (f64::from(quarters) / 4.0, rounded(quarters)))
    };
    Plot {
        title: "One busy user keeps one node busy".into(),
        x: "exponent s of Zipf's law".into(),
        y: "busiest node ÷ mean".into(),
        series: vec![
            counted("10 nodes", points(pinned, 10)),
            line("1 + 9p", points(with_top_user, 10)),
            counted("4 nodes", points(pinned, 4)),
            line("1 + 3p", points(with_top_user, 4)),
        ],
    }
}

/// A guess at ten nodes.
pub(super) fn dial() -> Dial {
    Dial {
        question: "5,000 users, and the n-th busiest clicks 1/n as often as the busiest, who makes one \
                   click of nine. Sticky cookies pin each of them to one of ten nodes. How much does the \
                   busiest node get, in parts of the mean?"
            .into(),
        range: (1.0, 5.0),
        unit: "times".into(),
        answer: (10.0 * pinned(10, 4)).round() / 10.0,
        formula: "1 + (n − 1)·p: the busiest user's share p, and of all else what every node has".into(),
        plot: plot(),
    }
}

//! How many pages need no question to the store, because the web node has a copy of the session.

use std::time::Duration;

use lab::chapter::Plot;
use lab::rng::Rng;

use super::scoreboard::FRESH as SHORT;
use super::{Experiment, SECOND, SEED, arrived, counted, each, line, people, user_at_home};
use crate::crowd::What;
use crate::shop::AnyNode;
use crate::step1_round_robin::RoundRobin;
use crate::step7_affinity_hint::Web;
use crate::types::Msg;
use crate::worlds::{STORE, balancer};

const PEOPLE: usize = 100;
/// For how long a copy is used, in seconds.
const FRESH: u64 = 30;
/// How long people look, in µs.
const TIME: u64 = 300 * SECOND;

/// The share of pages that are shown from a copy, when everybody looks so often in a hundred seconds, with
/// four web nodes; `sticky`: affinity is used as a hint.
#[must_use]
pub fn hit_ratio(looks_in_100_s: u64, sticky: bool) -> f64 {
    from_copies(looks_in_100_s, sticky, || {
        AnyNode::new(Web::new(STORE, Duration::from_secs(FRESH)))
    })
}

/// The same with affinity, where a copy is used for as long as in the scoreboard.
#[must_use]
pub fn short_hit_ratio(looks_in_100_s: u64) -> f64 {
    from_copies(looks_in_100_s, true, || AnyNode::new(Web::new(STORE, Duration::from_secs(SHORT))))
}

fn from_copies(looks_in_100_s: u64, sticky: bool, web: fn() -> AnyNode) -> f64 {
    let mut rng = Rng::new(SEED);
    let mut experiment = Experiment::new("step7", 4);
    experiment.nodes.web = web;
    if !sticky {
        experiment.nodes.balancer = |webs| balancer(RoundRobin, webs);
    }
    experiment.people = (0..PEOPLE).map(user_at_home).collect();
    experiment.clicks = each(PEOPLE, What::SignIn, 0..SECOND, &mut rng);
    let looks = looks_in_100_s * TIME / (100 * SECOND);
    for _ in 0..looks {
        experiment.clicks.extend(each(PEOPLE, What::Look, 2 * SECOND..TIME, &mut rng));
    }
    let run = experiment.run();
    let carts: u32 = people(&run).iter().map(|person| person.carts).sum();
    let asked = arrived(&run, STORE).filter(|msg| matches!(msg, Msg::Load { .. })).count();
    1.0 - asked as f64 / f64::from(carts)
}

/// With a hint, and without one, beside their formulas.
pub(super) fn plot() -> Plot {
    let rates = || [2, 5, 10, 20, 50].into_iter();
    let points =
        |sticky| rates().map(move |rate| (rate as f64 / 100.0, 100.0 * hit_ratio(rate, sticky)));
    let formula = |nodes: f64| {
        rates().map(move |rate| {
            let looks = rate as f64 / 100.0 * FRESH as f64 / nodes;
            (rate as f64 / 100.0, 100.0 * looks / (1.0 + looks))
        })
    };
    Plot {
        title: "Stickiness as a hint: most pages need no question to the store".into(),
        x: "looks per user and second".into(),
        y: "pages from a copy, %".into(),
        series: vec![
            counted("with a hint", points(true)),
            line("λτ/(1 + λτ)", formula(1.0)),
            counted("round robin", points(false)),
            line("λ/4 instead", formula(4.0)),
        ],
    }
}

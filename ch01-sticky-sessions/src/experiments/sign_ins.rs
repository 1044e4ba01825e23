//! How many pages are sign-in pages, and how many of them a crash or a rolling restart costs.

use lab::chapter::{Dial, Plot};
use lab::rng::Rng;
use lab::sim::Fault;

use super::{Experiment, MOST, SECOND, SEED, counted, each, line, people, user_at_home, webs};
use crate::crowd::What;

/// People who click.
const PEOPLE: usize = 500;
/// How often each of them looks, where that is all they do.
const LOOKS: u64 = 20;
/// In a rolling restart each node has so long, in µs: it is down for most of it.
const WINDOW: u64 = 4 * SECOND;
const DOWN: u64 = 3 * SECOND;

/// The share of pages that are sign-in pages, with so many web nodes and nothing wrong.
#[must_use]
pub fn forced(step: &str, webs: usize) -> f64 {
    let mut rng = Rng::new(SEED);
    let mut experiment = Experiment::new(step, webs);
    experiment.people = (0..PEOPLE).map(user_at_home).collect();
    experiment.clicks = each(PEOPLE, What::SignIn, 0..SECOND, &mut rng);
    for _ in 0..LOOKS {
        experiment.clicks.extend(each(PEOPLE, What::Look, 2 * SECOND..20 * SECOND, &mut rng));
    }
    let run = experiment.run();
    let forced: u32 = people(&run).iter().map(|person| person.forced).sum();
    f64::from(forced) / (PEOPLE as u64 * LOOKS) as f64
}

/// How often the average user is asked to sign in while so many web nodes are restarted one after the
/// other; everybody looks once while each of them is down.
#[must_use]
pub fn restarted(step: &str, n: usize) -> f64 {
    let mut rng = Rng::new(SEED);
    let mut experiment = Experiment::new(step, n);
    experiment.people = (0..PEOPLE).map(user_at_home).collect();
    experiment.clicks = each(PEOPLE, What::SignIn, 0..SECOND, &mut rng);
    for (node, begin) in webs(n).into_iter().zip((2 * SECOND..).step_by(WINDOW as usize)) {
        let crash = Fault::Crash { node, at: begin, back: Some(DOWN), wiped: false, forget: 0 };
        experiment.faults.push(crash);
        let while_down = begin + SECOND / 2..begin + DOWN - SECOND / 2;
        experiment.clicks.extend(each(PEOPLE, What::Look, while_down, &mut rng));
    }
    // And once more when all of them are back.
    let end = 2 * SECOND + n as u64 * WINDOW;
    experiment.clicks.extend(each(PEOPLE, What::Look, end..end + SECOND, &mut rng));
    let run = experiment.run();
    let forced: u32 = people(&run).iter().map(|person| person.forced).sum();
    f64::from(forced) / PEOPLE as f64
}

/// The share of the users who are asked to sign in after one of so many web nodes has crashed for good.
#[must_use]
pub fn crashed(step: &str, n: usize) -> f64 {
    let mut rng = Rng::new(SEED);
    let mut experiment = Experiment::new(step, n);
    experiment.people = (0..PEOPLE).map(user_at_home).collect();
    experiment.clicks = each(PEOPLE, What::SignIn, 0..SECOND, &mut rng);
    let crash = Fault::Crash { node: webs(n)[0], at: WINDOW, back: None, wiped: false, forget: 0 };
    experiment.faults.push(crash);
    let noticed = WINDOW + SECOND;
    experiment.clicks.extend(each(PEOPLE, What::Look, noticed..noticed + SECOND, &mut rng));
    let run = experiment.run();
    let signed_out = people(&run).iter().filter(|person| person.forced > 0).count();
    signed_out as f64 / PEOPLE as f64
}

// ANCHOR: formula
/// With sticky cookies. While one of `n` nodes is down, its sessions begin anew on the others; so a node
/// has `1/n` of them when the restarts begin, and each restart multiplies what the nodes still to come have
/// by `n/(n − 1)`. The sum over all nodes is what the average user loses.
#[must_use]
pub fn formula(n: usize) -> f64 {
    let growth = n as f64 / (n - 1) as f64;
    (growth.powi(n as i32) - 1.0) / growth
}
// ANCHOR_END: formula

/// Round robin beside its formula.
pub(super) fn pages() -> Plot {
    let counts = || [2, 3, 4, 6, 8, MOST].into_iter();
    Plot {
        title: "With round robin, n − 1 of n pages are sign-in pages".into(),
        x: "web nodes".into(),
        y: "pages that are sign-in pages, %".into(),
        series: vec![
            counted("simulated", counts().map(|n| (n as f64, 100.0 * forced("step1", n)))),
            line("(n − 1)/n", counts().map(|n| (n as f64, 100.0 * (n - 1) as f64 / n as f64))),
        ],
    }
}

/// A crash with sessions in memory beside its formula, and with a store.
pub(super) fn crashes() -> Plot {
    let counts = || [2, 3, 4, 6, 8, MOST].into_iter();
    let of = |step: &'static str| counts().map(move |n| (n as f64, 100.0 * crashed(step, n)));
    Plot {
        title: "A crash signs out the users of one node".into(),
        x: "web nodes".into(),
        y: "users signed out, %".into(),
        series: vec![
            counted("sticky cookie", of("step3")),
            line("1/n", counts().map(|n| (n as f64, 100.0 / n as f64))),
            counted("hint, store", of("step7")),
        ],
    }
}

/// Three ways to find the node of a session, and the formula of one.
fn restarts() -> Plot {
    let counts = || [2, 3, 4, 5, 6, 8, MOST].into_iter();
    let of = |step: &'static str| counts().map(move |n| (n as f64, restarted(step, n)));
    Plot {
        title: "A rolling restart signs the average user out more than once".into(),
        x: "web nodes".into(),
        y: "sign-ins per user".into(),
        series: vec![
            counted("sticky cookie", of("step3")),
            line("formula", counts().map(|n| (n as f64, formula(n)))),
            counted("hint, store", of("step7")),
        ],
    }
}

/// A guess at four nodes.
pub(super) fn dial() -> Dial {
    Dial {
        question: "Four servers with sticky cookies are restarted, one after the other. Everybody clicks \
                   at least once during each restart. How often is the average user asked to sign in?"
            .into(),
        range: (0.0, 4.0),
        unit: "times".into(),
        answer: (100.0 * formula(4)).round() / 100.0,
        formula: "((n/(n − 1))ⁿ − 1) · (n − 1)/n".into(),
        plot: restarts(),
    }
}

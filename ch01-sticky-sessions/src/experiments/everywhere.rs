//! How long another browser of a user stays signed in after the user has signed out everywhere.
//!
//! 50 users have two browsers each. The second one looks twice a second; in the first one the user signs out
//! everywhere, once. Who is shown the sign-in page signs in anew, and goes on.

use std::time::Duration;

use lab::chapter::Table;
use lab::rng::Rng;

use super::{Experiment, SECOND, SEED, arrived, crowd, each, people, user_at_home};
use crate::crowd::{Click, What, whose};
use crate::guarantees::{Deed, judge};
use crate::shop::AnyNode;
use crate::step7_affinity_hint::Web;
use crate::types::Msg;
use crate::worlds::STORE;

const USERS: usize = 50;
/// Between two looks of a browser, in µs.
const LOOKS: u64 = SECOND / 2;

/// What a sign-out from everywhere comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Everywhere {
    /// The longest time after it for which another browser was still shown the cart, in µs; `None`: to the end.
    pub lag: Option<u64>,
    /// Sign-in pages in another browser: one for each user, if its new session is left alone.
    pub sign_ins: u32,
    /// How often the store was asked for a session by a look, per hundred looks.
    pub store: u64,
}

fn web(fresh: u64) -> AnyNode {
    AnyNode::new(Web::new(STORE, Duration::from_secs(fresh)))
}

/// A web node of step 7 that uses a copy for so many seconds.
const COPIES: [(u64, fn() -> AnyNode); 4] =
    [(0, || web(0)), (1, || web(1)), (5, || web(5)), (30, || web(30))];

/// With a design that has no copies, or whose copies are not used.
#[must_use]
pub fn everywhere(step: &str) -> Everywhere {
    run(Experiment::new(step, 4), 0)
}

/// With step 7, by the seconds for which a copy is used.
#[must_use]
pub fn by_copies() -> [(u64, Everywhere); 4] {
    COPIES.map(|(fresh, web)| {
        let mut experiment = Experiment::new("step7", 4);
        experiment.nodes.web = web;
        (fresh, run(experiment, fresh))
    })
}

/// People stand in pairs: the two browsers of a user.
fn run(mut experiment: Experiment, fresh: u64) -> Everywhere {
    let mut rng = Rng::new(SEED);
    let name = |who: usize| format!("user-{}", who / 2);
    experiment.people = (0..2 * USERS).map(|who| user_at_home(who).called(&name(who))).collect();
    experiment.clicks = each(2 * USERS, What::SignIn, 0..SECOND, &mut rng);
    // As long as a copy is good, it may be of any age.
    let (begin, spread) = (2 * SECOND, (fresh + 1) * SECOND);
    let end = begin + 2 * spread + SECOND;
    for who in (0..2 * USERS).step_by(2) {
        let at = begin + rng.pick(0..spread);
        experiment.clicks.push(Click { at, who, what: What::SignOutEverywhere });
        for from in (begin..end).step_by(LOOKS as usize) {
            let at = from + rng.pick(0..LOOKS);
            experiment.clicks.push(Click { at, who: who + 1, what: What::Look });
        }
    }
    let run = experiment.run();
    let visits = crowd(&run).visits();
    let lag = judge(visits).expect("nobody buys anything").lag();
    let sign_ins = people(&run).iter().skip(1).step_by(2).map(|person| person.forced).sum();
    let pages = visits.iter().filter(|visit| visit.deed == Deed::Look).count();
    // The first browsers ask, too, to sign out.
    let is_of_look = |msg: &&Msg| matches!(msg, Msg::Load { id, .. } if whose(*id) % 2 == 1);
    let store = arrived(&run, STORE).filter(is_of_look).count();
    let store = ((100 * store + pages / 2) / pages) as u64;
    Everywhere { lag: (sign_ins > 0).then_some(lag), sign_ins, store }
}

/// All designs that keep a session somewhere for good, beside step 7.
pub(super) fn table() -> Table {
    let row = |design: String, found: Everywhere| {
        let hundredths = |n: u64| format!("{}.{:02}", n / 100, n % 100);
        let lag = found.lag.map(|lag| format!("{} s", hundredths(lag / 10_000)));
        vec![design, lag.unwrap_or_else(|| "for ever".into()), hundredths(found.store)]
    };
    let others = [("step5", "5 Shared store"), ("step6", "6 Sealed cookie")];
    let others = others.map(|(step, name)| row(name.into(), everywhere(step)));
    let copies = by_copies()
        .map(|(fresh, found)| row(format!("7 Affinity as a hint, τ = {fresh} s"), found));
    let columns = ["design", "another browser signed in for", "questions to the store per page"];
    Table {
        columns: columns.map(Into::into).to_vec(),
        rows: others.into_iter().chain(copies).collect(),
    }
}

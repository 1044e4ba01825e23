//! Two requests of one user, so far apart: how often the race ends badly, over many seeds.
//!
//! Half of the users put two things into the cart, and look. The others put something into it and sign out;
//! later, a thief uses a copy of their cookies.

use std::collections::BTreeSet;
use std::ops::Range;

use lab::chapter::Table;
use lab::rng::Rng;

use super::outcome::{BACK, person};
use super::{Experiment, SECOND, crowd, each, scoreboard, user_at_home};
use crate::crowd::{Click, What};
use crate::designs;
use crate::guarantees::judge;

const SEEDS: u64 = 50;
/// In each run, these put two things into the cart.
const ADDING: Range<usize> = 0..20;
/// And these put one thing into it, and sign out.
const LEAVING: Range<usize> = 20..40;
/// How far apart the two requests are sent, in ms. A question to a store takes 1 ms, there and back.
const APART: [u64; 4] = [0, 1, 2, 4];
/// Between the beginnings of two races, in µs.
const NEXT: u64 = SECOND / 20;

/// How the races of a design ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Races {
    /// Of each kind.
    pub run: usize,
    /// Two things were added, both were acknowledged, and one is missing.
    pub lost_updates: usize,
    /// The session can be used, long after it was signed out.
    pub sessions_back: usize,
}

/// Races of two requests that are sent so many ms apart.
#[must_use]
pub fn races(step: &str, apart: u64) -> Races {
    let mut all = Races::default();
    for seed in 1..=SEEDS {
        let one = raced(step, apart, seed);
        all.run += one.run;
        all.lost_updates += one.lost_updates;
        all.sessions_back += one.sessions_back;
    }
    all
}

fn raced(step: &str, apart: u64, seed: u64) -> Races {
    let mut rng = Rng::new(seed);
    let mut experiment = Experiment::new(step, 4);
    scoreboard::as_in_the_shop(step, &mut experiment);
    experiment.people = (ADDING.start..LEAVING.end).map(user_at_home).collect();
    experiment.clicks = each(LEAVING.end, What::SignIn, 0..SECOND, &mut rng);
    for (who, at) in (ADDING.start..LEAVING.end).zip((2 * SECOND..).step_by(NEXT as usize)) {
        let click = |at, what| Click { at, who, what };
        let then = at + 1_000 * apart;
        let clicks = &mut experiment.clicks;
        clicks.push(click(at, What::Add));
        if ADDING.contains(&who) {
            clicks.extend([click(then, What::Add), click(at + SECOND, What::Look)]);
        } else {
            clicks.extend([click(at - SECOND / 2, What::Copy), click(then, What::SignOut)]);
            clicks.push(click(then + BACK + SECOND / 2, What::Replay));
        }
    }
    let run = experiment.run_with(seed);
    let visits = crowd(&run).visits();
    let findings = judge(visits).expect("nobody buys so much");
    let of = |at: usize| person(&visits[at]);
    let lost: BTreeSet<usize> = findings.unread.iter().map(|item| of(item.at)).collect();
    let late = findings.revoked.iter().filter(|late| late.what >= BACK);
    let back: BTreeSet<usize> = late.map(|late| of(late.at)).collect();
    Races {
        run: ADDING.len(),
        lost_updates: lost.intersection(&ADDING.collect()).count(),
        sessions_back: back.intersection(&LEAVING.collect()).count(),
    }
}

/// The designs that keep a session for all web nodes, by how far apart the requests are.
pub(super) fn table() -> Table {
    let heads = |what: &str| APART.map(|apart| format!("{what}, {apart} ms apart"));
    let percent = |part: usize, all: usize| format!("{} %", (100 * part + all / 2) / all);
    let row = |step: &str| {
        let found = APART.map(|apart| races(step, apart));
        let lost = found.map(|races| percent(races.lost_updates, races.run));
        let back = found.map(|races| percent(races.sessions_back, races.run));
        [vec![designs::row(step).short_title()], lost.into(), back.into()].concat()
    };
    let columns =
        [vec!["design".into()], heads("update lost").into(), heads("session back").into()];
    Table { columns: columns.concat(), rows: ["step5", "step6", "step7"].map(row).into() }
}

//! How long a node that joins stays idle, if users are pinned to nodes.
//!
//! 1,000 sessions are open at any time; each second every one of them ends with a chance of 1 in 100, and
//! 10 new ones begin. After ten seconds a fifth node joins four.

use lab::chapter::Plot;
use lab::rng::Rng;
use lab::world::Transition;

use super::{Experiment, SECOND, SEED, counted, line, user_at_home, webs};
use crate::crowd::{Click, What};
use crate::policy::{Fewest, Sticky};
use crate::step1_round_robin::RoundRobin;
use crate::types::Msg;
use crate::worlds::balancer;

const SESSIONS: usize = 1_000;
/// How long a session lasts on average, in seconds.
const LIFE: u64 = 100;
/// When the node joins, in seconds.
const JOINS: u64 = 10;
/// When its sessions are counted: after so many hundredths of a session's life.
const TIMES: [u64; 8] = [5, 10, 20, 35, 50, 100, 150, 200];

/// Who gets newcomers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Newcomers {
    /// Each node in turn.
    RoundRobin,
    /// The node with the fewest sessions.
    Fewest,
}

/// The sessions of the new node after so many hundredths of a session's life, in parts of its fair share.
#[must_use]
pub fn shares(newcomers: Newcomers) -> Vec<(u64, f64)> {
    let mut rng = Rng::new(SEED);
    let mut experiment = Experiment::new("step3", 4);
    experiment.nodes.balancer = match newcomers {
        Newcomers::RoundRobin => |webs| balancer(Sticky { newcomers: RoundRobin }, webs),
        Newcomers::Fewest => |webs| balancer(Sticky { newcomers: Fewest }, webs),
    };
    experiment.pool = Some((JOINS * SECOND, 5));
    let last = (JOINS + TIMES[TIMES.len() - 1] * LIFE / 100 + 1) * SECOND;
    let at_first = (0..SESSIONS).map(|_| 0);
    let a_second = SESSIONS as u64 / LIFE;
    let later =
        (SECOND..last).step_by(SECOND as usize).flat_map(|at| (0..a_second).map(move |_| at));
    for (who, second) in at_first.chain(later).enumerate() {
        let at = second + rng.pick(0..SECOND);
        experiment.people.push(user_at_home(who));
        experiment.clicks.push(Click { at, who, what: What::SignIn });
        let mut ends = at + SECOND;
        while !rng.chance(1_000_000 / LIFE as u32) {
            ends += SECOND;
        }
        if ends < last {
            experiment.clicks.push(Click { at: ends, who, what: What::SignOut });
        }
    }
    let run = experiment.run();
    let told = |at: u64| {
        let latest = |web| {
            let until = run.actions.iter().take_while(|timed| timed.time <= at);
            let sessions = until.filter_map(|timed| match &timed.action.transition {
                Transition::Deliver { envelope, .. } if envelope.from == web => {
                    if let Msg::Healthy { sessions } = envelope.msg {
                        Some(sessions)
                    } else {
                        None
                    }
                }
                _ => None,
            });
            sessions.last().unwrap_or(0)
        };
        let sessions: Vec<u64> = webs(5).into_iter().map(latest).collect();
        sessions[4] as f64 * 5.0 / sessions.iter().sum::<u64>() as f64
    };
    TIMES.map(|time| (time, told((JOINS + time * LIFE / 100) * SECOND))).to_vec()
}

/// Of all sessions, those that began since: of them the new node has one of five, or all, until it has its share.
#[must_use]
pub fn expected(newcomers: Newcomers, hundredths: u64) -> f64 {
    let young = 1.0 - (-(hundredths as f64) / 100.0).exp();
    match newcomers {
        Newcomers::RoundRobin => young,
        Newcomers::Fewest => (5.0 * young).min(1.0),
    }
}

/// Both, beside their formulas.
pub(super) fn plot() -> Plot {
    let rounded = |share: f64| (1_000.0 * share).round() / 10.0;
    let points = |newcomers| {
        shares(newcomers)
            .into_iter()
            .map(move |(time, share)| (time as f64 / 100.0, rounded(share)))
    };
    let formula =
        |newcomers| TIMES.map(|time| (time as f64 / 100.0, rounded(expected(newcomers, time))));
    Plot {
        title: "A node that joins: nobody who has a cookie goes there".into(),
        x: "time since it joined, in lives of a session".into(),
        y: "sessions of the new node, % of its share".into(),
        series: vec![
            counted("round robin", points(Newcomers::RoundRobin)),
            line("1 − e^(−t/L)", formula(Newcomers::RoundRobin)),
            counted("fewest sessions", points(Newcomers::Fewest)),
            line("5 times that", formula(Newcomers::Fewest)),
        ],
    }
}

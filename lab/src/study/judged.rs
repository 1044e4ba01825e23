//! What becomes of a design under one fault.

use super::{Check, Design, How, Study};
use crate::Protocol;
use crate::chapter::{Cell, Checked, Verdict};
use crate::event::Log;
use crate::explore::{Edge, Limits, Model, explore, log_of};
use crate::rng::Rng;
use crate::sim::{self, simulate};
use crate::world::{Ghost, World};

/// What may lead from a state to the goal: the system at work, and processes that come back.
pub(super) const REPAIRED: [Edge; 2] = [Edge::Work, Edge::Restart];

/// A verdict, its reason, and a run that shows it.
struct Judged {
    verdict: Verdict,
    why: String,
    shown: Option<Log>,
}

impl<P: Protocol, G: Ghost> Study<P, G> {
    pub(super) fn judged(&self, design: &Design<P, G>, check: &Check<P, G>) -> Checked {
        let title = self.title(design, &format!(" under {}", check.fault));
        let judged = match &check.how {
            How::Explore(searches) => explored(&check.world, searches, &title),
            How::Simulate(seeds) | How::Run(seeds) => {
                let mut stuck = false;
                let broken = seeds.clone().find_map(|seed| {
                    let schedule = check.schedule(&design.target, &mut Rng::new(seed));
                    let run = sim::run(&check.world, &schedule, seed);
                    stuck |= !run.settled && run.broken.is_none();
                    let why = run.broken?.property.to_owned();
                    let recorder = simulate(&check.world, &schedule, seed, &title).1;
                    let shown = Some(recorder.into_log());
                    Some(Judged { verdict: Verdict::Unsafe, why, shown })
                });
                let verdict = if stuck { Verdict::Stuck } else { Verdict::Ok };
                broken.unwrap_or(Judged { verdict, why: String::new(), shown: None })
            }
        };
        let command = self.command(design, check);
        let as_expected = (judged.verdict, judged.why.as_str()) == check.expected;
        let cell = Cell { verdict: judged.verdict, why: judged.why, command };
        Checked { cell, as_expected, shown: judged.shown }
    }

    /// The command that shows a cell.
    pub(super) fn command(&self, design: &Design<P, G>, check: &Check<P, G>) -> String {
        let verb = match check.how {
            How::Explore(_) => "explore",
            How::Simulate(_) | How::Run(_) => "find",
        };
        let word = check.fault.strip_prefix("a ").unwrap_or(check.fault);
        let word = if word.contains(' ') { format!("\"{word}\"") } else { word.to_owned() };
        let seeds = match &check.how {
            How::Simulate(seeds) => format!(" --seeds {}", seeds.end),
            How::Explore(_) | How::Run(_) => String::new(),
        };
        format!("cargo guide {verb} {}/{} --fault {word}{seeds}", self.chapter, design.info.id)
    }
}

/// What a world comes to within each of these limits: the first verdict that is not *ok*.
fn explored<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    searches: &[Limits],
    title: &str,
) -> Judged {
    let mut all = searches.iter().map(|limits| judge(model, limits, title));
    let worst = all.find(|judged| judged.verdict != Verdict::Ok);
    worst.unwrap_or(Judged { verdict: Verdict::Ok, why: String::new(), shown: None })
}

/// What one search comes to.
fn judge<P: Protocol, G: Ghost>(model: &Model<P, G>, limits: &Limits, title: &str) -> Judged {
    let report = explore(model, &limits.with_edges());
    if let Some(violation) = report.violation {
        let shown = Some(log_of(model, limits, &violation.path, title).0);
        return Judged { verdict: Verdict::Unsafe, why: violation.broken.property.into(), shown };
    }
    let undecided = |why| Judged { verdict: Verdict::Undecided, why, shown: None };
    if report.gave_up {
        return undecided("too many states".into());
    }
    if let Some(state) = report.graph.stuck(&REPAIRED).first() {
        let (mut log, world) = log_of(model, limits, &report.graph.path(*state), title);
        let why = waits_for(&world);
        log.header.verdict = Some(format!("stuck: {why}"));
        return Judged { verdict: Verdict::Stuck, why, shown: Some(log) };
    }
    if !report.never.is_empty() {
        return undecided(format!("never reached: {}", report.never.join(", ")));
    }
    Judged { verdict: Verdict::Ok, why: String::new(), shown: None }
}

/// The processes that are down while the others wait.
pub(super) fn waits_for<P: Protocol, G: Ghost>(world: &World<P, G>) -> String {
    let roles = world.topology().roles.iter();
    let down = roles.filter(|role| !world.is_up(role.id)).map(|role| role.name);
    let down: Vec<&str> = down.collect();
    if down.is_empty() { "waits for ever".into() } else { format!("waits for {}", down.join(", ")) }
}

/// The verdict on a world within these limits, for an exercise that asks for it.
#[must_use]
pub fn verdict<P: Protocol, G: Ghost>(model: &Model<P, G>, limits: &Limits) -> Verdict {
    judge(model, limits, "").verdict
}

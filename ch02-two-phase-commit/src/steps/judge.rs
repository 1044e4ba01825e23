//! What becomes of a design under one fault.

use std::ops::Range;

use lab::chapter::{Cell, Verdict};
use lab::explore::{Edge, Limits, Model, explore, log_of};
use lab::rng::Rng;
use lab::sim::simulate;

use super::{ISOLATED, Step, waits_for};
use crate::faults;
use crate::invariants::Ledger;
use crate::shop::Shop;
use crate::worlds::Scope;

/// Runs per cell of the matrix that is judged by simulation.
const SEEDS: Range<u64> = 0..200;

/// What an exploration comes to.
struct Judged {
    verdict: Verdict,
    why: String,
}

impl Step {
    /// What becomes of it under one fault.
    #[must_use]
    pub fn judge(&self, fault: &str) -> Cell {
        let (one, two) = (self.model(Scope::ONE_ORDER), self.model(Scope::TWO_ORDERS));
        let some = if self.wide { &one } else { &two };
        let working = &[Edge::Work][..];
        let repaired = &[Edge::Work, Edge::Restart][..];
        let id = self.info.id;
        let (judged, options) = match fault {
            "no fault" => {
                let limits = Limits::progress(0, 0, 0);
                (judge_explored(&two, &limits, working), "--crashes 0 --losses 0")
            }
            "crash" => {
                let limits = Limits { restarts: false, ..Limits::progress(1, 0, 0) };
                (judge_explored(&one, &limits, working), "--crashes 1 --losses 0")
            }
            "restart" if self.wide => {
                let judged = self.judge_simulated("restart");
                let command = format!("cargo guide find ch02/{id} --fault restart");
                return Cell { verdict: judged.verdict, why: judged.why, command };
            }
            "restart" => {
                let safety = judge_explored(&one, &self.safety(1), repaired);
                let unsafe_ = safety.verdict == Verdict::Unsafe;
                let limits = Limits::progress(1, 0, 0);
                let judged = if unsafe_ { safety } else { judge_explored(&one, &limits, repaired) };
                (judged, "--crashes 1 --losses 0")
            }
            "loss" => {
                let limits = Limits::progress(0, 1, 0);
                (judge_explored(some, &limits, working), "--crashes 0 --losses 1")
            }
            "duplicate" => {
                let limits = Limits::progress(0, 0, 1);
                let options = "--crashes 0 --losses 0 --duplicates 1";
                (judge_explored(some, &limits, working), options)
            }
            "a reader" => {
                let model = self.model_with(Scope::ONE_ORDER.with(self.look), ISOLATED);
                let judged = judge_explored(&model, &Limits::progress(0, 0, 0), working);
                let command = format!("cargo guide find ch02/{id} --fault reader");
                return Cell { verdict: judged.verdict, why: judged.why, command };
            }
            timed => {
                let judged = self.judge_simulated(timed);
                let command = format!("cargo guide find ch02/{id} --fault \"{timed}\"");
                return Cell { verdict: judged.verdict, why: judged.why, command };
            }
        };
        let command = format!("cargo guide explore ch02/{id} {options}");
        Cell { verdict: judged.verdict, why: judged.why, command }
    }

    fn judge_simulated(&self, fault: &str) -> Judged {
        let (model, servers) = (self.model(Scope::TWO_ORDERS), self.servers());
        let mut stuck = false;
        for seed in SEEDS {
            let schedule =
                faults::schedule(fault, &mut Rng::new(seed), &servers).expect("a fault word");
            let (run, _) = simulate(&model, &schedule, seed, "");
            if let Some(broken) = run.broken {
                return Judged { verdict: Verdict::Unsafe, why: broken.property.into() };
            }
            stuck |= !run.settled;
        }
        let verdict = if stuck { Verdict::Stuck } else { Verdict::Ok };
        Judged { verdict, why: String::new() }
    }
}

fn judge_explored(model: &Model<Shop, Ledger>, limits: &Limits, allowed: &[Edge]) -> Judged {
    let report = explore(model, limits);
    if let Some(violation) = report.violation {
        return Judged { verdict: Verdict::Unsafe, why: violation.broken.property.into() };
    }
    if report.gave_up {
        return Judged { verdict: Verdict::Undecided, why: "too many states".into() };
    }
    let stuck = report.graph.stuck(allowed);
    let Some(first) = stuck.first() else {
        return Judged { verdict: Verdict::Ok, why: report.never.join(", ") };
    };
    let (_, world) = log_of(model, limits, &report.graph.path(*first), "");
    Judged { verdict: Verdict::Stuck, why: waits_for(&world) }
}

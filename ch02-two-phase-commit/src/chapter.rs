//! The chapter as the guide sees it.

use std::ops::Range;

use lab::chapter::{Bounds, Chapter, Explored, Found, Matrix, Points, StepInfo};
use lab::event::Log;
use serde_json::Value;

use crate::{book, faults, steps, system, verdicts};

struct TwoPhaseCommit;

/// This chapter.
#[must_use]
pub fn chapter() -> &'static dyn Chapter {
    &TwoPhaseCommit
}

impl Chapter for TwoPhaseCommit {
    fn id(&self) -> &'static str {
        "ch02"
    }

    fn question(&self) -> &'static str {
        "Who may say it is done?"
    }

    fn folder(&self) -> &'static str {
        "ch02-two-phase-commit"
    }

    fn steps(&self) -> Vec<StepInfo> {
        steps::all().iter().map(|step| step.info().clone()).collect()
    }

    fn run(&self, step: &str, seed: u64) -> Option<Log> {
        Some(steps::step(step)?.run(seed))
    }

    fn script(&self, step: &str, script: &str) -> Option<Result<String, String>> {
        Some(steps::step(step)?.golden(script))
    }

    fn find(&self, step: &str, seeds: Range<u64>) -> Option<Found> {
        steps::step(step)?.find(None, seeds)
    }

    fn faults(&self) -> Vec<&'static str> {
        faults::TIMED.into_iter().chain(["restart", "reader"]).collect()
    }

    fn find_under(&self, step: &str, fault: &str, seeds: Range<u64>) -> Option<Found> {
        steps::step(step)?.find(Some(fault), seeds)
    }

    fn explore(&self, step: &str, bounds: &Bounds) -> Option<Explored> {
        Some(steps::step(step)?.explore(bounds))
    }

    fn points(&self, step: &str) -> Option<Points> {
        Some(steps::step(step)?.points())
    }

    fn matrix(&self) -> Matrix {
        verdicts::matrix()
    }

    fn figures(&self) -> Vec<(&'static str, Log)> {
        book::figures()
    }

    fn numbers(&self) -> Vec<(String, String)> {
        book::numbers()
    }

    fn exhibit(&self, step: &str, request: &Value) -> Option<Value> {
        Some(steps::step(step)?.exhibit(request))
    }

    fn replay(&self, log: &Log) -> Result<Log, String> {
        system::replay(log)
    }
}

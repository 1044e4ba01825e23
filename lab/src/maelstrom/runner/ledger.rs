//! What the clients of a run have seen so far, and whether it goes on.
//!
//! # Left out
//!
//! A file: the history is kept in memory until the run is over.

#![expect(clippy::disallowed_methods, reason = "a driver is where the real clock is read")]

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{RunError, Totals};

/// Shared by all clients, the router and the run.
pub(super) struct Ledger {
    began: Instant,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: String,
    totals: Totals,
    last_value: u64,
    is_fault: bool,
    is_over: bool,
    failure: Option<RunError>,
}

/// How a request ended.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Done; a read has a value.
    Ok(Option<Value>),
    /// Not done, because the key has another value or none.
    Mismatch,
    /// Not done, for another reason.
    Fail(String),
    /// Perhaps done.
    Info(String),
}

/// Which request of which process.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) process: usize,
    pub(super) f: &'a str,
    pub(super) key: u64,
    pub(super) value: &'a Value,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with this lock held")
    }

    /// A value that no other write has.
    pub(super) fn new_value(&self) -> u64 {
        let mut state = self.state();
        state.last_value += 1;
        state.last_value
    }

    pub(super) fn ask(&self, question: Question) {
        self.write(question, "invoke", question.value, None, |_| ());
    }

    pub(super) fn answer(&self, question: Question, end: &End) {
        let (kind, value, error) = match end {
            End::Ok(value) => ("ok", value.as_ref().unwrap_or(question.value), None),
            End::Mismatch => ("fail", question.value, None),
            End::Fail(why) => ("fail", question.value, Some(why)),
            End::Info(why) => ("info", question.value, Some(why)),
        };
        self.write(question, kind, value, error, |state| {
            let totals = &mut state.totals;
            match end {
                End::Ok(_) => totals.ok += 1,
                End::Mismatch | End::Fail(_) => totals.fail += 1,
                End::Info(_) => totals.info += 1,
            }
            if matches!(end, End::Ok(_) | End::Mismatch) {
                totals.answered += 1;
                totals.answered_in_fault += usize::from(state.is_fault);
            }
        });
    }

    /// One line, at the time at which it is the last one.
    fn write(
        &self,
        question: Question,
        kind: &str,
        value: &Value,
        error: Option<&String>,
        count: impl FnOnce(&mut State),
    ) {
        let Question { process, f, key, .. } = question;
        let mut state = self.state();
        let time = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut line =
            json!({ "process": process, "type": kind, "f": f, "key": key, "time": time });
        line["value"] = value.clone();
        if let Some(error) = error {
            line["error"] = error.as_str().into();
        }
        state.lines += &line.to_string();
        state.lines.push('\n');
        count(&mut state);
        self.changed.notify_all();
    }

    pub(super) fn answered(&self) -> usize {
        self.state().totals.answered
    }

    pub(super) fn set_fault(&self, is_fault: bool) {
        self.state().is_fault = is_fault;
    }

    /// The run fails; what comes after its end, or after another failure, is a consequence.
    pub(super) fn fail(&self, why: RunError) {
        let mut state = self.state();
        if !state.is_over {
            state.failure.get_or_insert(why);
        }
        self.changed.notify_all();
    }

    /// No client asks anything more.
    pub(super) fn end(&self) {
        self.state().is_over = true;
        self.changed.notify_all();
    }

    /// Waits for so many answers. False: the time was over first.
    pub(super) fn wait(&self, answered: usize, until: Instant) -> Result<bool, RunError> {
        let left = until.saturating_duration_since(Instant::now());
        let go_on = |state: &mut State| state.failure.is_none() && state.totals.answered < answered;
        let waited = self.changed.wait_timeout_while(self.state(), left, go_on);
        let (mut state, timeout) = waited.expect("no thread panics with this lock held");
        match state.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(!timeout.timed_out()),
        }
    }

    /// Lets a client pause. False: the run is over.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), time, |state| !state.is_over);
        !waited.expect("no thread panics with this lock held").0.is_over
    }

    /// The history, as text, and its totals.
    pub(super) fn close(self) -> Result<(String, Totals), RunError> {
        let state = self.state.into_inner().expect("no thread panics with this lock held");
        match state.failure {
            Some(failure) => Err(failure),
            None => Ok((state.lines, state.totals)),
        }
    }
}

//! Linearizability: every operation looks as if it was done in one instant between its question and
//! its answer.
//!
//! One client is told that the new value is written. Then another client asks, and is told the old
//! one. No instant explains both answers, so this is no *linearizable* register (Herlihy and Wing,
//! 1990), whatever it does inside. The checker looks for an order of the operations that explains
//! every answer, one key at a time: a history is linearizable if and only if each key's part of it
//! is.
//!
//! | model | asks |
//! |---|---|
//! | `register` | `read`; `write` with a value; `cas` with `[from, to]`, which answers `fail` if it saw another value than `from` |
//! | `kv` | `get`; `put` with a value; `delete` |
//!
//! A key that was never written reads as `null`, or as the initial value. An operation whose end is
//! unknown may be done at any later moment, or never. A `fail` says that nothing was done; that of a
//! `cas` is an answer about the value as well, unless it gives another reason, its `error`.
//!
//! Keys may also be the first half of every value, as in Jepsen's independent tests:
//! `"value":["k2",null]`.
//!
//! # Left out
//!
//! Models beyond a value for each key; a queue or a set needs another state, not another search.
//! Repeated questions: if a client asks again, its question began when it first asked.

mod budget;
mod calls;
mod independent;
mod search;
mod window;

use serde_json::Value;

pub use self::budget::{Budget, MOST_STATES};
use self::calls::{Key, Keys, understand};
use self::search::{Call, Found, search};
use self::window::{Part, unwritten};
use super::history::Ties;
use super::{BadHistory, Entry, History, Judged, Verdict};

/// The key of lines that have none.
const NAMELESS: &str = "null";

/// Each key is searched for so many states before any is searched for more: the easy ones come first.
const FIRST_ROUND: usize = 20_000;

/// So many states are searched in all for a smaller part that shows a violation.
const SMALLER: usize = 2_000_000;

/// What the keys are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Model {
    /// Each can be read, written, and compared and set.
    Register,
    /// Each can be put, got and deleted.
    Kv,
}

/// What a history is held against.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// What may be asked.
    pub model: Model,
    /// What every key reads as before it is written.
    pub initial: Value,
}

impl From<Model> for Rules {
    fn from(model: Model) -> Self {
        Self { model, initial: Value::Null }
    }
}

/// Judges a history. Where the budget ends first, the keys that are left are undecided.
///
/// # Errors
/// The history does not pair up, or asks what the model does not know.
pub fn check(history: &History, rules: &Rules, budget: &mut Budget) -> Result<Judged, BadHistory> {
    let Keys { keys, initial, counts } = understand(history, rules)?;
    let mut verdicts = Verdicts {
        history,
        order: (0..history.entries.len()).collect(),
        ties: history.ties(),
        initial,
        smaller: Budget::states(SMALLER),
        violation: None,
        tied: Vec::new(),
    };
    let mut open: Vec<(&String, &Key)> = keys.iter().collect();
    let mut most = FIRST_ROUND;
    loop {
        open.retain(|(name, key)| verdicts.add(name, key, most, budget));
        if open.is_empty() || budget.is_spent() || verdicts.violation.is_some() {
            break;
        }
        most = most.saturating_mul(4);
    }
    let mut undecided = Vec::new();
    if !open.is_empty() {
        let names: Vec<&str> = open.iter().map(|(name, _)| name.as_str()).collect();
        undecided.push(format!("{}, not decided: {}", budget.end(), keys_of(&names)));
    }
    if !verdicts.tied.is_empty() {
        undecided.push(format!("{}: {}", super::TIES, keys_of(&verdicts.tied)));
    }
    if keys.values().flat_map(|key| &key.calls).all(|call| call.answered.is_none()) {
        undecided.push("no operation was answered".into());
    }
    let verdict = match verdicts.violation {
        Some((why, window)) => {
            Verdict::Violation { why: [vec![why], undecided].concat().join("\n"), window }
        }
        None if undecided.is_empty() => Verdict::Ok,
        None => Verdict::Undecided { why: undecided.join("\n") },
    };
    Ok(Judged { verdict, counts })
}

fn keys_of(names: &[&str]) -> String {
    let plural = if names.len() == 1 { "key" } else { "keys" };
    if names == [NAMELESS] {
        "the only key".into()
    } else {
        format!("{plural} {}", names.join(", "))
    }
}

/// What was found so far.
struct Verdicts<'a> {
    history: &'a History,
    /// The places of the entries: as they stand.
    order: Vec<usize>,
    /// Where equal times are concurrent, if they stand otherwise.
    ties: Option<Ties>,
    initial: u32,
    /// For the search for a smaller part.
    smaller: Budget<'a>,
    /// The one with the fewest entries.
    violation: Option<(String, Vec<Entry>)>,
    /// Keys whose verdict rests on the order of entries with equal times.
    tied: Vec<&'a str>,
}

impl<'a> Verdicts<'a> {
    /// Searches a key. True if it is still open.
    fn add(&mut self, name: &'a str, key: &'a Key, most: usize, budget: &mut Budget) -> bool {
        let mut search = |calls: &[Call]| match unwritten(calls, self.initial) {
            Some(end) => Found::Impossible(end),
            None => search(calls, Some(self.initial), most, budget),
        };
        let mut found = search(&key.calls);
        let (mut calls, mut order) = (&key.calls, &self.order);
        let moved: Vec<Call>;
        if let (Found::Impossible(_), Some(ties)) = (found, &self.ties) {
            moved = key.calls.iter().map(|call| call.moved(|at| ties.places[at])).collect();
            (calls, order) = (&moved, &ties.order);
            found = search(calls);
            if found == Found::Explained {
                self.tied.push(name);
            }
        }
        if let Found::Impossible(end) = found {
            let (history, initial) = (self.history, self.initial);
            let part = Part { history, order, name, key, calls, initial };
            let (why, window) = part.violation(end, &mut self.smaller);
            if self.violation.as_ref().is_none_or(|(_, least)| window.len() < least.len()) {
                self.violation = Some((why, window));
            }
        }
        found == Found::GaveUp
    }
}

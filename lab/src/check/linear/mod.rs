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
//! | `register` | `read`; `write` with a value; `cas` with `[from, to]`, which answers `fail` if it was not `from` |
//! | `kv` | `get`; `put` with a value; `delete` |
//!
//! A key that was never written reads as `null`. An operation whose end is unknown may be done at
//! any later moment, or never.
//!
//! # Left out
//!
//! Models beyond a value for each key; a queue or a set needs another state, not another search.
//! Repeated questions: if a client asks again, its question began when it first asked.

mod search;

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

pub use search::MOST_STATES;
use search::{Call, Found, NOTHING, Op, search};

use super::{BadHistory, Entry, History, Operation, Verdict};

/// What the keys are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Model {
    /// Each can be read, written, and compared and set.
    Register,
    /// Each can be put, got and deleted.
    Kv,
}

/// Judges a history; gives a key up, undecided, after so many states.
///
/// # Errors
/// The history does not pair up, or asks what the model does not know.
pub fn check(history: &History, model: Model, states: usize) -> Result<Verdict, BadHistory> {
    let mut names: HashMap<Value, u32> = HashMap::from([(Value::Null, NOTHING)]);
    let mut keys: BTreeMap<String, Vec<Call>> = BTreeMap::new();
    for operation in history.operations()? {
        let bad = |why| BadHistory { line: history.line(operation.invoked), why };
        let mut name = |value: &Value| {
            let fresh = u32::try_from(names.len()).expect("fewer than 2³² values");
            *names.entry(value.clone()).or_insert(fresh)
        };
        if let Some(op) = understand(model, &operation, &mut name).map_err(bad)? {
            let answered = operation.end.as_ref().map(|end| end.at);
            let call = Call { op, invoked: operation.invoked, answered };
            keys.entry(operation.question.key.to_string()).or_default().push(call);
        }
    }
    let mut shortest: Option<(String, Vec<Entry>)> = None;
    let mut undecided = None;
    for (key, calls) in &keys {
        match search(calls, Some(NOTHING), states) {
            Found::Explained => {}
            Found::GaveUp => {
                undecided.get_or_insert_with(|| format!("key {key}: more than {states} states"));
            }
            Found::Impossible(end) => {
                let (why, window) = violation(history, key, calls, end, states);
                if shortest.as_ref().is_none_or(|(_, least)| window.len() < least.len()) {
                    shortest = Some((why, window));
                }
            }
        }
    }
    if keys.values().flatten().all(|call| call.answered.is_none()) {
        undecided = Some("no operation was answered".into());
    }
    Ok(match (shortest, undecided) {
        (Some((why, window)), _) => Verdict::Violation { why, window },
        (None, Some(why)) => Verdict::Undecided { why },
        (None, None) => Verdict::Ok,
    })
}

/// What an operation did, if it says anything: one that was not done does not, and neither does a
/// read without an answer.
fn understand(
    model: Model,
    operation: &Operation,
    name: &mut impl FnMut(&Value) -> u32,
) -> Result<Option<Op>, String> {
    let asked = &operation.question;
    let answer = operation.end.as_ref();
    let op = match (model, asked.f.as_str()) {
        (Model::Register, "read") | (Model::Kv, "get") => {
            answer.map(|end| Op::Read(if end.done { name(&end.value) } else { NOTHING }))
        }
        (Model::Register, "write") | (Model::Kv, "put") => Some(Op::Write(name(&asked.value))),
        (Model::Kv, "delete") => Some(Op::Write(NOTHING)),
        (Model::Register, "cas") => {
            let Some([from, to]) = asked.value.as_array().map(Vec::as_slice) else {
                return Err("the value of a cas is [from, to]".into());
            };
            Some(Op::Cas(name(from), name(to)))
        }
        (Model::Register, f) => {
            return Err(format!("a register knows read, write and cas, not {f}"));
        }
        (Model::Kv, f) => return Err(format!("a kv store knows get, put and delete, not {f}")),
    };
    Ok(op.filter(|_| answer.is_none_or(|end| end.done)))
}

/// The shortest stretch before this end that nothing explains, whatever was there when it began.
fn violation(
    history: &History,
    key: &str,
    calls: &[Call],
    end: usize,
    states: usize,
) -> (String, Vec<Entry>) {
    let last = calls.iter().find(|call| call.answered == Some(end)).expect("one has this end");
    if never_written(last, calls) {
        let window = [last.invoked, end].map(|at| history.entries[at].clone()).to_vec();
        return (told(history, key, end, "no operation wrote what is in"), window);
    }
    let calls = until(calls, end);
    let impossible = |calls: &[Call]| matches!(search(calls, None, states), Found::Impossible(_));
    // The last moment from which on nothing explains it; from the first on nothing did.
    let mut starts = sorted(calls.iter().map(|call| call.invoked));
    starts.reverse();
    let start = first_such(&starts, |start| impossible(&from(&calls, start)));
    let shown = from(&calls, start);
    let shown = if impossible(&shown) { shown } else { calls };
    let places = shown.iter().filter(|call| call.invoked >= start || call.answered.is_some());
    let places = sorted(places.flat_map(|call| [Some(call.invoked), call.answered]).flatten());
    let window = places.into_iter().map(|at| history.entries[at].clone()).collect();
    (told(history, key, end, "no order of the operations explains"), window)
}

fn told(history: &History, key: &str, end: usize, what: &str) -> String {
    let Entry { process, f, value, .. } = &history.entries[end];
    let about = if key == "null" { String::new() } else { format!("key {key}: ") };
    let value = if value.is_null() { String::new() } else { format!(" {value}") };
    format!("{about}{what} the answer `{f}{value}` to process {process}")
}

/// Whether a call has found a value that no other call had begun to write.
fn never_written(call: &Call, calls: &[Call]) -> bool {
    let (Op::Read(found) | Op::Cas(found, _)) = call.op else { return false };
    let wrote = |other: &Call| match other.op {
        Op::Write(value) | Op::Cas(_, value) => {
            value == found && call.answered > Some(other.invoked)
        }
        Op::Read(_) => false,
    };
    found != NOTHING && !calls.iter().any(wrote)
}

fn sorted(places: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut places: Vec<usize> = places.collect();
    places.sort_unstable();
    places
}

/// The first place of which this is true, if it is true of the last and of all behind the first.
/// Looks near the first ones first: they are the cheap ones.
fn first_such(places: &[usize], holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, places.len() - 1);
    let mut stride = 1;
    while low < high {
        let middle = usize::midpoint(low, high).min(low + stride);
        if holds(places[middle]) {
            high = middle;
        } else {
            low = middle + 1;
            stride *= 2;
        }
    }
    places[high]
}

/// What was known after this answer: later ones are still open, and an open read says nothing.
fn until(calls: &[Call], end: usize) -> Vec<Call> {
    let asked = calls.iter().filter(|call| call.invoked < end);
    let known = asked.map(|call| Call { answered: call.answered.filter(|at| *at <= end), ..*call });
    known.filter(|call| call.answered.is_some() || !matches!(call.op, Op::Read(_))).collect()
}

/// What can matter from this question on. What was asked before may have been done before: it may
/// still happen, and need not.
fn from(calls: &[Call], start: usize) -> Vec<Call> {
    let late = calls.iter().filter(|call| call.answered.is_none_or(|at| at > start));
    let relaxed = late.filter_map(|call| match call.op {
        _ if call.invoked >= start => Some(*call),
        Op::Read(_) => None,
        Op::Write(_) | Op::Cas(..) => Some(Call { answered: None, ..*call }),
    });
    relaxed.collect()
}

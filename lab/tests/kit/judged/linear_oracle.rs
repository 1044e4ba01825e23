//! One key at a time, against two oracles: one that tries every order, and one that keeps every set of
//! what is done.

use std::collections::BTreeSet;

use lab::check::linear::{self, Budget, MOST_STATES, Model};
use lab::check::{History, Operation, Type, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{line, some_order};

fn check(history: &History) -> Verdict {
    let mut budget = Budget::states(MOST_STATES);
    linear::check(history, &Model::Register.into(), &mut budget).unwrap().verdict
}

/// One random operation: what, with which values, for how long, and how it ends.
#[derive(Clone, Debug)]
struct Drawn {
    what: u8,
    values: (u8, u8),
    at: u8,
    lasts: u8,
    end: u8,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (0..3_u8, (0..3_u8, 0..3_u8), 0..12_u8, 0..8_u8, 0..8_u8)
        .prop_map(|(what, values, at, lasts, end)| Drawn { what, values, at, lasts, end })
}

fn value(number: u8) -> Value {
    if number == 0 { Value::Null } else { json!(number) }
}

/// Each operation by a process of its own; what is read is random, and mostly wrong.
fn random(drawn: &[Drawn]) -> History {
    let mut events = Vec::new();
    for (i, one) in drawn.iter().enumerate() {
        let f = ["read", "write", "cas"][usize::from(one.what)];
        let (a, b) = (value(one.values.0), value(one.values.1));
        // Nothing can be read and compared, not written.
        let new = json!(one.values.0.max(1));
        let asked = [Value::Null, new, json!([a, b])][usize::from(one.what)].clone();
        let told = if f == "read" { a } else { Value::Null };
        let kind = [Type::Ok, Type::Fail, Type::Info][usize::from(one.end.saturating_sub(5))];
        events.push((one.at, 0, i, Type::Invoke, f, asked));
        events.push((one.at + one.lasts, 1, i, kind, f, told));
    }
    events.sort_by_key(|(at, is_end, i, ..)| (*at, *is_end, *i));
    let mut history = History::default();
    for (_, _, i, kind, f, value) in events {
        line(&mut history, i as u64, kind, f, &Value::Null, value);
    }
    history
}

/// Tries every order of every subset that has all that was answered. Equal times are concurrent, or
/// their order is that of the lines.
fn oracle(history: &History, concurrent: bool) -> bool {
    let all = history.operations().unwrap();
    let says =
        |one: &&Operation| one.question.f == "cas" || one.end.as_ref().is_none_or(|end| end.done);
    let all: Vec<_> = all.iter().filter(says).collect();
    let time = |at: usize| if concurrent { history.entries[at].time as usize } else { at };
    let follows = |order: &[usize], next: usize| {
        let ended_before = |other: usize| {
            all[other].end.as_ref().is_some_and(|end| time(end.at) < time(all[next].invoked))
        };
        (0..all.len()).all(|other| order.contains(&other) || other == next || !ended_before(other))
    };
    let explains = |order: &[usize]| {
        let answered = (0..all.len()).filter(|i| all[*i].end.is_some());
        if answered.clone().any(|i| !order.contains(&i)) {
            return false;
        }
        let mut now = Value::Null;
        order.iter().all(|i| {
            let asked = &all[*i].question;
            match asked.f.as_str() {
                "write" => now = asked.value.clone(),
                "cas" if all[*i].end.as_ref().is_some_and(|end| !end.done) => {
                    return asked.value[0] != now;
                }
                "cas" if asked.value[0] == now => now = asked.value[1].clone(),
                "cas" => return false,
                _ => return all[*i].end.as_ref().is_none_or(|end| end.value == now),
            }
            true
        })
    };
    some_order(all.len(), &mut { follows }, &mut { explains })
}

/// Keeps every set of operations that some order has done, with the value that is there then: more
/// operations than all orders of them could be tried for.
fn oracle_of_sets(history: &History) -> bool {
    let all = history.operations().unwrap();
    let says = |one: &&Operation| match one.question.f.as_str() {
        "cas" => true,
        "read" => one.end.as_ref().is_some_and(|end| end.done),
        _ => one.end.as_ref().is_none_or(|end| end.done),
    };
    let all: Vec<&Operation> = all.iter().filter(says).collect();
    let answered = |one: &Operation| one.end.is_some();
    let must = (0..all.len()).filter(|i| answered(all[*i])).fold(0_u32, |set, i| set | (1 << i));
    let behind = |i: usize| {
        let before = |j: &usize| all[*j].end.as_ref().is_some_and(|end| end.at < all[i].invoked);
        (0..all.len()).filter(before).fold(0_u32, |set, j| set | (1 << j))
    };
    let behind: Vec<u32> = (0..all.len()).map(behind).collect();
    let mut met = BTreeSet::from([(0_u32, String::from("null"))]);
    let mut open: Vec<(u32, Value)> = vec![(0, Value::Null)];
    while let Some((set, now)) = open.pop() {
        if set & must == must {
            return true;
        }
        for (i, one) in all.iter().enumerate() {
            if set & (1 << i) != 0 || set & behind[i] != behind[i] {
                continue;
            }
            let (asked, end) = (&one.question, one.end.as_ref());
            let after = match asked.f.as_str() {
                "write" => Some(asked.value.clone()),
                "read" => end.filter(|end| end.value == now).map(|_| now.clone()),
                _ if end.is_some_and(|end| !end.done) => {
                    (asked.value[0] != now).then(|| now.clone())
                }
                _ => (asked.value[0] == now).then(|| asked.value[1].clone()),
            };
            let Some(after) = after else { continue };
            if met.insert((set | (1 << i), after.to_string())) {
                open.push((set | (1 << i), after));
            }
        }
    }
    false
}

/// The answers of a register that does each operation in the middle of its time; but one read, if
/// there is one of this number, sees something else.
fn answered_truly(drawn: &[Drawn], spoilt: usize) -> History {
    let mut history = random(drawn);
    let mut order: Vec<usize> = (0..drawn.len()).collect();
    order.sort_by_key(|i| (drawn[*i].at + drawn[*i].lasts / 2, *i));
    let mut now = Value::Null;
    for i in order {
        let mut own = history.entries.iter_mut().filter(|entry| entry.process == i as u64);
        let asked = own.next().expect("a question").value.clone();
        let answer = own.next().expect("an answer");
        match answer.f.as_str() {
            "read" => {
                answer.value = if i == spoilt { value(drawn[i].values.0) } else { now.clone() }
            }
            "cas" if asked[0] == now => {
                answer.kind = if answer.kind == Type::Fail { Type::Ok } else { answer.kind };
                now = asked[1].clone();
            }
            "cas" => answer.kind = Type::Fail,
            _ if answer.kind == Type::Fail => {}
            _ => now = asked,
        }
    }
    history
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn the_search_agrees_with_trying_every_order(
        drawn in prop::collection::vec(drawn(), 0..7),
        times in prop::collection::vec(0..2_u64, 14),
    ) {
        let mut history = random(&drawn);
        let mut now = 0;
        for (entry, step) in history.entries.iter_mut().zip(times) {
            now += step;
            entry.time = now;
        }
        let judged = check(&history);
        let answered = history.entries.iter().any(|entry| match entry.kind {
            Type::Ok => true,
            Type::Fail => entry.f == "cas",
            Type::Invoke | Type::Info => false,
        });
        let expected = match (oracle(&history, false), oracle(&history, true)) {
            (true, _) if answered => "ok",
            (true, _) | (false, true) => "undecided",
            (false, false) => "violation",
        };
        let found = match judged {
            Verdict::Ok => "ok",
            Verdict::Undecided { .. } => "undecided",
            Verdict::Violation { .. } => "violation",
        };
        prop_assert_eq!(found, expected, "{}{:?}", history.to_json_lines(), judged);
    }

    #[test]
    fn the_search_agrees_with_keeping_every_set(
        drawn in prop::collection::vec(drawn(), 8..16),
        spoilt in 0..24_usize,
    ) {
        let history = answered_truly(&drawn, spoilt);
        let judged = check(&history);
        let is_violation = matches!(judged, Verdict::Violation { .. });
        prop_assert_eq!(!is_violation, oracle_of_sets(&history), "{:?}", judged);
        prop_assert!(!is_violation || spoilt < drawn.len());
    }

    #[test]
    fn the_window_is_a_violation_by_itself(drawn in prop::collection::vec(drawn(), 0..7)) {
        let judged = check(&random(&drawn));
        if let Verdict::Violation { window, .. } = judged {
            let history = History::of(window);
            prop_assert!(!oracle(&history, false), "{:#?}", history);
        }
    }
}

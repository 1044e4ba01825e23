//! Transactions on lists, against an oracle that tries every order.

use std::collections::BTreeMap;

use lab::check::append::{Promise, check};
use lab::check::{History, Operation, Type, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{line, some_order};

/// A transaction as it is drawn: its operations with the moments at which they touch the lists.
#[derive(Clone, Debug)]
struct Drawn {
    ops: Vec<(bool, u8, u8)>,
    invoked: u8,
    ended: u8,
    end: u8,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let ops = prop::collection::vec((any::<bool>(), 0..2_u8, 0..16_u8), 1..4);
    (ops, 0..16_u8, 0..16_u8, 0..10_u8).prop_map(|(ops, a, b, end)| Drawn {
        ops,
        invoked: a.min(b),
        ended: a.max(b),
        end,
    })
}

/// Touches shared lists in the order of the moments, without any isolation; now and then an aborted
/// transaction is seen all the same, or a read misses the end of its list.
fn random(drawn: &[Drawn], spoil: u8) -> History {
    let kind = |end| [Type::Ok, Type::Fail, Type::Info][usize::from(u8::saturating_sub(end, 7))];
    let mut touches = Vec::new();
    for (i, one) in drawn.iter().enumerate() {
        for (j, (append, key, at)) in one.ops.iter().enumerate() {
            // Where most transactions are left alone, most histories are serializable.
            let at = if spoil.is_multiple_of(2) { one.ops[0].2 } else { *at };
            touches.push((at, i, j, *append, *key));
        }
    }
    touches.sort_unstable();
    let mut lists = [Vec::new(), Vec::new()];
    let mut values: Vec<Vec<Value>> =
        drawn.iter().map(|one| vec![Value::Null; one.ops.len()]).collect();
    for (_, i, j, append, key) in touches {
        let list: &mut Vec<usize> = &mut lists[usize::from(key)];
        let name = ["x", "y"][usize::from(key)];
        if append {
            values[i][j] = json!(["append", name, i * 10 + j]);
            if kind(drawn[i].end) != Type::Fail || spoil == 3 {
                list.push(i * 10 + j);
            }
        } else {
            let short = usize::from(spoil == 5 && i == 0);
            values[i][j] = json!(["r", name, list[..list.len().saturating_sub(short)]]);
        }
    }
    let mut events: Vec<_> = drawn.iter().enumerate().map(|(i, one)| (one.invoked, 0, i)).collect();
    events.extend(drawn.iter().enumerate().map(|(i, one)| (one.ended, 1, i)));
    events.sort_unstable();
    let mut history = History::default();
    for (_, is_end, i) in events {
        let kind = if is_end == 1 { kind(drawn[i].end) } else { Type::Invoke };
        let mut value = values[i].clone();
        if is_end == 0 {
            for op in value.iter_mut().filter(|op| op[0] == "r") {
                op[2] = Value::Null;
            }
        }
        line(&mut history, i as u64, kind, "txn", &Value::Null, value.into());
    }
    history
}

/// Tries every order of every subset that has all that was answered.
fn oracle(history: &History, strict: bool) -> bool {
    let all: Vec<Operation> = history.operations().unwrap();
    let all: Vec<Operation> =
        all.into_iter().filter(|one| one.end.as_ref().is_none_or(|end| end.done)).collect();
    let ended_before = |one: usize, other: usize| {
        strict && all[one].end.as_ref().is_some_and(|end| end.at < all[other].invoked)
    };
    let follows = |order: &[usize], next: usize| {
        (0..all.len()).all(|other| order.contains(&other) || !ended_before(other, next))
    };
    let explains = |order: &[usize]| {
        let answered = (0..all.len()).filter(|i| all[*i].end.is_some());
        if answered.clone().any(|i| !order.contains(&i)) {
            return false;
        }
        let mut lists: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        order.iter().all(|i| {
            let one = &all[*i];
            let ops = one.end.as_ref().map_or(&one.question.value, |end| &end.value);
            ops.as_array().unwrap().iter().all(|op| {
                let list = lists.entry(op[1].to_string()).or_default();
                if op[0] == "append" {
                    list.push(op[2].clone());
                    return true;
                }
                op[2].is_null() || op[2].as_array() == Some(list)
            })
        })
    };
    some_order(all.len(), &mut { follows }, &mut { explains })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn the_search_for_circles_agrees_with_trying_every_order(
        drawn in prop::collection::vec(drawn(), 0..6),
        spoil in 0..6_u8,
    ) {
        let history = random(&drawn, spoil);
        for (promise, strict) in [(Promise::Serializable, false), (Promise::StrictSerializable, true)] {
            let judged = check(&history, promise).unwrap();
            let violated = matches!(judged, Verdict::Violation { .. });
            let text = history.to_json_lines();
            prop_assert_eq!(!violated, oracle(&history, strict), "{}{:?}", text, judged);
        }
    }
}

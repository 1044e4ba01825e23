//! The bank test: money moves between accounts and never comes or goes, so every read of all
//! accounts has the same total, and no balance is below zero.
//!
//! A read is `{"f":"read"}`, answered with an object of balances; everything else moves money and
//! needs no judging. The test finds half-visible transfers. It cannot find a whole transfer that was
//! lost or done twice: for that, hold a ledger of keys against the answers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{BadHistory, Entry, History, Operation, Verdict};

/// Judges every read of a history. Without a total, the first read's is taken.
///
/// # Errors
/// The history does not pair up.
pub fn check(history: &History, total: Option<u64>) -> Result<Verdict, BadHistory> {
    let operations = history.operations()?;
    let reads = operations.iter().filter(|operation| operation.question.f == "read");
    let done = reads.filter(|read| read.end.as_ref().is_some_and(|end| end.done));
    let mut expected: Option<(BTreeSet<&str>, u64)> = None;
    let mut shortest: Option<(usize, &Operation, String)> = None;
    for read in done {
        let end = read.end.as_ref().expect("only answered reads");
        let wrong = match balances(&end.value) {
            Err(why) => Some(why),
            Ok((names, sum)) => {
                let (all, total) =
                    expected.get_or_insert_with(|| (names.clone(), total.unwrap_or(sum)));
                if names == *all { differs(sum, *total) } else { Some("other accounts".into()) }
            }
        };
        let length = end.at - read.invoked;
        if let Some(why) = wrong
            && shortest.as_ref().is_none_or(|(least, ..)| length < *least)
        {
            shortest = Some((length, read, why));
        }
    }
    Ok(match (shortest, expected) {
        (Some((_, read, why)), _) => Verdict::Violation { why, window: window(history, read) },
        (None, Some(_)) => Verdict::Ok,
        (None, None) => Verdict::Undecided { why: "no read was answered".into() },
    })
}

fn differs(sum: u64, total: u64) -> Option<String> {
    (sum != total).then(|| format!("a read adds up to {sum}; all there is is {total}"))
}

/// From the question to the answer.
fn window(history: &History, read: &Operation) -> Vec<Entry> {
    let end = read.end.as_ref().map_or(read.invoked, |end| end.at);
    history.entries[read.invoked..=end].to_vec()
}

/// The names of the accounts and what they add up to.
fn balances(value: &Value) -> Result<(BTreeSet<&str>, u64), String> {
    let Value::Object(balances) = value else {
        return Err("a read's value must be an object of balances".into());
    };
    let mut sum = 0_u64;
    for (name, amount) in balances {
        let amount = amount
            .as_u64()
            .ok_or_else(|| format!("{name} has {amount}, and a balance is never below zero"))?;
        sum = sum.checked_add(amount).ok_or("these balances add up to more than there can be")?;
    }
    Ok((balances.keys().map(String::as_str).collect(), sum))
}

#[cfg(test)]
mod tests {
    use super::super::Type;
    use super::*;
    use serde_json::json;

    fn entry(process: u64, kind: Type, f: &str, value: Value, time: u64) -> Entry {
        Entry { process, kind, f: f.into(), key: Value::Null, value, time }
    }

    fn reads(values: &[Value]) -> History {
        let mut history = History::default();
        for (i, value) in (0..).zip(values) {
            history.entries.push(entry(1, Type::Invoke, "read", Value::Null, 2 * i));
            history.entries.push(entry(1, Type::Ok, "read", value.clone(), 2 * i + 1));
        }
        history
    }

    #[test]
    fn equal_totals_are_ok() {
        let history = reads(&[json!({"a": 3, "b": 7}), json!({"a": 10, "b": 0})]);
        assert_eq!(check(&history, None), Ok(Verdict::Ok));
        assert_eq!(check(&history, Some(10)), Ok(Verdict::Ok));
    }

    #[test]
    fn the_shortest_wrong_read_is_shown_with_everything_that_happened_meanwhile() {
        let mut history = reads(&[json!({"a": 3, "b": 7})]);
        let wrong = json!({"a": 3, "b": 6});
        history.entries.extend([
            entry(1, Type::Invoke, "read", Value::Null, 10),
            entry(2, Type::Invoke, "transfer", json!(1), 11),
            entry(3, Type::Invoke, "read", Value::Null, 12),
            entry(3, Type::Ok, "read", wrong.clone(), 13),
            entry(2, Type::Info, "transfer", Value::Null, 14),
            entry(1, Type::Ok, "read", wrong, 15),
        ]);
        let Ok(Verdict::Violation { why, window }) = check(&history, None) else {
            panic!("9 is not 10");
        };
        assert_eq!(why, "a read adds up to 9; all there is is 10");
        assert_eq!(window.iter().map(|e| e.time).collect::<Vec<_>>(), [12, 13]);
    }

    #[test]
    fn balances_below_zero_other_accounts_and_nonsense_are_violations() {
        for wrong in
            [json!({"a": -1, "b": 11}), json!({"a": 10}), json!(10), json!({"a": u64::MAX})]
        {
            let judged = check(&reads(&[json!({"a": 3, "b": 7}), wrong]), None).unwrap();
            assert!(matches!(judged, Verdict::Violation { .. }), "{judged:?}");
        }
    }

    #[test]
    fn a_history_without_an_answered_read_decides_nothing() {
        let mut history = reads(&[]);
        history.entries.push(entry(1, Type::Invoke, "read", Value::Null, 0));
        assert!(matches!(check(&history, None), Ok(Verdict::Undecided { .. })));
    }
}

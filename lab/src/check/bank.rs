//! The bank test: money moves between accounts and never comes or goes, so every read of all
//! accounts has the same total, and no balance is below zero.
//!
//! A read is `{"f":"read"}`, answered with an object of balances; an account that it leaves out has
//! zero. Everything else moves money and needs no judging. The test finds half-visible transfers. It
//! cannot find a whole transfer that was lost or done twice: for that, hold a ledger of keys against
//! the answers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::history::{Operation, shown};
use super::number::integer;
use super::{BadHistory, Counts, Entry, History, Judged, Verdict};

/// What a history is held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// What all balances add up to; else the first read says it.
    pub total: Option<i128>,
    /// Whether a balance may be below zero.
    pub negative: bool,
}

/// Judges every read of a history. Without a total, the first read's is taken.
///
/// # Errors
/// See [`judge`].
pub fn check(history: &History, total: Option<u64>) -> Result<Verdict, BadHistory> {
    let rules = Rules { total: total.map(i128::from), negative: false };
    judge(history, &rules).map(|judged| judged.verdict)
}

/// Judges every read of a history.
///
/// # Errors
/// The history does not pair up, or a read was not answered with balances.
pub fn judge(history: &History, rules: &Rules) -> Result<Judged, BadHistory> {
    let operations = history.operations()?;
    let mut counts = Counts { operations: operations.len(), ..Counts::default() };
    counts.unknown = operations.iter().filter(|operation| operation.end.is_none()).count();
    let mut accounts: BTreeSet<&str> = BTreeSet::new();
    // The total, and the read that says it.
    let mut expected = rules.total.map(|total| (total, None));
    let mut wrong: Option<(String, Vec<&Operation>)> = None;
    for read in operations.iter().filter(|operation| operation.question.f == "read") {
        let Some(end) = read.end.as_ref().filter(|end| end.done) else { continue };
        let bad = |why| BadHistory { line: history.line(end.at), why };
        let balances = balances(&end.value).map_err(bad)?;
        counts.reads += 1;
        accounts.extend(balances.iter().map(|(name, _)| *name));
        let sum = balances.iter().try_fold(0_i128, |sum, (_, amount)| sum.checked_add(*amount));
        let sum = sum.ok_or_else(|| bad("these balances add up to more than 128 bits".into()))?;
        let below = balances.iter().find(|(_, amount)| *amount < 0 && !rules.negative);
        let (total, first) = *expected.get_or_insert((sum, Some(read)));
        let new = match below {
            Some((name, amount)) => {
                (format!("{name} has {amount}, and a balance is never below zero"), vec![read])
            }
            None if sum != total => {
                let shown = first.into_iter().chain([read]).collect();
                (format!("a read adds up to {sum}; all there is is {total}"), shown)
            }
            None => continue,
        };
        if wrong.as_ref().is_none_or(|(_, least)| new.1.len() < least.len()) {
            wrong = Some(new);
        }
    }
    counts.keys = accounts.len();
    let verdict = match wrong {
        Some((why, reads)) => Verdict::Violation { why, window: window(history, &reads) },
        None if counts.reads > 0 => Verdict::Ok,
        None => Verdict::Undecided { why: "no read was answered".into() },
    };
    Ok(Judged { verdict, counts })
}

/// Questions and answers, in the order of the history.
fn window(history: &History, reads: &[&Operation]) -> Vec<Entry> {
    let places =
        reads.iter().flat_map(|read| [Some(read.invoked), read.end.as_ref().map(|e| e.at)]);
    let places: BTreeSet<usize> = places.flatten().collect();
    places.into_iter().map(|at| history.entries[at].clone()).collect()
}

/// The accounts and what they have.
fn balances(value: &Value) -> Result<Vec<(&str, i128)>, String> {
    let Value::Object(balances) = value else {
        return Err(format!("a read is answered with an object of balances, not {}", shown(value)));
    };
    let balance = |(name, amount): (_, &Value)| match integer(amount) {
        Some(amount) => Ok((String::as_str(name), amount)),
        None => Err(format!("{name} has {}, and a balance is an integer", shown(amount))),
    };
    balances.iter().map(balance).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Type;
    use super::*;

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

    fn verdict(values: &[Value], rules: Rules) -> Result<Verdict, BadHistory> {
        judge(&reads(values), &rules).map(|judged| judged.verdict)
    }

    #[test]
    fn a_wrong_read_is_shown_with_the_read_that_says_the_total_and_nothing_else() {
        let mut history = reads(&[json!({"a": 3, "b": 7})]);
        let wrong = json!({"a": 3, "b": 6});
        history.entries.extend([
            entry(1, Type::Invoke, "read", Value::Null, 10),
            entry(2, Type::Invoke, "transfer", json!(1), 11),
            entry(1, Type::Ok, "read", wrong.clone(), 12),
            entry(2, Type::Info, "transfer", Value::Null, 13),
        ]);
        for (total, times) in [(None, vec![0, 1, 10, 12]), (Some(10), vec![10, 12])] {
            let Ok(Verdict::Violation { why, window }) = check(&history, total) else {
                panic!("9 is not 10");
            };
            assert_eq!(why, "a read adds up to 9; all there is is 10");
            assert_eq!(window.iter().map(|e| e.time).collect::<Vec<_>>(), times);
        }
    }

    #[test]
    fn a_balance_below_zero_or_another_sum_is_a_violation() {
        for wrong in [
            json!({"a": -1, "b": 11}),
            json!({"a": 9}),
            json!({}),
            json!({"a": u64::MAX}),
            json!({"a": 3, "b": 7, "c": 1}),
        ] {
            let judged = verdict(&[json!({"a": 3, "b": 7}), wrong], Rules::default()).unwrap();
            assert!(matches!(judged, Verdict::Violation { .. }), "{judged:?}");
        }
    }

    #[test]
    fn an_account_that_a_read_leaves_out_has_zero() {
        let all = [json!({"a": 3, "b": 7}), json!({"b": 10}), json!({"a": 10, "c": 0})];
        for (first, second, third) in [(0, 1, 2), (1, 0, 2), (2, 1, 0)] {
            let all = [all[first].clone(), all[second].clone(), all[third].clone()];
            assert_eq!(verdict(&all, Rules::default()), Ok(Verdict::Ok));
        }
    }

    #[test]
    fn balances_below_zero_are_allowed_on_request() {
        let all = [json!({"a": -1, "b": 11}), json!({"a": 12, "b": -2})];
        assert_eq!(verdict(&all, Rules { total: None, negative: true }), Ok(Verdict::Ok));
        let rules = Rules { total: Some(-1), negative: true };
        assert_eq!(verdict(&[json!({"a": -1})], rules), Ok(Verdict::Ok));
    }

    #[test]
    fn what_is_no_balance_is_refused_with_its_line() {
        for answer in [
            json!(null),
            json!(10),
            json!([10]),
            json!("10"),
            json!({"a": null}),
            json!({"a": [10]}),
            json!({"a": 10.0}),
            json!({"a": "10"}),
            json!({"a": {"b": 10}}),
            json!({"a": true}),
        ] {
            let refused = verdict(&[json!({"a": 10}), answer], Rules::default()).unwrap_err();
            assert_eq!(refused.line, 4, "{refused}");
        }
    }

    #[test]
    fn money_beyond_64_bits_is_added_up_exactly() {
        let read = |amount: &str| {
            format!(
                "{{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}}\n\
                 {{\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"value\":{{\"a\":{amount}}}}}\n"
            )
        };
        let judged = |amounts: [&str; 2]| {
            let text = amounts.map(read).concat();
            check(&History::read(&text).unwrap(), None)
        };
        let same = judged(["18446744073709551617", "18446744073709551617"]);
        assert_eq!(same, Ok(Verdict::Ok));
        let Ok(Verdict::Violation { why, .. }) =
            judged(["18446744073709551617", "18446744073709551619"])
        else {
            panic!("two more");
        };
        assert_eq!(
            why,
            "a read adds up to 18446744073709551619; all there is is 18446744073709551617"
        );
        assert_eq!(judged(["1", &"9".repeat(40)]).unwrap_err().line, 4);
    }

    #[test]
    fn a_history_without_an_answered_read_decides_nothing() {
        let mut history = reads(&[]);
        history.entries.push(entry(1, Type::Invoke, "read", Value::Null, 0));
        assert!(matches!(check(&history, None), Ok(Verdict::Undecided { .. })));
    }
}

//! Transactions on lists: an anomaly of each sort, and histories that are long.

use std::collections::BTreeMap;

use lab::check::append::{Promise, check};
use lab::check::{History, Type, Verdict};
use serde_json::{Value, json};

use super::{line, violation};

/// A transaction a line: `a x 1` appends, `r x 1 2` reads, with `,` between; in front, where it is
/// not `ok`, how it ended. All of them overlap.
fn history(text: &str) -> History {
    let mut history = History::default();
    let mut answers = Vec::new();
    for (process, words) in (1..).zip(text.lines().map(str::trim).filter(|l| !l.is_empty())) {
        let (kind, ops) = match words.split_once(": ") {
            Some(("fail", ops)) => (Type::Fail, ops),
            Some(("info", ops)) => (Type::Info, ops),
            _ => (Type::Ok, words),
        };
        let op = |op: &str, answered: bool| {
            let words: Vec<&str> = op.split_whitespace().collect();
            let numbers: Vec<u64> = words[2..].iter().map(|n| n.parse().unwrap()).collect();
            match (words[0], answered) {
                ("a", _) => json!(["append", words[1], numbers[0]]),
                (_, true) => json!(["r", words[1], numbers]),
                (_, false) => json!(["r", words[1], null]),
            }
        };
        let ops = |answered| ops.split(',').map(|one| op(one, answered)).collect::<Value>();
        line(&mut history, process, Type::Invoke, "txn", &Value::Null, ops(false));
        answers.push((process, kind, ops(true)));
    }
    for (process, kind, value) in answers {
        line(&mut history, process, kind, "txn", &Value::Null, value);
    }
    history
}

/// The same, one after the other.
fn in_turn(text: &str) -> History {
    let mut history = history(text);
    let count = history.entries.len() / 2;
    let turns = (0..count).flat_map(|i| [i, i + count]);
    history.entries = turns.map(|at| history.entries[at].clone()).collect();
    history
}

fn why(history: &History, promise: Promise) -> String {
    violation(check(history, promise).unwrap()).0
}

/// Promises nothing about real time: what is found is found without it.
fn anomaly(text: &str) -> String {
    why(&history(text), Promise::Serializable)
}

#[test]
fn transactions_that_some_order_explains_are_ok() {
    let text = "a x 1, r y
                r x 1, a y 1
                r x 1, r y 1
                r x, r y";
    assert_eq!(check(&history(text), Promise::StrictSerializable), Ok(Verdict::Ok));
}

#[test]
fn two_transactions_that_each_wrote_behind_the_other_are_g0() {
    let said = anomaly("a x 1, a y 1\na x 2, a y 2\nr x 1 2, r y 2 1");
    assert_eq!(
        said,
        "G0 (write cycle): each of these stands before the next\n  \
         T1 (process 1) before T2: T2 appended 2 to \"x\" behind T1 (ww)\n  \
         T2 (process 2) before T1: T1 appended 1 to \"y\" behind T2 (ww)"
    );
}

#[test]
fn a_read_of_what_an_aborted_transaction_wrote_is_g1a() {
    let said = anomaly("fail: a x 1\nr x 1");
    assert_eq!(
        said,
        "G1a, aborted read: process 2 read \"x\", and 1 is there of a transaction that was not done"
    );
}

#[test]
fn a_read_of_the_middle_of_a_transaction_is_g1b() {
    let said = anomaly("a x 1, a x 2\nr x 1\nr x 1 2");
    assert!(said.starts_with("G1b, intermediate read: process 2"), "{said}");
}

#[test]
fn two_transactions_that_saw_each_other_are_g1c() {
    let said = anomaly("a x 1, r y 1\na y 1, r x 1");
    assert!(said.starts_with("G1c (circular information flow)"), "{said}");
    assert!(said.contains("T1 (process 1) before T2: T2 saw 1 in \"x\", which T1 appended (wr)"));
}

#[test]
fn a_read_that_saw_half_a_transaction_is_g_single() {
    let judged = check(
        &history("a x 1, a y 1\na z 1\nr x 1, r y\nr x 1, r y 1, r z 1"),
        Promise::Serializable,
    );
    let (said, window) = violation(judged.unwrap());
    assert_eq!(
        said,
        "G-single (read skew): each of these stands before the next\n  \
         T1 (process 1) before T2: T2 saw 1 in \"x\", which T1 appended (wr)\n  \
         T2 (process 3) before T1: T2 did not see that T1 appended 1 to \"y\" (rw)"
    );
    let shown: Vec<u64> = window.iter().map(|entry| entry.process).collect();
    assert_eq!(shown, [1, 3, 1, 3], "nobody else has to do with it");
}

#[test]
fn who_only_passes_on_what_concerns_one_list_is_left_out() {
    let said = anomaly("a x 1, a y 1\na x 2\na x 3\nr x 1 2 3, r y\nr y 1");
    assert_eq!(
        said,
        "G-single (read skew): each of these stands before the next\n  \
         T1 (process 1) before T2: T2 saw 1 in \"x\", which T1 appended (wr)\n  \
         T2 (process 4) before T1: T2 did not see that T1 appended 1 to \"y\" (rw)"
    );
}

#[test]
fn two_transactions_that_missed_each_other_are_g2() {
    let said = anomaly("r x, a y 1\nr y, a x 1\nr x 1, r y 1");
    assert!(said.starts_with("G2-item (write skew)"), "{said}");
    let lost = anomaly("r x, a x 1\nr x, a x 2");
    assert!(lost.starts_with("G2-item"), "one of the two never saw the other's: {lost}");
    let seen = anomaly("r x, a x 1\nr x, a x 2\nr x 1 2");
    assert!(seen.starts_with("G-single"), "the second wrote behind what it had missed: {seen}");
}

#[test]
fn a_read_without_its_own_write_is_internal() {
    for text in ["a x 1, r x", "a x 1, r x 1 2\na x 2", "r x 1, a x 1"] {
        assert!(anomaly(text).starts_with("internal: process 1"), "{text}");
    }
    assert_eq!(
        check(&history("a x 1, r x 1, a x 2, r x 1 2"), Promise::Serializable),
        Ok(Verdict::Ok)
    );
}

#[test]
fn a_list_that_cannot_be_is_a_violation_of_its_own() {
    assert!(anomaly("a x 1\nr x 1 1").starts_with("duplicate: process 2"));
    assert!(anomaly("a x 1\nr x 7").starts_with("unwritten: process 2"));
    let said = anomaly("a x 1\na x 2\nr x 1 2\nr x 2 1");
    assert!(said.starts_with("incompatible order"), "{said}");
    assert!(said.contains("process 4 read [2,1]\n  process 3 read [1,2]"), "{said}");
    let said = anomaly("a x 1, a x 2\na x 3\nr x 2 1 3");
    assert!(said.starts_with("incompatible order"), "{said}");
}

#[test]
fn a_write_that_nobody_read_may_stand_anywhere_behind() {
    assert_eq!(check(&history("a x 1\na x 2\nr x 1\nr x"), Promise::Serializable), Ok(Verdict::Ok));
}

#[test]
fn a_transaction_that_nobody_knows_the_end_of_counts_if_it_was_seen() {
    let ok = "info: a x 1, a y 1\nr x, r y";
    assert_eq!(check(&history(ok), Promise::StrictSerializable), Ok(Verdict::Ok));
    assert!(anomaly("info: a x 1, a y 1\nr x 1, r y").starts_with("G-single"));
}

#[test]
fn a_stale_read_violates_only_the_strict_promise() {
    let history = in_turn("a x 1\nr x\nr x 1");
    assert_eq!(check(&history, Promise::Serializable), Ok(Verdict::Ok));
    let said = why(&history, Promise::StrictSerializable);
    assert_eq!(
        said,
        "G-single-realtime (read skew): each of these stands before the next\n  \
         T1 (process 1) before T2: T1 had ended when T2 began (realtime)\n  \
         T2 (process 2) before T1: T2 did not see that T1 appended 1 to \"x\" (rw)"
    );
    let lost = in_turn("a x 1\nr x");
    assert!(why(&lost, Promise::StrictSerializable).starts_with("G-single-realtime"), "lost");
}

#[test]
fn what_is_no_history_of_transactions_is_refused_with_its_line() {
    let text = |value: &str| {
        format!(
            "{{\"process\":1,\"type\":\"invoke\",\"f\":\"txn\",\"value\":{value},\"time\":0}}\n"
        )
    };
    let line = |text: &str| check(&History::read(text).unwrap(), Promise::Serializable);
    for value in ["3", "[3]", "[[\"append\",\"x\"]]", "[[\"w\",\"x\",1]]", "[[\"r\",\"x\",1]]"] {
        assert_eq!(line(&text(value)).unwrap_err().line, 1, "{value}");
    }
    let twice = "[[\"append\",\"x\",1],[\"append\",\"x\",1]]";
    assert!(line(&text(twice)).unwrap_err().why.contains("must be its own"));
    let ask = text("[[\"r\",\"x\",null]]");
    for answer in ["[[\"r\",\"y\",[]]]", "[[\"append\",\"x\",1]]", "[]", "null"] {
        let both = ask.clone() + &text(answer).replace("invoke", "ok");
        assert_eq!(line(&both).unwrap_err().line, 2, "{answer}");
    }
}

/// `count` transactions by ten clients over many keys, done one after the other in truth and
/// overlapping for their clients.
fn long(count: u64) -> History {
    let mut lists: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut history = History::default();
    for i in 0..count / 10 {
        let mut answers = Vec::new();
        for client in 0..10 {
            let key = format!("k{}", i / 8);
            let own = i * 10 + client;
            let asked = json!([["r", key, null], ["append", key, own]]);
            line(&mut history, client, Type::Invoke, "txn", &Value::Null, asked);
            let seen = lists.get(&key).cloned().unwrap_or_default();
            answers.push(json!([["r", key, seen], ["append", key, own]]));
            lists.entry(key).or_default().push(own);
        }
        for (client, answer) in (0..).zip(answers) {
            line(&mut history, client, Type::Ok, "txn", &Value::Null, answer);
        }
    }
    history
}

#[test]
fn twenty_thousand_transactions_are_judged() {
    let mut history = long(20_000);
    assert_eq!(check(&history, Promise::StrictSerializable), Ok(Verdict::Ok));
    // One more sees the first list empty: stale by twenty thousand transactions.
    let read = |value| json!([["r", "k0", value]]);
    line(&mut history, 1, Type::Invoke, "txn", &Value::Null, read(Value::Null));
    line(&mut history, 1, Type::Ok, "txn", &Value::Null, read(json!([])));
    let (_, window) = violation(check(&history, Promise::StrictSerializable).unwrap());
    assert_eq!(window.len(), 4);
}

#[test]
fn ten_thousand_who_read_nothing_and_ten_thousand_whose_writes_nobody_read_are_judged() {
    let mut history = History::default();
    let mut one = |process, value: Value| {
        line(&mut history, process, Type::Invoke, "txn", &Value::Null, value.clone());
        line(&mut history, process, Type::Ok, "txn", &Value::Null, value);
    };
    for i in 0..10_000 {
        one(i, json!([["r", "x", []]]));
    }
    for i in 0..10_000 {
        one(i, json!([["append", "x", i]]));
    }
    assert_eq!(check(&history, Promise::StrictSerializable), Ok(Verdict::Ok));
}

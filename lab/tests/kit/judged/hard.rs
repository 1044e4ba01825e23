//! Histories that cost something: many clients on one key, many keys, and what a budget leaves over.

use lab::check::linear::{self, Budget, MOST_STATES, Model};
use lab::check::{History, Judged, Type, Verdict};
use lab::rng::Rng;
use serde_json::{Value, json};

use super::{line, violation};

fn check(history: &History, budget: &mut Budget) -> Judged {
    linear::check(history, &Model::Register.into(), budget).unwrap()
}

/// What a client waits for: its question, and the answer once it has taken effect.
type Waiting = (&'static str, Value, Option<(Type, Value)>);

/// Clients at one register, which does each operation at some moment between question and answer.
fn random(clients: u64, operations: usize, seed: u64) -> History {
    let mut rng = Rng::new(seed);
    let mut history = History::default();
    for (kind, f, value) in [
        (Type::Invoke, "write", json!(0)),
        (Type::Ok, "write", Value::Null),
        (Type::Invoke, "read", Value::Null),
        (Type::Ok, "read", json!(0)),
    ] {
        line(&mut history, clients, kind, f, &json!("x"), value);
    }
    let mut waiting: Vec<Option<Waiting>> = vec![None; clients as usize];
    let (mut now, mut asked) = (json!(0), 0);
    while asked < operations || waiting.iter().any(Option::is_some) {
        let client = rng.pick(0..clients);
        let turn = &mut waiting[client as usize];
        let mut write =
            |kind, f: &str, value| line(&mut history, client, kind, f, &json!("x"), value);
        match turn.take() {
            None if asked == operations => {}
            None => {
                asked += 1;
                let (a, b) = (rng.pick(0..5), rng.pick(0..5));
                let f = ["read", "write", "cas"][rng.pick(0..3) as usize];
                let value = match f {
                    "read" => Value::Null,
                    "write" => json!(a),
                    _ => json!([a, b]),
                };
                write(Type::Invoke, f, value.clone());
                *turn = Some((f, value, None));
            }
            Some((f, value, None)) => {
                let answer = match f {
                    "read" => (Type::Ok, now.clone()),
                    "cas" if value[0] != now => (Type::Fail, value.clone()),
                    "cas" => {
                        now = value[1].clone();
                        (Type::Ok, value.clone())
                    }
                    _ => {
                        now = value.clone();
                        (Type::Ok, value.clone())
                    }
                };
                *turn = Some((f, value, Some(answer)));
            }
            Some((f, _, Some((kind, value)))) => write(kind, f, value),
        }
    }
    history
}

#[test]
fn thousands_of_operations_of_twenty_clients_on_one_key_are_judged_in_few_states() {
    for (clients, operations, seeds, states) in
        [(5, 1_000, 0..10, 3_000), (20, 1_000, 0..20, 30_000), (20, 5_000, 0..5, 100_000)]
    {
        for seed in seeds {
            let mut history = random(clients, operations, seed);
            let judged = check(&history, &mut Budget::states(states));
            assert_eq!(judged.verdict, Verdict::Ok, "{clients} clients, seed {seed}");
            assert_eq!(judged.counts.operations, operations + 2);
            let last = history.entries.iter().rposition(|e| e.f == "read" && e.kind == Type::Ok);
            history.entries[last.unwrap()].value = json!(7);
            violation(check(&history, &mut Budget::states(states)).verdict);
        }
    }
}

/// Adds a key that takes millions of states: many writes without an answer, each seen once or not at
/// all, and one seen twice.
fn add_hard(history: &mut History, key: &str) {
    let first = history.entries.len() as u64;
    let key = json!(key);
    for i in 0..24 {
        line(history, first + i, Type::Invoke, "write", &key, json!(i));
    }
    for seen in [0, 1, 0] {
        line(history, first + 99, Type::Invoke, "read", &key, Value::Null);
        line(history, first + 99, Type::Ok, "read", &key, json!(seen));
    }
}

/// Adds a key with one write and one read of this.
fn add_easy(history: &mut History, key: &str, seen: u64) {
    for (kind, f, value) in [
        (Type::Invoke, "write", json!(1)),
        (Type::Ok, "write", Value::Null),
        (Type::Invoke, "read", Value::Null),
        (Type::Ok, "read", json!(seen)),
    ] {
        line(history, 1_000_000, kind, f, &json!(key), value);
    }
}

#[test]
fn one_budget_of_states_is_for_all_keys_and_every_undecided_key_is_named() {
    let mut history = History::default();
    let hard: Vec<String> = (0..20).map(|i| format!("h{i:02}")).collect();
    hard.iter().for_each(|key| add_hard(&mut history, key));
    (0..20).for_each(|i| add_easy(&mut history, &format!("z{i}"), 1));
    let names = hard.iter().map(|key| format!("\"{key}\"")).collect::<Vec<_>>().join(", ");
    let mut spent = 0;
    let mut budget = Budget::watched(1_000_000, |states| {
        spent = states;
        true
    });
    let judged = check(&history, &mut budget);
    assert!(budget.is_spent());
    drop(budget);
    let why = format!("more than 1000000 states, not decided: keys {names}");
    assert_eq!(judged.verdict, Verdict::Undecided { why });
    assert!((900_000..=1_000_000).contains(&spent), "{spent}");
    assert_eq!((judged.counts.keys, judged.counts.unknown), (40, 480));
}

#[test]
fn time_is_asked_for_all_keys_too() {
    let mut history = History::default();
    ["a", "b", "c"].iter().for_each(|key| add_hard(&mut history, key));
    let judged = check(&history, &mut Budget::watched(MOST_STATES, |states| states < 200_000));
    let Verdict::Undecided { why } = judged.verdict else { panic!("{judged:?}") };
    let words = "the time was over after 200704 states, not decided: keys \"a\", \"b\", \"c\"";
    assert_eq!(why, words);
}

#[test]
fn a_violation_of_an_easy_key_is_found_among_hard_ones() {
    let mut history = History::default();
    ["a", "b"].iter().for_each(|key| add_hard(&mut history, key));
    add_easy(&mut history, "z", 2);
    let (why, window) = violation(check(&history, &mut Budget::states(MOST_STATES)).verdict);
    assert!(why.starts_with("key \"z\": no operation wrote"), "{why}");
    assert!(why.ends_with("not decided: keys \"a\", \"b\""), "{why}");
    assert_eq!(window.len(), 2);
}

#[test]
fn a_hard_key_is_decided_with_a_larger_budget() {
    let mut history = History::default();
    for i in 0..12 {
        line(&mut history, i, Type::Invoke, "write", &Value::Null, json!(i));
    }
    for seen in [0, 1, 0] {
        line(&mut history, 99, Type::Invoke, "read", &Value::Null, Value::Null);
        line(&mut history, 99, Type::Ok, "read", &Value::Null, json!(seen));
    }
    let few = check(&history, &mut Budget::states(1_000)).verdict;
    let why = "more than 1000 states, not decided: the only key".into();
    assert_eq!(few, Verdict::Undecided { why });
    let (_, window) = violation(check(&history, &mut Budget::states(MOST_STATES)).verdict);
    let seen: Vec<u64> = window.iter().filter_map(|entry| entry.value.as_u64()).collect();
    assert_eq!(seen, [0, 1, 0], "the writes without an answer explain nothing");
}

/// `process type value`, one a line: writes where there is a value to ask with, else reads.
fn times_shown(text: &str) -> Vec<u64> {
    let mut history = History::default();
    let mut asked = std::collections::BTreeMap::new();
    for words in text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()) {
        let process: u64 = words[0].parse().unwrap();
        let value = words.get(2).map_or(Value::Null, |word| word.parse::<u64>().unwrap().into());
        let kind = if words[1] == "ask" { Type::Invoke } else { Type::Ok };
        if kind == Type::Invoke {
            asked.insert(process, if value.is_null() { "read" } else { "write" });
        }
        line(&mut history, process, kind, asked[&process], &Value::Null, value);
    }
    let (_, window) = violation(check(&history, &mut Budget::states(MOST_STATES)).verdict);
    window.iter().map(|entry| entry.time).collect()
}

#[test]
fn the_smallest_part_is_a_set_of_operations_not_a_stretch() {
    let stale = "1 ask 1\n1 ok\n2 ask 2\n2 ok\n3 ask\n3 ok 1";
    assert_eq!(times_shown(stale), [2, 3, 4, 5]);
    let busy = "1 ask 1\n1 ok\n4 ask\n2 ask 2\n5 ask\n5 ok 2\n2 ok\n6 ask 2\n6 ok\n4 ok 2\n7 ask\n\
                7 ok 2\n3 ask\n7 ask\n7 ok 2\n3 ok 1";
    assert_eq!(times_shown(busy), [12, 13, 14, 15], "no write was under way");
    // Two readers saw two writes in two orders; what others did meanwhile is left out.
    let crossed = "1 ask 1\n2 ask 2\n5 ask\n3 ask\n3 ok 1\n6 ask 9\n3 ask\n3 ok 2\n4 ask\n5 ok 2\n\
                   4 ok 1\n6 ok\n1 ok\n2 ok";
    assert_eq!(times_shown(crossed), [3, 4, 6, 7, 8, 10]);
}

//! One key at a time: registers and stores.

use lab::check::linear::{self, Budget, MOST_STATES, Model};
use lab::check::{BadHistory, History, Type, Verdict};
use serde_json::{Value, json};

use super::{line, violation};

/// `process type f value`, one a line.
fn history(text: &str) -> History {
    let mut history = History::default();
    for words in text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()) {
        let [process, kind, f, rest @ ..] = &words[..] else { continue };
        let kind = serde_json::from_value(json!(kind)).unwrap();
        let value = serde_json::from_str(&rest.join(" ")).unwrap_or(Value::Null);
        line(&mut history, process.parse().unwrap(), kind, f, &json!("x"), value);
    }
    history
}

fn check(history: &History, model: Model, states: usize) -> Result<Verdict, BadHistory> {
    let judged = linear::check(history, &model.into(), &mut Budget::states(states));
    judged.map(|judged| judged.verdict)
}

fn judge(text: &str) -> Verdict {
    check(&history(text), Model::Register, MOST_STATES).unwrap()
}

#[test]
fn a_read_that_overlaps_a_write_may_see_either_value() {
    for seen in ["1", "null"] {
        let text = format!(
            "1 invoke write 1\n2 invoke read\n2 ok read {seen}\n1 ok write\n2 invoke read\n2 ok read 1"
        );
        assert_eq!(judge(&text), Verdict::Ok, "{seen}");
    }
}

#[test]
fn a_read_that_sees_the_old_value_after_somebody_saw_the_new_one_is_a_violation() {
    let (why, window) = violation(judge(
        "1 invoke write 1
         1 ok write
         1 invoke write 2
         2 invoke read
         2 ok read 2
         3 invoke read
         3 ok read 1
         1 ok write
         2 invoke read
         2 ok read 2",
    ));
    assert_eq!(
        why,
        "key \"x\": no order of the operations explains the answer `read 1` to process 3"
    );
    let times: Vec<u64> = window.iter().map(|entry| entry.time).collect();
    assert_eq!(times, [3, 4, 5, 6], "the write that went on meanwhile explains nothing");
}

#[test]
fn a_write_that_nobody_knows_the_end_of_may_be_done_much_later_and_only_once() {
    let late =
        "1 invoke write 1\n1 info write\n2 invoke read\n2 ok read null\n2 invoke read\n2 ok read 1";
    assert_eq!(judge(late), Verdict::Ok);
    let twice = format!(
        "{late}\n3 invoke write 2\n3 ok write\n2 invoke read\n2 ok read 2\n2 invoke read\n2 ok read 1"
    );
    violation(judge(&twice));
}

#[test]
fn a_write_that_failed_is_never_seen() {
    let (why, window) = violation(judge(
        "1 invoke write 1\n1 fail write\n2 invoke read\n2 ok read null\n2 invoke read\n2 ok read 1",
    ));
    assert_eq!(
        why,
        "key \"x\": no operation wrote what is in the answer `read 1` to process 2\n\
         `write 1` of process 1 was answered `fail`: it was not done"
    );
    assert_eq!(window.iter().map(|entry| entry.time).collect::<Vec<_>>(), [0, 1, 4, 5]);
}

#[test]
fn where_nothing_wrote_a_value_all_that_failed_to_are_shown() {
    let (why, window) = violation(judge(
        "1 invoke write 7
         3 invoke read
         3 fail read
         2 invoke cas [5, 7]
         1 fail write
         2 fail cas
         4 invoke write 6
         4 fail write
         5 invoke read
         5 ok read 7",
    ));
    assert_eq!(
        why,
        "key \"x\": no operation wrote what is in the answer `read 7` to process 5\n\
         `write 7` of process 1 was answered `fail`: it was not done\n\
         `cas [5,7]` of process 2 was answered `fail`: it was not done"
    );
    let times: Vec<u64> = window.iter().map(|entry| entry.time).collect();
    assert_eq!(times, [0, 3, 4, 5, 8, 9]);
}

#[test]
fn of_two_that_compare_and_set_the_same_value_one_wins() {
    let both = "1 invoke write 0
        1 ok write
        1 invoke cas [0, 1]
        2 invoke cas [0, 2]
        1 ok cas
        2 ok cas";
    violation(judge(both));
    assert_eq!(judge(&both.replace("2 ok cas", "2 fail cas")), Verdict::Ok);
    assert_eq!(judge(&both.replace("2 ok cas", "2 info cas")), Verdict::Ok);
}

#[test]
fn a_deleted_key_is_gone_and_other_keys_are_not() {
    let mut history = History::default();
    let mut done = |f: &str, key: &str, value: Value| {
        let asked = if f == "get" { Value::Null } else { value.clone() };
        line(&mut history, 1, Type::Invoke, f, &json!(key), asked);
        line(&mut history, 1, Type::Ok, f, &json!(key), value);
    };
    done("put", "a", json!(1));
    done("put", "b", json!(2));
    done("delete", "a", Value::Null);
    done("get", "b", json!(2));
    done("get", "a", Value::Null);
    assert_eq!(check(&history, Model::Kv, MOST_STATES), Ok(Verdict::Ok));
    line(&mut history, 1, Type::Invoke, "get", &json!("a"), Value::Null);
    line(&mut history, 1, Type::Ok, "get", &json!("a"), json!(1));
    let (why, _) = violation(check(&history, Model::Kv, MOST_STATES).unwrap());
    assert!(why.starts_with("key \"a\": no order"), "{why}");
    assert_eq!(check(&history, Model::Register, 1).unwrap_err().line, 1, "another model's words");
}

#[test]
fn a_bound_on_states_or_no_answer_at_all_leaves_it_undecided() {
    let read = "9 invoke read\n9 ok read 7\n9 invoke read\n9 ok read null";
    let writes: Vec<String> = (0..8).map(|i| format!("{i} invoke write {i}")).collect();
    let text = format!("{}\n{read}", writes.join("\n"));
    let few = check(&history(&text), Model::Register, 3).unwrap();
    let why = "more than 3 states, not decided: key \"x\"".into();
    assert_eq!(few, Verdict::Undecided { why });
    violation(judge(&text));
    assert!(matches!(judge(&writes.join("\n")), Verdict::Undecided { .. }));
}

#[test]
fn twenty_thousand_operations_of_eight_clients_on_one_key_are_judged() {
    let mut history = History::default();
    for i in 0..2_500_u64 {
        // Eight overlap; they take effect in the order of their clients.
        for client in 0..8 {
            let (f, value) =
                if client % 2 == 0 { ("write", json!(i)) } else { ("read", Value::Null) };
            line(&mut history, client, Type::Invoke, f, &json!("x"), value);
        }
        for client in (0..8).rev() {
            let f = if client % 2 == 0 { "write" } else { "read" };
            let value = if f == "read" { json!(i) } else { Value::Null };
            line(&mut history, client, Type::Ok, f, &json!("x"), value);
        }
    }
    assert_eq!(check(&history, Model::Register, MOST_STATES), Ok(Verdict::Ok));
    line(&mut history, 1, Type::Invoke, "read", &json!("x"), Value::Null);
    line(&mut history, 1, Type::Ok, "read", &json!("x"), json!(7));
    let (_, window) = violation(check(&history, Model::Register, MOST_STATES).unwrap());
    assert!(window.len() < 30, "{} lines", window.len());
}

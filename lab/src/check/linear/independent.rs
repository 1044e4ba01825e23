//! Independent keys, as Jepsen writes them: no line has a `key`, and every value is `[key, value]`.
//!
//! An array of two may be a value as well. What shows the difference is a read: it asks for
//! `["k2", null]` where a key is in the value, and for nothing where none is.

use serde_json::Value;

use crate::check::history::shown;
use crate::check::{BadHistory, History, Operation};

/// Moves the keys out of the values, if they are there.
pub(super) fn keys_out_of_values(
    history: &History,
    operations: &mut [Operation],
) -> Result<(), BadHistory> {
    let has_pair =
        |one: &Operation| one.question.key.is_null() && pair(&one.question.value).is_some();
    let all = operations.iter().all(has_pair);
    let is_cas = |one: &Operation| {
        one.question.f == "cas" && pair(&one.question.value).is_some_and(|[_, v]| pair(v).is_some())
    };
    let read = operations.iter().find(|one| reads_a_key(one));
    if let Some(read) = read.filter(|_| !all) {
        let value = shown(&read.question.value);
        let why =
            format!("a read asks for {value}, so keys are in the values, and in some they are not");
        return Err(BadHistory { line: history.line(read.invoked), why });
    }
    if !all || (read.is_none() && !operations.iter().any(is_cas)) {
        return Ok(());
    }
    for one in operations {
        let (key, value) = split(&one.question.value).unwrap_or_default();
        if let Some(end) = one.end.as_mut().filter(|end| !end.value.is_null()) {
            let (same, value) = split(&end.value).unwrap_or_default();
            if same != key {
                let why = format!("expected an answer about the key {}: [key, value]", shown(&key));
                return Err(BadHistory { line: history.line(end.at), why });
            }
            end.value = value;
        }
        (one.question.key, one.question.value) = (key, value);
    }
    Ok(())
}

fn reads_a_key(one: &Operation) -> bool {
    matches!(one.question.f.as_str(), "read" | "get")
        && pair(&one.question.value).is_some_and(|[_, value]| value.is_null())
}

fn pair(value: &Value) -> Option<&[Value; 2]> {
    value.as_array()?.as_slice().try_into().ok()
}

fn split(value: &Value) -> Option<(Value, Value)> {
    pair(value).cloned().map(|[key, value]| (key, value))
}

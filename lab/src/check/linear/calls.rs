//! From operations to calls, key by key. Values become numbers: equal ones the same.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::independent::keys_out_of_values;
use super::search::{Call, NOTHING, Op};
use super::{Model, Rules};
use crate::check::history::shown;
use crate::check::{BadHistory, Counts, History, Operation};

/// What was asked of one key.
#[derive(Default)]
pub(super) struct Key {
    pub(super) calls: Vec<Call>,
    /// What answered `fail`: the value that it did not write, the question and the answer.
    pub(super) failed: Vec<(u32, [usize; 2])>,
}

/// A history, understood.
pub(super) struct Keys {
    pub(super) keys: BTreeMap<String, Key>,
    /// What is there before the first write.
    pub(super) initial: u32,
    pub(super) counts: Counts,
}

/// Reads a history for a model.
pub(super) fn understand(history: &History, rules: &Rules) -> Result<Keys, BadHistory> {
    let mut operations = history.operations()?;
    keys_out_of_values(history, &mut operations)?;
    let mut names: HashMap<Value, u32> = HashMap::from([(Value::Null, NOTHING)]);
    let mut name = |value: &Value| {
        let fresh = u32::try_from(names.len()).expect("fewer than 2³² values");
        *names.entry(value.clone()).or_insert(fresh)
    };
    let initial = name(&rules.initial);
    let mut keys: BTreeMap<String, Key> = BTreeMap::new();
    let mut counts = Counts { operations: operations.len(), ..Counts::default() };
    for operation in &operations {
        let bad = |at| move |why| BadHistory { line: history.line(at), why };
        let (asked, end) = (&operation.question, operation.end.as_ref());
        let op = op(rules.model, operation, &mut name).map_err(bad(operation.invoked))?;
        let key = keys.entry(shown(&asked.key)).or_default();
        if let Some(end) = end.filter(|end| !end.has_error) {
            repeats(operation, &end.value).map_err(bad(end.at))?;
        }
        counts.unknown += usize::from(end.is_none());
        counts.reads += usize::from(matches!(op, Some(Op::Read(_))));
        let answered = end.map(|end| end.at);
        if let Some(end) = end.filter(|end| !end.done) {
            let new = match asked.f.as_str() {
                "read" | "get" => None,
                "delete" => Some(&Value::Null),
                "cas" => asked.value.get(1),
                _ => Some(&asked.value),
            };
            key.failed.extend(new.map(|new| (name(new), [operation.invoked, end.at])));
        }
        let was_done = end.is_none_or(|end| end.done);
        if let Some(op) = op.filter(|op| was_done || matches!(op, Op::FailedCas(_))) {
            key.calls.push(Call { op, invoked: operation.invoked, answered });
        }
    }
    counts.keys = keys.len();
    Ok(Keys { keys, initial, counts })
}

/// What an operation did, or would have done if its answer is `fail`. A read without an answer says
/// nothing, and neither does a cas that failed for a reason of its own.
fn op(
    model: Model,
    operation: &Operation,
    name: &mut impl FnMut(&Value) -> u32,
) -> Result<Option<Op>, String> {
    let (asked, end) = (&operation.question, operation.end.as_ref());
    Ok(match (model, asked.f.as_str()) {
        (Model::Register, "read") | (Model::Kv, "get") => {
            end.filter(|end| end.done).map(|end| Op::Read(name(&end.value)))
        }
        (Model::Register, f @ "write") | (Model::Kv, f @ "put") => {
            if asked.value.is_null() {
                return Err(format!("a {f} needs a `value` that is not null"));
            }
            Some(Op::Write(name(&asked.value)))
        }
        (Model::Kv, "delete") => Some(Op::Write(NOTHING)),
        (Model::Register, "cas") => {
            let Some([from, to]) = asked.value.as_array().map(Vec::as_slice) else {
                return Err("the value of a cas is [from, to]".into());
            };
            match end {
                Some(end) if !end.done => (!end.has_error).then(|| Op::FailedCas(name(from))),
                _ => Some(Op::Cas(name(from), name(to))),
            }
        }
        (Model::Register, f) => {
            return Err(format!("a register knows read, write and cas, not {f}"));
        }
        (Model::Kv, f) => return Err(format!("a kv store knows get, put and delete, not {f}")),
    })
}

/// An answer may leave the value out; it has no other one.
fn repeats(operation: &Operation, answer: &Value) -> Result<(), String> {
    let asked = &operation.question;
    if asked.value.is_null() || answer.is_null() || asked.value == *answer {
        return Ok(());
    }
    let values = [&asked.value, answer].map(shown);
    Err(format!(
        "process {} asked {} {}, and is answered about {}",
        asked.process, asked.f, values[0], values[1]
    ))
}

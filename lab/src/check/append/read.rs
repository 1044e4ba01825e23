//! From JSON to transactions. Keys and values become numbers: equal ones the same.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::check::history::shown;
use crate::check::{BadHistory, Counts, History, Operation};

/// What became of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Done,
    NotDone,
    Unknown,
}

/// A value of a list, in a list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Item {
    pub(super) key: u32,
    pub(super) value: u32,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Op {
    Append(Item),
    /// What was read; `None` if that is unknown.
    Read(u32, Option<Vec<u32>>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Transaction {
    pub(super) process: u64,
    pub(super) invoked: usize,
    /// Where its answer is, if that says anything for certain.
    pub(super) ended: Option<usize>,
    pub(super) fate: Fate,
    pub(super) ops: Vec<Op>,
}

/// Who appended a value, and whether nothing more of it went to that list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Writer {
    pub(super) transaction: usize,
    /// Which of its operations it was.
    pub(super) place: usize,
    pub(super) is_last: bool,
}

/// A history of transactions.
pub(super) struct Understood {
    pub(super) transactions: Vec<Transaction>,
    pub(super) writers: HashMap<Item, Writer>,
    names: Vec<Value>,
}

impl Understood {
    /// A key or a value as it was written.
    pub(super) fn name(&self, number: u32) -> String {
        shown(&self.names[number as usize])
    }

    pub(super) fn counts(&self) -> Counts {
        let all = self.transactions.iter();
        let is_read = |op: &Op| matches!(op, Op::Read(..));
        let reads = |one: &&Transaction| one.fate == Fate::Done && one.ops.iter().any(is_read);
        let ops = all.clone().flat_map(|one| &one.ops);
        let keys = ops.map(|op| match op {
            Op::Append(Item { key, .. }) | Op::Read(key, _) => *key,
        });
        Counts {
            operations: all.len(),
            reads: all.clone().filter(reads).count(),
            unknown: all.clone().filter(|one| one.fate == Fate::Unknown).count(),
            keys: keys.collect::<BTreeSet<u32>>().len(),
        }
    }
}

#[derive(Default)]
struct Names {
    numbers: HashMap<Value, u32>,
    names: Vec<Value>,
}

impl Names {
    fn number(&mut self, value: &Value) -> u32 {
        let fresh = u32::try_from(self.names.len()).expect("fewer than 2³² names");
        let number = *self.numbers.entry(value.clone()).or_insert(fresh);
        if number == fresh {
            self.names.push(value.clone());
        }
        number
    }
}

/// Reads a history, and finds the writer of every value.
pub(super) fn understand(history: &History) -> Result<Understood, BadHistory> {
    let mut names = Names::default();
    let mut transactions = Vec::new();
    let mut writers: HashMap<Item, Writer> = HashMap::new();
    for operation in history.operations()? {
        let number = transactions.len();
        let transaction = transaction(&operation, &mut names)
            .map_err(|(at, why)| BadHistory { line: history.line(at), why })?;
        let mut last: HashMap<u32, Item> = HashMap::new();
        for (place, op) in transaction.ops.iter().enumerate() {
            let Op::Append(item) = *op else { continue };
            let writer = Writer { transaction: number, place, is_last: true };
            if writers.insert(item, writer).is_some() {
                let (key, value) = (
                    shown(&names.names[item.key as usize]),
                    shown(&names.names[item.value as usize]),
                );
                let why = format!(
                    "{value} is appended to {key} a second time; every value must be its own"
                );
                return Err(BadHistory { line: history.line(transaction.invoked), why });
            }
            if let Some(before) = last.insert(item.key, item) {
                writers.get_mut(&before).expect("it was inserted").is_last = false;
            }
        }
        transactions.push(transaction);
    }
    Ok(Understood { transactions, writers, names: names.names })
}

/// One transaction; the error comes with its place.
fn transaction(operation: &Operation, names: &mut Names) -> Result<Transaction, (usize, String)> {
    let (asked, invoked) = (&operation.question, operation.invoked);
    if asked.f != "txn" {
        return Err((invoked, format!("a transaction is called txn, not {}", asked.f)));
    }
    let questions = ops(&asked.value, names).map_err(|why| (invoked, why))?;
    let (fate, ended, ops) = match &operation.end {
        None => (Fate::Unknown, None, questions),
        Some(end) if !end.done => (Fate::NotDone, Some(end.at), questions),
        Some(end) => {
            let mut answers = ops(&end.value, names).map_err(|why| (end.at, why))?;
            // `null` is how Jepsen's clients return the list of a key that is not there.
            let reads = answers.iter_mut().filter_map(|op| match op {
                Op::Read(_, list) => Some(list),
                Op::Append(_) => None,
            });
            reads.for_each(|list| *list = Some(list.take().unwrap_or_default()));
            let same = questions.len() == answers.len()
                && questions.iter().zip(&answers).all(|pair| match pair {
                    (Op::Append(asked), Op::Append(done)) => asked == done,
                    (Op::Read(asked, _), Op::Read(done, _)) => asked == done,
                    _ => false,
                });
            if !same {
                let why = "the answer must repeat the question, with the list that each read found";
                return Err((end.at, why.into()));
            }
            (Fate::Done, Some(end.at), answers)
        }
    };
    Ok(Transaction { process: asked.process, invoked, ended, fate, ops })
}

fn ops(value: &Value, names: &mut Names) -> Result<Vec<Op>, String> {
    let expected = || {
        format!(
            "expected a list such as [[\"append\",\"x\",1],[\"r\",\"y\",[1]]], found {}",
            shown(value).chars().take(60).collect::<String>()
        )
    };
    let list = value.as_array().ok_or_else(expected)?;
    let op = |op: &Value| {
        let [name, key, value] = op.as_array().map(Vec::as_slice)? else { return None };
        let key = names.number(key);
        match (name.as_str()?, value) {
            ("append" | ":append", value) => {
                Some(Op::Append(Item { key, value: names.number(value) }))
            }
            ("r" | ":r", Value::Null) => Some(Op::Read(key, None)),
            ("r" | ":r", Value::Array(list)) => {
                Some(Op::Read(key, Some(list.iter().map(|value| names.number(value)).collect())))
            }
            _ => None,
        }
    };
    list.iter().map(op).collect::<Option<Vec<_>>>().ok_or_else(expected)
}

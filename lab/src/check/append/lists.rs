//! From reads to lists: the longest read of a key says in which order its values were appended, and
//! every other read has to be a beginning of it.

use std::collections::BTreeMap;

use super::anomaly::Anomaly;
use super::read::{Fate, Item, Op, Understood};
use super::words;

/// A read, without what its transaction had appended itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) reader: usize,
    /// So many values of the list.
    pub(super) length: usize,
}

/// All that was read of a key.
#[derive(Default)]
pub(super) struct List {
    /// The longest read.
    pub(super) values: Vec<u32>,
    longest_reader: usize,
    pub(super) seen: Vec<Seen>,
}

/// The lists by key. An error is an anomaly that needs no circle.
pub(super) fn lists(all: &Understood) -> Result<BTreeMap<u32, List>, Anomaly> {
    let mut lists: BTreeMap<u32, List> = BTreeMap::new();
    let mut reads = Vec::new();
    for (reader, transaction) in all.transactions.iter().enumerate() {
        if transaction.fate != Fate::Done {
            continue;
        }
        let mut own: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for op in &transaction.ops {
            match op {
                Op::Append(item) => own.entry(item.key).or_default().push(item.value),
                Op::Read(key, list) => {
                    let values = list.as_deref().unwrap_or_default();
                    let own = own.get(key).map(Vec::as_slice).unwrap_or_default();
                    let length = one_read(all, reader, *key, values, own)?;
                    let list = lists.entry(*key).or_default();
                    list.seen.push(Seen { reader, length });
                    if values.len() > list.values.len() {
                        list.values = values.to_vec();
                        list.longest_reader = reader;
                    }
                    reads.push((reader, *key, values));
                }
            }
        }
    }
    for (reader, key, values) in reads {
        let list = &lists[&key];
        if !list.values.starts_with(values) {
            let what = "incompatible order: the same list, read in two orders:";
            let shown = [(reader, values), (list.longest_reader, list.values.as_slice())];
            return Err(words::two_reads(all, what, key, shown));
        }
    }
    for (key, list) in &lists {
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        for value in &list.values {
            let item = Item { key: *key, value: *value };
            let writer = all.writers[&item];
            if last.insert(writer.transaction, writer.place) > Some(writer.place) {
                let (name, what) = ("incompatible order", "behind what it was appended before");
                let shown = vec![list.longest_reader, writer.transaction];
                return Err(words::of_read(all, name, list.longest_reader, item, what, shown));
            }
        }
    }
    Ok(lists)
}

/// What can be wrong with one read by itself. Returns its length without what is the reader's own.
fn one_read(
    all: &Understood,
    reader: usize,
    key: u32,
    values: &[u32],
    own: &[u32],
) -> Result<usize, Anomaly> {
    let say = |name, value, what, writer: Option<usize>| {
        let shown = [Some(reader), writer].into_iter().flatten().collect();
        words::of_read(all, name, reader, Item { key, value }, what, shown)
    };
    let mut met = std::collections::HashSet::new();
    for value in values {
        if !met.insert(*value) {
            return Err(say("duplicate", *value, "twice, and it was appended once", None));
        }
        let Some(writer) = all.writers.get(&Item { key, value: *value }) else {
            return Err(say("unwritten", *value, "which no transaction appended", None));
        };
        if all.transactions[writer.transaction].fate == Fate::NotDone {
            let what = "of a transaction that was not done";
            return Err(say("G1a, aborted read", *value, what, Some(writer.transaction)));
        }
    }
    let length = values.len().saturating_sub(own.len());
    let (others, mine) = values.split_at(length);
    let is_mine = |value: &u32| all.writers[&Item { key, value: *value }].transaction == reader;
    if mine != own || others.iter().any(is_mine) {
        let value = own.last().or(others.iter().find(|value| is_mine(value))).copied();
        let value = value.expect("there are own values on one side");
        return Err(say("internal", value, "not where its own appends have to be", None));
    }
    if let Some(last) = others.last() {
        let writer = all.writers[&Item { key, value: *last }];
        if !writer.is_last {
            let what = "as the last value, and its transaction appended more";
            return Err(say("G1b, intermediate read", *last, what, Some(writer.transaction)));
        }
    }
    Ok(length)
}

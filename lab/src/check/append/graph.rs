//! Which transaction has to stand before which.
//!
//! Beside the transactions the graph has *junctions*: points that stand for nothing but "all of these
//! before all of those". A time line of them says in two edges a transaction that it began after
//! everything that had ended by then; without them that would be millions of edges.

use std::collections::BTreeMap;

use super::anomaly::Promise;
use super::lists::List;
use super::read::{Fate, Item, Op, Understood};

/// Why one stands before another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// It wrote first.
    Ww,
    /// It wrote what the other saw.
    Wr,
    /// It missed what the other wrote.
    Rw,
    /// It ended before the other began.
    Realtime,
    /// On from a junction: the edge into it says why.
    On,
}

/// An edge; the item is the later one of the two writes, what was seen, or what was missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Edge {
    pub(super) to: usize,
    pub(super) why: Why,
    pub(super) item: Item,
}

/// Edges by point; the first points are the transactions, the others junctions.
pub(super) struct Graph {
    pub(super) transactions: usize,
    pub(super) edges: Vec<Vec<Edge>>,
}

/// Where an item says nothing.
const NO_ITEM: Item = Item { key: u32::MAX, value: u32::MAX };

impl Graph {
    fn junction(&mut self) -> usize {
        self.edges.push(Vec::new());
        self.edges.len() - 1
    }

    fn add(&mut self, from: usize, to: usize, why: Why, item: Item) {
        if from != to {
            self.edges[from].push(Edge { to, why, item });
        }
    }

    /// Writers before writers and readers, readers before the writers that they missed.
    fn add_list(&mut self, all: &Understood, key: u32, list: &List, unread: &[Item]) {
        let writer = |value: u32| all.writers[&Item { key, value }].transaction;
        for pair in list.values.windows(2) {
            let item = Item { key, value: pair[1] };
            self.add(writer(pair[0]), writer(pair[1]), Why::Ww, item);
        }
        for seen in &list.seen {
            if let Some(&value) = seen.length.checked_sub(1).and_then(|i| list.values.get(i)) {
                self.add(writer(value), seen.reader, Why::Wr, Item { key, value });
            }
            if let Some(&value) = list.values.get(seen.length) {
                self.add(seen.reader, writer(value), Why::Rw, Item { key, value });
            }
        }
        if let Some(last) = list.values.last() {
            for item in unread {
                let to = all.writers[item].transaction;
                self.add(writer(*last), to, Why::Ww, *item);
            }
        }
        let whole = list.seen.iter().filter(|seen| seen.length == list.values.len());
        let readers: Vec<usize> = whole.map(|seen| seen.reader).collect();
        self.add_missed(all, readers, unread);
    }

    /// Every transaction that read a whole list stands before all that appended to it unread, and
    /// none before itself: so there is a row of junctions for the readers up to each, and one from
    /// each.
    fn add_missed(&mut self, all: &Understood, mut readers: Vec<usize>, unread: &[Item]) {
        readers.sort_unstable();
        readers.dedup();
        if readers.is_empty() || unread.is_empty() {
            return;
        }
        let [up_to, down_to] = [0, 1].map(|_| readers.iter().map(|_| self.junction()).collect());
        let (up_to, down_to): (Vec<usize>, Vec<usize>) = (up_to, down_to);
        for (i, reader) in readers.iter().enumerate() {
            self.add(*reader, up_to[i], Why::Rw, NO_ITEM);
            self.add(*reader, down_to[i], Why::Rw, NO_ITEM);
            if i > 0 {
                self.add(up_to[i - 1], up_to[i], Why::On, NO_ITEM);
                self.add(down_to[i], down_to[i - 1], Why::On, NO_ITEM);
            }
        }
        for item in unread {
            let writer = all.writers[item].transaction;
            let (before, behind) = match readers.binary_search(&writer) {
                Ok(i) => (i.checked_sub(1), Some(i + 1)),
                Err(_) => (Some(readers.len() - 1), None),
            };
            if let Some(i) = before {
                self.add(up_to[i], writer, Why::On, *item);
            }
            if let Some(i) = behind.filter(|i| *i < readers.len()) {
                self.add(down_to[i], writer, Why::On, *item);
            }
        }
    }

    /// A junction for each end, one after the other; a transaction that begins stands behind the
    /// last.
    fn add_time(&mut self, all: &Understood, counts: &[bool], places: Option<&[usize]>) {
        let place = |at: usize| places.map_or(at, |places| places[at]);
        let counted = all.transactions.iter().enumerate().filter(|(i, _)| counts[*i]);
        let begun = counted.clone().map(|(i, one)| (place(one.invoked), i, false));
        let ended = counted.filter_map(|(i, one)| Some((place(one.ended?), i, true)));
        let mut events: Vec<(usize, usize, bool)> = begun.chain(ended).collect();
        events.sort_unstable();
        let mut now = None;
        for (_, transaction, is_end) in events {
            if is_end {
                let next = self.junction();
                self.add(transaction, next, Why::Realtime, NO_ITEM);
                if let Some(before) = now.replace(next) {
                    self.add(before, next, Why::On, NO_ITEM);
                }
            } else if let Some(now) = now {
                self.add(now, transaction, Why::On, NO_ITEM);
            }
        }
    }
}

/// The graph of everything that was done; in time, the entries have these places, if others than
/// their own.
pub(super) fn graph(
    all: &Understood,
    lists: &BTreeMap<u32, List>,
    promise: Promise,
    places: Option<&[usize]>,
) -> Graph {
    let transactions = all.transactions.len();
    let mut counts: Vec<bool> = all.transactions.iter().map(|one| one.fate == Fate::Done).collect();
    for (key, list) in lists {
        for value in &list.values {
            counts[all.writers[&Item { key: *key, value: *value }].transaction] = true;
        }
    }
    let mut unread: BTreeMap<u32, Vec<Item>> = BTreeMap::new();
    let read: std::collections::HashSet<Item> = lists
        .iter()
        .flat_map(|(key, list)| list.values.iter().map(|value| Item { key: *key, value: *value }))
        .collect();
    for (_, one) in all.transactions.iter().enumerate().filter(|(i, _)| counts[*i]) {
        for op in &one.ops {
            match op {
                Op::Append(item) if !read.contains(item) => {
                    unread.entry(item.key).or_default().push(*item);
                }
                Op::Append(_) | Op::Read(..) => {}
            }
        }
    }
    let mut graph = Graph { transactions, edges: vec![Vec::new(); transactions] };
    for (key, list) in lists {
        let unread = unread.get(key).map(Vec::as_slice).unwrap_or_default();
        graph.add_list(all, *key, list, unread);
    }
    if promise == Promise::StrictSerializable {
        graph.add_time(all, &counts, places);
    }
    graph
}

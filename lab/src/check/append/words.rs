//! Anomalies in words.

use super::anomaly::Anomaly;
use super::cycle::Step;
use super::graph::Why;
use super::read::{Item, Understood};

/// `G-single: T1 is …`, and why each stands before the next.
pub(super) fn of_cycle(all: &Understood, mut cycle: Vec<Step>) -> Anomaly {
    let first = (0..cycle.len()).min_by_key(|i| cycle[*i].from).expect("a circle has steps");
    cycle.rotate_left(first);
    let count = |why| cycle.iter().filter(|step| step.edge.why == why).count();
    let name = match (count(Why::Rw), count(Why::Wr)) {
        (0, 0) => "G0, write cycle",
        (0, _) => "G1c, circular information flow",
        (1, _) => "G-single, read skew",
        (_, _) => "G2-item, write skew",
    };
    let (name, title) = name.split_once(", ").expect("a name and a title");
    let realtime = if count(Why::Realtime) > 0 { "-realtime" } else { "" };
    let mut why = format!("{name}{realtime} ({title}): each of these stands before the next");
    for (i, step) in cycle.iter().enumerate() {
        let process = all.transactions[step.from].process;
        let (this, next) = (i + 1, (i + 1) % cycle.len() + 1);
        let because = reason(all, step, this, next);
        why += &format!("\n  T{this} (process {process}) before T{next}: {because}");
    }
    Anomaly { why, shown: cycle.iter().map(|step| step.from).collect() }
}

fn reason(all: &Understood, step: &Step, this: usize, next: usize) -> String {
    let Item { key, value } = step.edge.item;
    let item = || format!("{} to {}", all.name(value), all.name(key));
    match step.edge.why {
        Why::Ww => format!("T{next} appended {} behind T{this} (ww)", item()),
        Why::Wr => {
            let (value, key) = (all.name(value), all.name(key));
            format!("T{next} saw {value} in {key}, which T{this} appended (wr)")
        }
        Why::Rw => format!("T{this} did not see that T{next} appended {} (rw)", item()),
        Why::Realtime => format!("T{this} had ended when T{next} began (realtime)"),
        Why::On => unreachable!("a way over junctions keeps the reason of its first edge"),
    }
}

/// `G1a: process 3 read 7 in x, …`.
pub(super) fn of_read(
    all: &Understood,
    name: &str,
    reader: usize,
    item: Item,
    what: &str,
    shown: Vec<usize>,
) -> Anomaly {
    let process = all.transactions[reader].process;
    let (value, key) = (all.name(item.value), all.name(item.key));
    let why = format!("{name}: process {process} read {key}, and {value} is there {what}");
    Anomaly { why, shown }
}

/// Two reads of one list that cannot both be beginnings of it.
pub(super) fn two_reads(
    all: &Understood,
    what: &str,
    key: u32,
    reads: [(usize, &[u32]); 2],
) -> Anomaly {
    let mut why = format!("{what} {}", all.name(key));
    for (reader, values) in reads {
        let values: Vec<String> = values.iter().map(|value| all.name(*value)).collect();
        let process = all.transactions[reader].process;
        why += &format!("\n  process {process} read [{}]", values.join(","));
    }
    Anomaly { why, shown: reads.map(|(reader, _)| reader).to_vec() }
}

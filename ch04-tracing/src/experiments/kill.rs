//! What a process takes along when it is killed: spans that no collector has, and what a ring of its last
//! records still knows of them.

use std::collections::BTreeSet;

use lab::chapter::Table;

use super::MANY;
use crate::step3_context as step3;
use crate::step4_exporter::{BATCH, LINGER};
use crate::types::Span;
use crate::workload::{Config, Process, Run};

/// Moments at which a process is killed, evenly over the run.
pub const KILLS: u64 = 100;
/// From a request to the answer of the collector.
const ANSWER: u64 = 20_000_000;
/// As many records a ring keeps: each span makes one when it begins and one when it ends.
/// That of the system is the last one.
pub const RINGS: [usize; 4] = [64, 512, 4096, 1 << 15];

/// Whether a collector stores anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Collector {
    /// It stores each batch.
    Up,
    /// It is down from the begin to the kill, so all spans are in the queue.
    Down,
}

/// What one kill costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Costs {
    /// Spans that had ended, and were not stored.
    pub not_stored: usize,
    /// Spans that had only begun.
    pub not_ended: usize,
    /// Spans of both sorts that no ring of that length knows.
    pub not_in_ring: [usize; RINGS.len()],
}

/// When each span is stored, in the order of their ends.
fn stored_at(ends: &[u64]) -> Vec<u64> {
    let (mut stored, mut free) = (Vec::new(), 0);
    let linger = LINGER.as_nanos() as u64;
    while let Some(first) = ends.get(stored.len()) {
        let rest = &ends[stored.len()..];
        let seen = free.max(*first);
        let late = seen + linger;
        let goes = rest.get(BATCH - 1).map_or(late, |full| late.min(seen.max(*full)));
        let count = rest.iter().take(BATCH).take_while(|end| **end <= goes).count();
        free = goes + ANSWER;
        stored.extend(std::iter::repeat_n(free, count));
    }
    stored
}

/// What is lost by each kill of a process that made these spans.
#[must_use]
pub fn costs(mut spans: Vec<&Span>, collector: Collector) -> Vec<Costs> {
    spans.sort_by_key(|span| (span.end, span.id));
    let ends: Vec<u64> = spans.iter().map(|span| span.end).collect();
    let stored = match collector {
        Collector::Up => stored_at(&ends),
        Collector::Down => vec![u64::MAX; ends.len()],
    };
    let begins = spans.iter().enumerate().map(|(place, span)| (span.start, place));
    let mut records: Vec<_> = begins.chain(ends.iter().copied().zip(0..)).collect();
    records.sort_unstable();
    let (Some((from, _)), Some((to, _))) = (records.first(), records.last()) else {
        return Vec::new();
    };
    let kill = |number: u64| {
        let at = from + (to - from) * number / (KILLS + 1);
        let written = &records[..records.partition_point(|(time, _)| *time <= at)];
        let begun = spans.iter().zip(&stored).zip(0..).filter(|((span, _), _)| span.start <= at);
        let lost: Vec<_> = begun.filter(|((_, stored), _)| **stored > at).collect();
        let ended = lost.iter().filter(|((span, _), _)| span.end <= at).count();
        let not_in_ring = RINGS.map(|slots| {
            let kept = &written[written.len().saturating_sub(slots)..];
            let known: BTreeSet<usize> = kept.iter().map(|(_, place)| *place).collect();
            lost.iter().filter(|(_, place)| !known.contains(place)).count()
        });
        Costs { not_stored: ended, not_ended: lost.len() - ended, not_in_ring }
    };
    (1..=KILLS).map(kill).collect()
}

/// The spans of one process in the shop.
#[must_use]
pub fn of(spans: &[Span], process: Process) -> Vec<&Span> {
    let name = process.to_string();
    spans.iter().filter(|span| span.service == name).collect()
}

/// The mean of all kills, and the most.
fn mean_and_most(counts: &[usize]) -> String {
    let tenths = (counts.iter().sum::<usize>() * 10 + counts.len() / 2) / counts.len();
    let most = counts.iter().max().expect("there are kills");
    format!("{}.{} ({most})", tenths / 10, tenths % 10)
}

pub(super) fn table() -> Table {
    let spans = step3::spans(&Run::of(Config::shop(MANY)));
    let processes = [Process::Lb, Process::Web1, Process::Coord, Process::Stock, Process::Replica1];
    let up = processes.map(|process| (process, Collector::Up, ""));
    let down = (Process::Coord, Collector::Down, ", and the collector is down");
    let rows = up.into_iter().chain([down]).map(|(process, collector, more)| {
        let costs = costs(of(&spans, process), collector);
        let column = |count: &dyn Fn(&Costs) -> usize| {
            mean_and_most(&costs.iter().map(count).collect::<Vec<_>>())
        };
        let sorts = [column(&|costs| costs.not_stored), column(&|costs| costs.not_ended)];
        let rings = (0..RINGS.len()).map(|ring| column(&|costs| costs.not_in_ring[ring]));
        [format!("{process}{more}")].into_iter().chain(sorts).chain(rings).collect()
    });
    let rings = RINGS.map(|slots| format!("not in a ring of {}", lab::view::thousands(slots)));
    let columns = ["killed", "ended, not stored", "not ended"].map(String::from);
    Table { columns: [columns.to_vec(), rings.to_vec()].concat(), rows: rows.collect() }
}

//! The service graph when spans are lost, and when traces are sampled.

use std::collections::BTreeMap;

use lab::chapter::Table;
use lab::rng::Rng;

use super::MANY;
use super::tables::share;
use crate::analysis::graph::graph;
use crate::analysis::{self, Tree};
use crate::step6_sampling::{Threshold, keep, random};
use crate::types::{Kind, Span, TraceId};
use crate::workload::{Config, Process, Run};

/// One trace in so many is kept where traces are sampled.
const KEPT: u64 = 16;

/// Calls between two processes, as they were made.
#[must_use]
pub fn truth(run: &Run) -> BTreeMap<(Process, Process), u64> {
    let mut calls = BTreeMap::new();
    for seen in run.works.iter().map(|work| work.seen).filter(|seen| seen.kind == Kind::Client) {
        let to = seen.peer.expect("a call has two ends");
        *calls.entry((seen.process, to)).or_default() += 1;
    }
    calls
}

/// What arrives of the spans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrives {
    /// Each one but so many in a million, by chance.
    AllBut(u32),
    /// One trace in sixteen, by the trace's own number, as a whole.
    Sampled,
}

/// What the graph says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Judged {
    /// Edges with one call or more.
    pub edges: usize,
    /// Calls of which both sides are there.
    pub both_sides: u64,
    /// Calls of which one side is there.
    pub calls: u64,
}

/// A number by chance that is the same for all spans of a trace: the ids of the workload only count.
fn chance(trace: TraceId) -> u64 {
    random(TraceId(Rng::new(trace.0 as u64).next_u64().into()))
}

/// Judges the graph of a run.
#[must_use]
pub fn judge(run: &Run, arrives: Arrives) -> Judged {
    let mut rng = Rng::new(1);
    let arrive = |span: &Span| match arrives {
        Arrives::AllBut(lost) => !rng.chance(lost),
        Arrives::Sampled => keep(Threshold::one_in(KEPT), chance(span.trace)),
    };
    let spans: Vec<Span> = analysis::spans(run).into_iter().filter(arrive).collect();
    let weight = if arrives == Arrives::Sampled { KEPT } else { 1 };
    let edges = graph(&Tree::new(&spans), |_| weight);
    let calls = edges.values().map(|edge| edge.calls).sum();
    let one_sided: u64 = edges.values().map(|edge| edge.one_sided).sum();
    Judged { edges: edges.len(), both_sides: calls - one_sided, calls }
}

pub(super) fn table() -> Table {
    let run = Run::of(Config::shop(MANY));
    let truth = truth(&run);
    let all: u64 = truth.values().sum();
    let part = |calls: u64| share((calls * 10_000 / all) as usize);
    let rows = [
        (Arrives::AllBut(0), "all spans"),
        (Arrives::AllBut(10_000), "all but 1 %"),
        (Arrives::AllBut(100_000), "all but 10 %"),
        (Arrives::Sampled, "1 trace in 16, with weights"),
    ];
    let rows = rows.map(|(arrives, name)| {
        let Judged { edges, both_sides, calls } = judge(&run, arrives);
        let edges = format!("{edges} of {}", truth.len());
        vec![name.to_owned(), edges, part(both_sides), part(calls)]
    });
    let columns = [
        "what arrives",
        "edges",
        "calls, if both sides are needed",
        "calls, if one side is enough",
    ];
    Table { columns: columns.map(Into::into).to_vec(), rows: rows.to_vec() }
}

//! The tables, and the numbers in the text.

use lab::chapter::Table;

use super::{
    Judged, MANY, Puzzle, SKEW, certain, clocks, contexts, export, graph, head, kill, log_lines,
    paths, puzzle, request_ids, sampling, scoreboard, sorts, stages, waiting,
};
use crate::propagation::{Crossing, MATRIX};
use crate::step3_context as step3;
use crate::types::{Kind, Span};
use crate::workload::judge::{SLOW, Tally};
use crate::workload::{Config, Run, Seen};

/// The tables of the chapter, by name.
#[must_use]
pub fn tables() -> Vec<(String, Table)> {
    let mut tables = vec![
        ("log".into(), log()),
        ("growing".into(), growing()),
        ("edges".into(), by_edge()),
        ("designs".into(), designs()),
        ("propagation".into(), propagation(&FOUR)),
        ("sampling".into(), sampling::table()),
        ("propagation-all".into(), propagation(&Crossing::ALL)),
        ("offsets".into(), clocks::table()),
        ("paths".into(), paths::table()),
        ("waits".into(), paths::profile()),
        ("graph".into(), graph::table()),
    ];
    tables.extend(export::tables());
    tables.push(("killed".into(), kill::table()));
    #[cfg(feature = "system")]
    tables.push(("stored".into(), super::stored::table()));
    tables
}

fn table(columns: &[&str], rows: Vec<Vec<String>>) -> Table {
    Table { columns: columns.iter().map(ToString::to_string).collect(), rows }
}

/// A few lines of a log, as a search by time shows them.
fn log() -> Table {
    let puzzle = puzzle(&Run::of(Config::shop(MANY))).expect("there is one in this run");
    let rows = puzzle.lines.iter().map(|seen| {
        let text = match (seen.kind, seen.peer) {
            (Kind::Client, Some(peer)) => format!("{} → {peer}", seen.what),
            (Kind::Server, Some(peer)) => format!("{} from {peer}", seen.what),
            _ => seen.what.to_string(),
        };
        vec![ms(seen.start), seen.process.to_string(), text, ms(seen.end - seen.start)]
    });
    table(&["begins at", "process", "line", "took"], rows.collect())
}

/// In milliseconds.
pub(super) fn ms(ns: u64) -> String {
    format!("{}.{:03} ms", ns / 1_000_000, ns / 1_000 % 1_000)
}

fn growing() -> Table {
    let rows = stages().map(|(name, config)| {
        let run = Run::of(config);
        let (ids, context) = (request_ids(&run).edges, contexts(&run).edges);
        let shares = [ids.shares(), [context.shares()[0], 0, 0]].concat();
        std::iter::once(name.to_owned()).chain(shares[..4].iter().map(|s| share(*s))).collect()
    });
    table(&["in the shop", "ids: right", "missing", "wrong", "contexts: right"], rows.to_vec())
}

fn by_edge() -> Table {
    let rows = sorts(&Run::of(Config::shop(MANY))).into_iter().map(|(name, tally)| {
        let Tally { right, missing, wrong } = tally;
        let counts = [right, missing, wrong].map(lab::view::thousands);
        std::iter::once(name.to_owned()).chain(counts).collect()
    });
    table(&["what caused", "right", "missing", "wrong"], rows.collect())
}

fn designs() -> Table {
    let row = |name: &str, judged: Judged| {
        let causes = judged.edges.shares().map(share);
        let Tally { right, missing, wrong } = judged.customers;
        let customers = format!("{right} · {missing} · {wrong}");
        std::iter::once(name.to_owned()).chain(causes).chain([customers]).collect()
    };
    let rows = scoreboard().into_iter().flat_map(|(name, right, off)| {
        [row(name, right), row(&format!("{name}; clocks ± 5 ms"), off)]
    });
    let customers = "slow payments: right · no · wrong customer";
    table(&["design", "causes: right", "missing", "wrong", customers], rows.collect())
}

/// The crossings that the main path shows.
const FOUR: [Crossing; 4] = [Crossing::Await, Crossing::Spawn, Crossing::Worker, Crossing::Retry];

fn propagation(crossings: &[Crossing]) -> Table {
    let cell = |tally: Tally| {
        let parts = [(tally.right, "right"), (tally.missing, "missing"), (tally.wrong, "wrong")];
        let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
        parts.collect::<Vec<_>>().join(", ")
    };
    let rows = MATRIX.iter().filter(|row| crossings.contains(&row.crossing)).map(|row| {
        vec![row.crossing.to_string(), cell(row.guard), cell(row.instrument), cell(row.message)]
    });
    let columns =
        ["work crosses by", "guard held", "span kept with the future", "context in the message"];
    table(&columns, rows.collect())
}

/// Hundredths of a percent, with one digit after the point.
pub(super) fn share(share: usize) -> String {
    let tenths = (share + 5) / 10;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// The counted numbers in the text, by name.
#[must_use]
pub fn numbers() -> Vec<(String, String)> {
    let shop = Run::of(Config::shop(MANY));
    let off = Run::of(Config { skew: SKEW, ..Config::shop(MANY) });
    let (lines, careful, ids) = (log_lines(&shop), certain(&shop), request_ids(&shop));
    let Tally { right, missing, wrong } = lines.customers;
    let spans = step3::spans(&shop);
    let batches: Vec<_> = spans.iter().filter(|span| !span.links.is_empty()).collect();
    let took = |span: &Span| span.end - span.start;
    let whole: u64 = batches.iter().map(|span| took(span)).sum();
    let each: u64 = batches.iter().map(|span| took(span) * span.links.len() as u64).sum();
    let tenths = each * 10 / whole;
    let links: usize = batches.iter().map(|span| span.links.len()).sum();
    let Puzzle { slow, order, nearest, .. } = puzzle(&shop).expect("there is one in this run");
    let of = |clients| log_lines(&Run::of(Config::shop(clients)));
    [
        ("lines_per_request", (shop.works.len() / shop.requests()).to_string()),
        ("whole_1", of(1).whole.to_string()),
        ("whole_2", of(2).whole.to_string()),
        ("whole_4", of(4).whole.to_string()),
        ("slow", (right + missing + wrong).to_string()),
        ("slow_from", format!("{} ms", SLOW / 1_000_000)),
        ("slow_right", right.to_string()),
        ("slow_missing", missing.to_string()),
        ("slow_wrong", wrong.to_string()),
        ("right_2", share(of(2).edges.shares()[0])),
        ("right_16", share(lines.edges.shares()[0])),
        ("wrong_16", share(lines.edges.shares()[2])),
        ("careful_right", share(careful.edges.shares()[0])),
        ("careful_wrong", share(careful.edges.shares()[2])),
        ("ids_right", share(ids.edges.shares()[0])),
        ("ids_off_missing", share(request_ids(&off).edges.shares()[1])),
        ("causes", lab::view::thousands(contexts(&shop).edges.right)),
        ("batches", batches.len().to_string()),
        ("batch_links", lab::view::thousands(links)),
        ("batch_claimed", format!("{}.{}", tenths / 10, tenths % 10)),
        ("kills", kill::KILLS.to_string()),
        ("stored_spans", lab::view::thousands(spans.len())),
        ("puzzle_took", ms(took_by(&slow))),
        ("puzzle_order", ms(order.start)),
        ("puzzle_nearest", ms(nearest.start)),
    ]
    .into_iter()
    .chain(export::numbers())
    .chain(head::numbers())
    .chain(sampling::numbers())
    .chain(waiting::numbers())
    .chain(clocks::numbers())
    .chain(paths::numbers())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn took_by(seen: &Seen) -> u64 {
    seen.end - seen.start
}

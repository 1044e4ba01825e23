//! The same, as the book shows it.

use std::time::Duration;

use lab::chapter::{Mark, Plot, Series, Table};
use lab::view::thousands;

use super::{
    BATCHES, Collector, DESIGNS, Design, END, PRINT, RETRIES, Told, UNBOUNDED, most, run,
    share_stored,
};
use crate::step4_exporter::{Dropped, QUEUE};

/// Spans per second in the tables.
const RATE: u64 = 20_000;
/// Spans per second, from little load to too much.
const LOADS: [u64; 4] = [10_000, 20_000, 40_000, 80_000];
/// The same for a curve.
const POINTS: [u64; 9] = [2_500, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 45_000, 60_000];
/// The bytes of a span of OpenTelemetry's own benchmark.
const BYTES: usize = 559;

fn number(count: u64) -> String {
    thousands(usize::try_from(count).expect("a count fits"))
}

fn seconds(time: Duration) -> String {
    let hundredths = (time.as_millis() + 5) / 10;
    format!("{}.{:02} s", hundredths / 100, hundredths % 100)
}

/// Hundredths of a percent, with one digit after the point.
fn percent(hundredths: u64) -> String {
    let tenths = (hundredths + 5) / 10;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// What the ledger says.
fn ledger(told: &Told) -> [String; 5] {
    let of = |why| number(told.ledger.dropped(why));
    let (full, unconfirmed) = (of(Dropped::QueueFull), of(Dropped::Unconfirmed));
    let [created, stored, in_flight] =
        [told.ledger.created, told.ledger.stored, told.ledger.in_flight].map(number);
    [created, stored, full, unconfirmed, in_flight]
}

const LEDGER: [&str; 5] = ["created", "stored", "queue full", "unconfirmed", "in flight"];

fn table(columns: &[&[&str]], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let columns = columns.concat().iter().map(ToString::to_string).collect();
    Table { columns, rows: rows.collect() }
}

/// Each design before a collector that is killed once.
fn designs() -> Table {
    let rows = DESIGNS.into_iter().map(|design| {
        let told = run(design, Collector::Killed, RATE);
        let more =
            [thousands(told.most_waiting), seconds(told.waited), number(told.failed_dropped)];
        [vec![design.name.to_owned()], ledger(&told).to_vec(), more.to_vec()].concat()
    });
    let more = ["most waiting", "application waited", "failed spans dropped"];
    table(&[&["exporter"], &LEDGER, &more], rows)
}

/// The last design before each collector.
fn collectors() -> Table {
    let rows = Collector::ALL.into_iter().map(|(collector, name)| {
        let told = run(RETRIES, collector, RATE);
        let more = [told.collected, told.twice, told.failed_dropped].map(number);
        [vec![name.to_owned()], ledger(&told)[1..].to_vec(), more.to_vec()].concat()
    });
    let more = ["collector has", "of them twice", "failed spans dropped"];
    table(&[&["collector"], &LEDGER[1..], &more], rows)
}

/// The last design before each collector, with each load.
fn loads() -> Table {
    let runs = Collector::ALL.into_iter().flat_map(|one| LOADS.map(|load| (one, load)));
    let rows = runs.map(|((collector, name), load)| {
        let told = run(RETRIES, collector, load);
        let share = percent(share_stored(&told));
        let more = vec![share, thousands(told.most_waiting)];
        [vec![name.to_owned(), number(load)], ledger(&told).to_vec(), more].concat()
    });
    let more = ["share stored", "most waiting"];
    table(&[&["collector", "spans per second"], &LEDGER, &more], rows)
}

/// The tables, by name.
pub(in super::super) fn tables() -> Vec<(String, Table)> {
    [("exporters", designs()), ("collectors", collectors()), ("loads", loads())]
        .map(|(name, table)| (name.to_owned(), table))
        .into()
}

/// What is stored of a load, and what the law says.
pub(in super::super) fn plot() -> Plot {
    let curve = |name: &str, mark, share: &dyn Fn(u64) -> f64| {
        let points = POINTS.iter().map(|load| (*load as f64 / 1000.0, share(*load)));
        Series { name: name.into(), points: points.collect(), mark }
    };
    let stored = |collector, load| share_stored(&run(RETRIES, collector, load)) as f64 / 100.0;
    let law = |collector, load| (100 * most(RETRIES, collector)) as f64 / load as f64;
    Plot {
        title: "Beyond one batch per answer, spans are lost however long the queue is".into(),
        x: "spans per second, thousands".into(),
        y: "stored, %".into(),
        series: vec![
            curve("20 ms: stored", Mark::Dots, &|load| stored(Collector::Good, load)),
            curve("20 ms: law", Mark::Line, &|load| law(Collector::Good, load).min(100.0)),
            curve("70 ms: stored", Mark::Dots, &|load| stored(Collector::Slow, load)),
            curve("70 ms: law", Mark::Line, &|load| law(Collector::Slow, load).min(100.0)),
        ],
    }
}

/// The numbers in the text, by name.
pub(in super::super) fn numbers() -> Vec<(&'static str, String)> {
    let killed = |design: Design| run(design, Collector::Killed, RATE);
    let unbounded = killed(UNBOUNDED).most_waiting;
    let dropped = |design, why| number(killed(design).ledger.dropped(why));
    let room = Duration::from_millis(QUEUE as u64 * 1000 / RATE);
    vec![
        ("export_rate", number(RATE)),
        ("export_seconds", END.as_secs().to_string()),
        ("export_created", number(RATE * END.as_secs())),
        ("export_made_in_4", number(4 * RATE)),
        ("export_made_in_10", number(10 * RATE)),
        ("export_span_bytes", BYTES.to_string()),
        ("export_room", thousands(QUEUE)),
        ("export_room_lasts", seconds(room)),
        ("export_print", number(killed(PRINT).ledger.created)),
        ("export_unbounded", thousands(unbounded)),
        ("export_unbounded_mb", (unbounded * BYTES / 1_000_000).to_string()),
        ("export_most_one", most(UNBOUNDED, Collector::Good).to_string()),
        ("export_most_good", number(most(RETRIES, Collector::Good))),
        ("export_most_slow", number(most(RETRIES, Collector::Slow))),
        ("export_batches_unconfirmed", dropped(BATCHES, Dropped::Unconfirmed)),
        ("export_retries_full", dropped(RETRIES, Dropped::QueueFull)),
        ("export_twice", number(killed(RETRIES).twice)),
    ]
}

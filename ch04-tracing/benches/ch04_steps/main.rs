//! What does each fix cost? One checkout, in each design: about thirty pieces of work, and between them the
//! messages. All of it runs in this process, and only the tracing is done: no work, no network, no disk.
//!
//! `BENCH_SAVE=1 cargo bench --bench ch04_steps` keeps the table in `book/data/measured`.
//!
//! # Left out
//!
//! Reading a clock, twice a span: the workload brings its times along. Only the lean path reads one, because
//! it takes no times from others.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

mod designs;

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::Criterion;
use lab::measure::{Machine, Table, file, many, quartiles, ratio};

use designs::Design;

const COMMAND: &str = "BENCH_SAVE=1 cargo bench --bench ch04_steps";
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../book/data/measured/ch04_steps.json");
const COLUMNS: [&str; 6] =
    ["design", "allocations", "median ± spread", "per piece of work", "ratio to step 1", "verdict"];
const HOW_TO_READ: &str = "a ratio with ≈ is no difference, and a cheaper design with a worse verdict does \
                           less. `nothing` is the walk through the checkout alone, which is part of every row. \
                           The lean path reads a clock twice for each kept span, and the others do not.";

/// What was measured of a design.
#[derive(Default)]
struct Row {
    allocations: f64,
    /// In µs per checkout, one for each round.
    times: Vec<f64>,
}

fn main() {
    let has = |flag| std::env::args().any(|arg| arg == flag);
    if !has("--list") {
        println!("One checkout, traced: {} pieces of work, no I/O.\n", designs::works());
    }
    let mut all = designs::all();
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    for design in &mut all {
        let mut group = criterion.benchmark_group(format!("ch04/{}", design.name));
        group.bench_function("checkout", |b| b.iter(|| (design.once)()));
        group.finish();
    }
    if !has("--list") {
        end(&mut all, has("--test"));
    }
}

/// Lets the designs take turns, and prints the table.
fn end(all: &mut [Design], quick: bool) {
    let (rounds, checkouts) = if quick { (1, 3) } else { (40, 512) };
    let mut rows: Vec<Row> = all.iter().map(|_| Row::default()).collect();
    for _ in 0..rounds {
        for (design, row) in all.iter_mut().zip(&mut rows) {
            let began = Instant::now();
            let counted = allocation_counter::measure(|| {
                for _ in 0..checkouts {
                    (design.once)();
                }
            });
            let count = f64::from(checkouts);
            row.times.push(began.elapsed().as_secs_f64() * 1e6 / count);
            row.allocations += counted.count_total as f64 / count / f64::from(rounds);
        }
    }
    let table = table(all, &rows, rounds as usize);
    println!("\n{table}\nHow to read it: {HOW_TO_READ}");
    if std::env::var_os("BENCH_SAVE").is_some() && !quick {
        std::fs::write(KEPT, file(table.kept(), COMMAND))
            .expect("the book's folder can be written");
    }
}

fn table(all: &[Design], rows: &[Row], rounds: usize) -> Table {
    let works = designs::works() as f64;
    let cells = |(design, row): (&Design, &Row)| {
        let (low, middle, high) = quartiles(row.times.clone());
        vec![
            design.name.to_owned(),
            format!("{:.1}", row.allocations),
            format!("{middle:.2} ± {:.2} µs", (high - low) / 2.0),
            format!("{:.0} ns", middle * 1e3 / works),
            ratio(&row.times, &rows[designs::STEP_1].times),
            design.verdict.to_owned(),
        ]
    };
    Table {
        columns: COLUMNS.map(Into::into).into(),
        rows: all.iter().zip(rows).map(cells).collect(),
        spread: format!(
            "Per checkout of {works} pieces of work, without I/O. ± is half the middle half of {}, \
             all designs in turn in each, and a ratio compares designs of the same round",
            many(rounds, "round"),
        ),
        machine: Machine::read(Path::new(env!("CARGO_TARGET_TMPDIR"))),
        versions: concat!("ch04-tracing ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

//! What does each fix cost? One whole order by one client, in each step: three drivers over loopback
//! TCP, each with a real log on the disk under `target/`.
//!
//! `BENCH_SAVE=1 cargo bench --bench ch02_steps` keeps the table in `book/data/measured`.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

mod steps;
mod table;

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::Criterion;
use lab::measure::{Floors, Machine, file, micros};

use steps::Running;
use table::{Row, table};

const HOW_TO_READ: &str = "How to read it: a ratio with ≈ is no difference; steps 3 and 4 wait for two \
    fsyncs, one after the other, and a faster step with a worse verdict is not faster at the same thing.";

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let listing = std::env::args().any(|arg| arg == "--list");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if !listing {
        let Floors { fsync, round_trip } = floors(target);
        println!(
            "One order (an umbrella leaves the shelf, a coin changes hands), by one client, until it is"
        );
        println!(
            "told how it ended. Three nodes, loopback TCP, a real log each, synced before it is relied on."
        );
        println!(
            "Floors here: one fsync {:.0} µs, one round trip {:.0} µs.\n",
            micros(fsync),
            micros(round_trip)
        );
    }
    let mut shops = steps::all(target);
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    for shop in &mut shops {
        let mut group = criterion.benchmark_group(format!("ch02/{}", shop.name()));
        group.bench_function("order", |b| b.iter(|| shop.order()));
        group.finish();
    }
    if listing {
        return;
    }
    let (rounds, orders) = if quick { (1, 3) } else { (40, 20) };
    let (rows, floors) = measure(&mut shops, target, rounds, orders);
    let table = table(&rows, &floors, Machine::read(target));
    println!("\n{table}\n{HOW_TO_READ}");
    if std::env::var_os("BENCH_SAVE").is_some() && !quick {
        let text = file(table.kept(), "BENCH_SAVE=1 cargo bench --bench ch02_steps");
        let path = "../book/data/measured/ch02_steps.json";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::write(path, text).expect("book/data/measured can be written");
    }
}

fn floors(dir: &Path) -> Floors {
    Floors::measure(dir).expect("disk and loopback can be measured")
}

/// All steps in turn, again and again, and the floors beside them: what the machine does meanwhile
/// hits them alike.
fn measure(
    shops: &mut [Running],
    target: &Path,
    rounds: usize,
    orders: u32,
) -> (Vec<Row>, Vec<Floors>) {
    let mut beside = Vec::new();
    let mut rows: Vec<Row> =
        shops.iter().map(|shop| Row::new(shop.name(), shop.verdict())).collect();
    for _ in 0..rounds {
        beside.push(floors(target));
        for (shop, row) in shops.iter_mut().zip(&mut rows) {
            let (before, cpu) = (shop.counts(), cpu());
            let mut times: Vec<Duration> = (0..orders)
                .map(|_| {
                    let asked = Instant::now();
                    shop.order();
                    asked.elapsed()
                })
                .collect();
            let (after, busy) = (shop.counts(), self::cpu().saturating_sub(cpu));
            times.sort_unstable();
            row.medians.push(times[times.len() / 2]);
            row.orders += u64::from(orders);
            row.messages += after.0 - before.0;
            row.syncs += after.1 - before.1;
            row.cpu += busy;
        }
    }
    (rows, beside)
}

/// What all threads of this process have computed so far; zero where the system does not say.
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

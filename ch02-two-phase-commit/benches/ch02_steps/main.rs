//! What does each fix cost? One whole order by one client, in each step: three drivers over loopback
//! TCP, each with a real log on the disk under `target/`.
//!
//! `BENCH_SAVE=1 cargo bench --bench ch02_steps` keeps the table in `book/data/measured`.

mod steps;

use std::path::Path;
use std::time::Duration;

use criterion::Criterion;
use lab::measure::Steps;

const STEPS: Steps = Steps {
    unit: "order",
    about: "One order (an umbrella leaves the shelf, a coin changes hands), by one client, until it is\n\
            told how it ended. Three nodes, loopback TCP, a real log each, synced before it is relied on.",
    how_to_read: "a ratio with ≈ is no difference; steps 3 and 4 wait for two fsyncs, one after the \
                  other, and a faster step with a worse verdict is not faster at the same thing.",
    versions: concat!("ch02-two-phase-commit ", env!("CARGO_PKG_VERSION")),
    command: "BENCH_SAVE=1 cargo bench --bench ch02_steps",
    kept: concat!(env!("CARGO_MANIFEST_DIR"), "/../book/data/measured/ch02_steps.json"),
};

fn main() {
    let has = |flag| std::env::args().any(|arg| arg == flag);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if !has("--list") {
        STEPS.begin(target);
    }
    let dir = tempfile::tempdir_in(target).expect("target/ can be written");
    let mut shops = steps::all(dir.path());
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    for shop in &mut shops {
        let mut group = criterion.benchmark_group(format!("ch02/{}", shop.name()));
        group.bench_function("order", |b| b.iter(|| shop.once()));
        group.finish();
    }
    if !has("--list") {
        STEPS.end(target, &mut shops, has("--test"));
    }
}

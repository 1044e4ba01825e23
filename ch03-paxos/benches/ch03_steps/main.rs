//! What does each fix cost? One put by one client, in each step: replicas as drivers over loopback TCP,
//! each with a real log on the disk under `target/`.
//!
//! `BENCH_SAVE=1 cargo bench --bench ch03_steps` keeps the table in `book/data/measured`.

mod decisions;
mod steps;

use std::path::Path;
use std::time::Duration;

use criterion::Criterion;
use lab::measure::Steps;

const STEPS: Steps = Steps {
    unit: "put",
    about: "One put by one client, until it is told. Step 1 is a primary and a backup; the others are\n\
            three replicas. Loopback TCP, a real log each, synced before it is relied on.",
    how_to_read: "a ratio with ≈ is no difference. Steps 2 to 5 decide one value, so each put is a \
                  group of its own on the same replicas, asked by a proposer beside them; in steps 6 \
                  and 7 the client asks the leader. Steps 2 and 3 write nothing to disk, and a faster \
                  step with a worse verdict is not faster at the same thing.",
    versions: concat!("ch03-paxos ", env!("CARGO_PKG_VERSION")),
    command: "BENCH_SAVE=1 cargo bench --bench ch03_steps",
    kept: concat!(env!("CARGO_MANIFEST_DIR"), "/../book/data/measured/ch03_steps.json"),
};

fn main() {
    let has = |flag| std::env::args().any(|arg| arg == flag);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if !has("--list") {
        STEPS.begin(target);
    }
    let fresh = || tempfile::tempdir_in(target).expect("target/ can be written");
    let dir = fresh();
    let mut groups = steps::all(dir.path());
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    for step in &mut groups {
        let mut group = criterion.benchmark_group(format!("ch03/{}", step.name()));
        group.bench_function("put", |b| b.iter(|| step.once()));
        group.finish();
    }
    drop(groups);
    if !has("--list") {
        // Step 6 looks through its whole log at each put: for the table all begin with empty logs.
        let dir = fresh();
        STEPS.end(target, &mut steps::all(dir.path()), has("--test"));
    }
}

//! What does a span cost, in ours and in others? One thread makes traces, each of one span with a hundred
//! below it; each of these has one attribute, a number. What is sampled goes to a sink in the same process,
//! which counts spans. A tracer is global, so each measurement has a process of its own: this program starts
//! itself again for each, and they take turns.
//!
//! A span that is made and thrown away is cheap, and so is one that waits in memory for ever. So beside the
//! time per span made stands how many of them arrived, what one of those cost, who counts the others, and
//! the most memory that the process had.
//!
//! | sink | gets |
//! |---|---|
//! | ours | batches of `Span`, from a thread that takes them and settles |
//! | `opentelemetry_sdk`, `tracing-opentelemetry` | batches of `SpanData`, as a `SpanExporter` |
//! | `fastrace` | batches of `SpanRecord`, as a `Reporter` |
//! | `rustracing` | each `FinishedSpan`, from its channel |
//!
//! Each is a value that owns its texts. No sink encodes it. Queues have the same bound where they have one,
//! and `fastrace` has none, nor has the usual channel of `rustracing`. `rustracing` draws no ids: it leaves
//! that to crates above it.
//!
//! `BENCH_SAVE=1 cargo bench --bench ch04_peers -p ch04-tracing --features peers` keeps the table.
//!
//! # Left out
//!
//! Encoding and the network, which are the same for all. More than one thread that makes spans.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

mod fast;
mod load;
mod opentelemetry;
mod ours;
mod rust;

use std::path::Path;
use std::process::Command;

use lab::measure::{Machine, Table, file, many, quartiles};

use load::{Figures, Load, PACE};

const COMMAND: &str =
    "BENCH_SAVE=1 cargo bench --bench ch04_peers -p ch04-tracing --features peers";
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../book/data/measured/ch04_peers.json");
/// Of a trace, below its first span.
const CHILDREN: u64 = 100;
/// The attribute of each of them.
const STEP: i64 = 7;
/// As many spans may wait.
const QUEUE: usize = 8192;
/// As many spans are exported together.
const BATCH: usize = 512;

/// A library, ready to make spans.
trait Stack {
    /// A span, and its children, one after the other.
    fn trace(&mut self);

    /// Returns when all that can arrive has.
    fn flush(self: Box<Self>) -> End;
}

/// What became of the spans.
struct End {
    delivered: u64,
    /// As the library counts them, if it does and says so to the program.
    dropped: Option<u64>,
}

/// A library under its name, what an unsampled and a sampled span of it may cost, and how it starts. Says
/// whether traces are sampled.
struct Peer {
    name: &'static str,
    aims: Option<[&'static str; 2]>,
    start: fn(bool) -> Box<dyn Stack>,
}

const fn peer(name: &'static str, start: fn(bool) -> Box<dyn Stack>) -> Peer {
    Peer { name, aims: None, start }
}

const PEERS: [Peer; 7] = [
    peer("clock, read twice", |_| ours::clocks()),
    Peer { aims: Some(["15 ns", "120 ns"]), ..peer("ours, lean", ours::lean) },
    Peer { aims: Some(["15 ns", "150 ns"]), ..peer("ours, macros of tracing", ours::macros) },
    peer("fastrace", fast::start),
    peer("opentelemetry_sdk", opentelemetry::sdk),
    peer("tracing-opentelemetry", opentelemetry::layer),
    peer("rustracing", rust::start),
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let quick = args.iter().any(|arg| arg == "--test");
    if let Some(at) = args.iter().position(|arg| arg == "--child") {
        let peer = PEERS.iter().find(|peer| peer.name == args[at + 1]).expect("a name of these");
        let load = Load::named(&args[at + 2]);
        println!("{}", load::run((peer.start)(load.is_sampled()), load, quick));
        return;
    }
    let rounds = if quick { 1 } else { 7 };
    let table = table(&measure(rounds, quick), rounds);
    println!("{table}");
    if std::env::var_os("BENCH_SAVE").is_some() && !quick {
        std::fs::write(KEPT, file(table.kept(), COMMAND))
            .expect("the book's folder can be written");
    }
}

/// The figures of all rounds, for each library under each load.
type Measured = Vec<(&'static Peer, Load, Vec<Figures>)>;

fn measure(rounds: usize, quick: bool) -> Measured {
    let all = Load::ALL.iter().flat_map(|load| PEERS.iter().map(move |peer| (peer, *load)));
    // Reading a clock sends no spans, so for this there is one load.
    let all = all.filter(|(peer, load)| peer.name != PEERS[0].name || *load == Load::Unsampled);
    let mut measured: Measured = all.map(|(peer, load)| (peer, load, Vec::new())).collect();
    for _ in 0..rounds {
        for (peer, load, figures) in &mut measured {
            figures.push(child(peer, *load, quick));
        }
    }
    measured
}

/// Measures it in a process of its own.
fn child(peer: &Peer, load: Load, quick: bool) -> Figures {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--child", peer.name, load.name()]).args(quick.then_some("--test"));
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {}", peer.name, String::from_utf8_lossy(&output.stderr));
    text.parse().expect("figures")
}

fn table(measured: &Measured, rounds: usize) -> Table {
    let columns = [
        "library",
        "load",
        "per span made",
        "per span delivered",
        "CPU per span delivered",
        "delivered",
        "unaccounted",
        "peak memory",
        "aim",
    ];
    Table {
        columns: columns.map(Into::into).into(),
        rows: measured.iter().map(row).collect(),
        spread: format!(
            "Medians of {}, each in a process of its own, all in turn; ± is half of the middle half. Time is wall time while spans are made; \
             CPU is that of all threads, until what can arrive has. *Paced* is {PACE} spans per second, and *flat out* as many as \
             one thread can make. A sink counts spans and encodes none",
            many(rounds, "round"),
        ),
        machine: Machine::read(Path::new(env!("CARGO_TARGET_TMPDIR"))),
        versions: concat!(
            "ch04-tracing ",
            env!("CARGO_PKG_VERSION"),
            ", fastrace 0.7.17, opentelemetry_sdk 0.33.1, tracing-opentelemetry 0.34.0, rustracing 0.6.0"
        )
        .to_owned(),
    }
}

fn row((peer, load, rounds): &(&'static Peer, Load, Vec<Figures>)) -> Vec<String> {
    let values = |of: fn(&Figures) -> f64| quartiles(rounds.iter().map(of).collect());
    let ns = |of| format!("{:.0} ns", values(of).1);
    let (low, made, high) = values(Figures::per_made);
    let digits = usize::from(made < 100.0);
    let made = format!("{made:.digits$} ± {:.digits$} ns", (high - low) / 2.0);
    let peak = format!("{:.0} MiB", values(|figures| figures.peak_kib as f64 / 1024.0).1);
    let aim = peer.aims.map_or("", |aims| aims[usize::from(load.is_sampled())]).to_owned();
    let name = [peer.name.to_owned(), load.name().to_owned(), made];
    if !load.is_sampled() {
        let none = std::array::from_fn::<String, 4, _>(|_| String::new());
        return name.into_iter().chain(none).chain([peak, aim]).collect();
    }
    let delivered = format!("{:.1} %", values(|figures| figures.share() * 100.0).1);
    let lost = format!("{:.1} %", values(|figures| figures.unaccounted() * 100.0).1);
    let costs = [ns(Figures::per_delivered), ns(Figures::cpu_per_delivered)];
    name.into_iter().chain(costs).chain([delivered, lost, peak, aim]).collect()
}

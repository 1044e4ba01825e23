//! How much the collector takes, `guide measure ch04 ingest`, and how fast it finds, `guide measure ch04 queries`.
//!
//! Bodies of 512 spans are made and encoded first, and do not count. Then each body is decoded, its spans get
//! their limits, are compared with those that are stored, written, and forced to disk: all of it on the threads on which
//! the collector does the same. The processor time of that is
//! this process's own, so it does not depend on who else has the cores. `queries` looks traces up when about a million spans are stored.
//!
//! # Left out
//!
//! HTTP, and a client on the same cores; `collectors` has them (`collectors.rs`).

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::measure::{Error, Machine, Outcome, Setup, Table, cpu, many, micros, quartiles, runtime};
use lab::rng::Rng;
use prost::Message as _;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::now;
use crate::otlp::{self, Encoding};
use crate::store::{Options, Query, Store, Stored};
use crate::types::{Kind, Span, SpanId, Status, TraceId, Value};

/// What an exporter sends at once.
pub(super) const BODY: usize = 512;
/// Spans of one trace.
const TRACE: usize = 32;
/// Bodies that are under way at a time.
pub(super) const CLIENTS: usize = 8;
/// Bodies of one round: enough for a clock that counts hundredths of a second.
pub(super) const BODIES: usize = 96;
/// Rounds at most: about a million spans.
pub(super) const ROUNDS: u64 = 20;
/// Each question is asked so often.
const QUESTIONS: usize = 1_000;
/// One user's traces are among those of so many.
const USERS: u64 = 256;
/// The attribute that says whose trace it is.
const USER: &str = "user-of-the-shop-000";
/// A round takes about a second, making its spans included.
const ROUND: u64 = 1;

/// A folder that goes with the value.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Fills a store, and asks it.
pub(crate) fn measure(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    sized(setup, (setup.seconds / ROUND).clamp(1, ROUNDS), BODIES, out)
}

/// The same in so many rounds of so many bodies.
fn sized(setup: &Setup, rounds: u64, bodies: usize, out: &mut dyn Write) -> Result<Outcome, Error> {
    let mut filled = Filled::open(setup)?;
    let (mut rates, mut busy) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let (stored, took, used) = filled.round(bodies)?;
        let line =
            format!("round {round} of {rounds}: {stored} spans in {took:.2?}, {used:.2?} of CPU");
        writeln!(out, "{line}").map_err(Error::io("print"))?;
        rates.push(thousands(stored, took));
        busy.push(thousands(stored, used));
    }
    let all = (bodies * BODY) as u64 * rounds;
    let is_ok = filled.store.spans() == all;
    let columns = ["what", "of", "half", "slowest round"];
    let rows = vec![
        rate("thousand spans stored per second of CPU", all, busy),
        rate("thousand spans stored per second", all, rates),
    ];
    let spread = format!(
        "{} of {bodies} bodies with {BODY} spans of {} bytes each, {CLIENTS} bodies at a time, decoded, \
         compared and forced to disk, without HTTP",
        many(usize::try_from(rounds).unwrap_or(usize::MAX), "round"),
        filled.bytes,
    );
    Ok(filled.outcome(setup, &columns, rows, spread, is_ok))
}

/// Fills a store with about a million spans, and asks it.
pub(crate) fn queries(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    asked(setup, ROUNDS, BODIES, QUESTIONS, out)
}

/// The same with so many rounds of so many bodies, and each question asked so often.
fn asked(
    setup: &Setup,
    rounds: u64,
    bodies: usize,
    questions: usize,
    out: &mut dyn Write,
) -> Result<Outcome, Error> {
    let mut filled = Filled::open(setup)?;
    for round in 1..=rounds {
        let (stored, ..) = filled.round(bodies)?;
        writeln!(out, "round {round} of {rounds}: {stored} spans are stored")
            .map_err(Error::io("print"))?;
    }
    let is_ok = filled.store.spans() == (bodies * BODY) as u64 * rounds;
    let (store, traces) = (&filled.store, &filled.traces);
    let latest = || Query { limit: 20, ..Query::default() };
    let finds = |query: &Query| !store.search(query).traces.is_empty();
    let rows = vec![
        times("a trace by its id", questions, |at| {
            store.trace(traces[at * traces.len() / questions]).spans.len() == TRACE
        })?,
        times("the latest 20 traces of a service", questions, |_| {
            finds(&Query { service: Some("shop".to_owned()), ..latest() })
        })?,
        times("the latest 20 with an operation that took 90 ms", questions, |_| {
            finds(&Query {
                operation: Some("checkout".to_owned()),
                min: Some(90_000_000),
                ..latest()
            })
        })?,
        times("the latest 20 with a certain user", questions.div_ceil(20), |at| {
            finds(&Query { tags: vec![(USER.to_owned(), user(at as u64))], ..latest() })
        })?,
    ];
    let columns = ["question", "asked", "half within", "99 % within", "longest"];
    let spread = format!(
        "With {} spans of {} traces stored; one question at a time",
        store.spans(),
        traces.len()
    );
    Ok(filled.outcome(setup, &columns, rows, spread, is_ok))
}

/// A store that is filled in rounds.
struct Filled {
    store: Arc<Store>,
    runtime: Runtime,
    rng: Rng,
    /// Those that are stored.
    traces: Vec<TraceId>,
    /// Of one span, encoded.
    bytes: usize,
    /// Gone last.
    _scratch: Scratch,
}

impl Filled {
    fn open(setup: &Setup) -> Result<Self, Error> {
        let scratch = Scratch(setup.dir.join(format!("capacity-{}", std::process::id())));
        let store = Store::open(&scratch.0, Options::default());
        let store = Arc::new(store.map_err(|why| Error::contender("the store", why))?);
        let (runtime, rng, traces) = (runtime()?, Rng::new(1), Vec::new());
        Ok(Self { store, runtime, rng, traces, bytes: 0, _scratch: scratch })
    }

    /// Makes so many bodies, and stores them. Returns how many spans are new, how long it took, and how much of a
    /// processor.
    fn round(&mut self, bodies: usize) -> Result<(u64, Duration, Duration), Error> {
        let made: Vec<Vec<u8>> =
            (0..bodies).map(|_| body(&mut self.rng, &mut self.traces)).collect();
        self.bytes = made[0].len() / BODY;
        let before = computed()?;
        let began = Instant::now();
        let stored = fill(&self.runtime, &self.store, made)?;
        let took = began.elapsed();
        Ok((stored, took, computed()?.saturating_sub(before)))
    }

    fn outcome(
        self,
        setup: &Setup,
        columns: &[&str],
        rows: Vec<Vec<String>>,
        spread: String,
        is_ok: bool,
    ) -> Outcome {
        self.store.close();
        let table = Table {
            columns: columns.iter().map(|&column| column.into()).collect(),
            rows,
            spread,
            machine: Machine::read(&setup.dir),
            versions: concat!("ch04-tracing ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        Outcome { text: table.to_string(), kept: table.kept(), is_ok }
    }
}

/// Spans of the size that OpenTelemetry's own benchmarks use: ten attributes of 20 and 20 letters.
pub(super) fn body(rng: &mut Rng, traces: &mut Vec<TraceId>) -> Vec<u8> {
    let start = now();
    let attributes: Vec<(String, Value)> =
        (0..9).map(|at| (format!("attribute-name-{at:05}"), Value::Text("v".repeat(20)))).collect();
    let mut spans = Vec::with_capacity(BODY);
    for _ in 0..BODY / TRACE {
        let trace = TraceId(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64() | 1));
        traces.push(trace);
        let root = SpanId(rng.next_u64() | 1);
        let user = user(rng.pick(0..USERS));
        for at in 0..TRACE as u64 {
            spans.push(Span {
                trace,
                id: if at == 0 { root } else { SpanId(rng.next_u64() | 1) },
                parent: (at > 0).then_some(root),
                links: Vec::new(),
                service: "shop".into(),
                name: "checkout".into(),
                kind: Kind::Internal,
                start: start + at,
                end: start + rng.pick(100..100_000_000),
                status: Status::Unset,
                attributes: [&attributes[..], &[(USER.into(), Value::Text(user.clone()))]].concat(),
            });
        }
    }
    otlp::request(&spans).encode_to_vec()
}

/// One of [`USERS`], in 20 letters.
fn user(number: u64) -> String {
    format!("{:020}", number % USERS)
}

/// Some bodies at a time, until all are durable. Returns how many spans are new.
fn fill(runtime: &Runtime, store: &Arc<Store>, bodies: Vec<Vec<u8>>) -> Result<u64, Error> {
    runtime.block_on(async {
        let mut clients: JoinSet<Result<usize, String>> = JoinSet::new();
        let mut shares: Vec<Vec<Vec<u8>>> = vec![Vec::new(); CLIENTS];
        bodies.into_iter().enumerate().for_each(|(at, body)| shares[at % CLIENTS].push(body));
        for share in shares {
            let store = Arc::clone(store);
            clients.spawn(async move {
                let mut new = 0;
                for body in share {
                    let read = move || Encoding::Protobuf.read(&body).map(otlp::received);
                    let arrived = tokio::task::spawn_blocking(read).await;
                    let arrived = arrived.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
                    let stored = store.store(arrived.spans, Duration::ZERO).await;
                    let Stored { stored, .. } = stored.map_err(|e| e.to_string())?;
                    new += stored;
                }
                Ok(new)
            });
        }
        let mut all = 0;
        while let Some(client) = clients.join_next().await {
            let new = client.map_err(|e| Error::contender("a client", e))?;
            all += new.map_err(|e| Error::contender("the store", e))? as u64;
        }
        Ok(all)
    })
}

/// By this process.
fn computed() -> Result<Duration, Error> {
    let why = "does not say what a process has computed; measure on Linux".to_owned();
    cpu(std::process::id()).ok_or_else(|| Error::contender("this system", why))
}

pub(super) fn thousands(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(0.001) / 1e3
}

pub(super) fn rate(what: &str, of: u64, rounds: Vec<f64>) -> Vec<String> {
    let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let half = quartiles(rounds).1;
    vec![what.to_owned(), format!("{of} spans"), format!("{half:.0}"), format!("{least:.0}")]
}

/// A question, asked again and again; it fails if an answer is not as it has to be.
fn times(
    what: &str,
    questions: usize,
    mut ask: impl FnMut(usize) -> bool,
) -> Result<Vec<String>, Error> {
    let mut times = Vec::with_capacity(questions);
    for at in 0..questions {
        let began = Instant::now();
        if !ask(at) {
            return Err(Error::contender("the store", format!("does not find {what}")));
        }
        times.push(micros(began.elapsed()));
    }
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| format!("{:.0} µs", times[(questions - 1) * percent / 100]);
    Ok(vec![what.to_owned(), format!("{questions} times"), at(50), at(99), at(100)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(dir: &tempfile::TempDir) -> Setup {
        let (program, prefix) = (PathBuf::new(), Vec::new());
        Setup { program, prefix, dir: dir.path().to_owned(), seconds: 1 }
    }

    #[test]
    fn every_span_is_stored_once() {
        let dir = tempfile::tempdir().unwrap();
        let outcome = sized(&setup(&dir), 2, 9, &mut Vec::new()).unwrap();
        assert!(outcome.is_ok, "{}", outcome.text);
        assert_eq!(outcome.kept["rows"][0][1], "9216 spans");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
    }

    #[test]
    fn each_question_finds_its_traces() {
        let dir = tempfile::tempdir().unwrap();
        let outcome = asked(&setup(&dir), 1, 40, 40, &mut Vec::new()).unwrap();
        assert!(outcome.is_ok, "{}", outcome.text);
        assert_eq!(outcome.kept["rows"].as_array().map(Vec::len), Some(4), "{}", outcome.text);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
    }
}

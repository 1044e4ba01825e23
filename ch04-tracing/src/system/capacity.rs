//! How much the collector takes, and how fast it finds: `guide measure ch04 ingest`.
//!
//! Bodies of 512 spans are made and encoded first, and do not count. Then each body is decoded, its spans get
//! their limits, are compared with those that are stored, written, and forced to disk. The processor time of that is
//! this process's own, so it does not depend on who else has the cores. At the end, traces are looked up.
//!
//! # Left out
//!
//! HTTP, and a client on the same cores. A third party's collector beside this one.

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

const COLUMNS: [&str; 4] = ["what", "of", "half", "99 % within; the slowest round"];
/// What an exporter sends at once.
const BODY: usize = 512;
/// Spans of one trace.
const TRACE: usize = 32;
/// Bodies that are under way at a time.
const CLIENTS: usize = 8;
/// Bodies of one round: enough for a clock that counts hundredths of a second.
const BODIES: usize = 96;
/// Rounds at most: about a million spans.
const ROUNDS: u64 = 20;
/// Each question is asked so often.
const QUESTIONS: usize = 1_000;
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
    let scratch = Scratch(setup.dir.join(format!("capacity-{}", std::process::id())));
    let runtime = runtime()?;
    let failed = |why: crate::store::StoreError| Error::contender("the store", why);
    let store = Arc::new(Store::open(&scratch.0, Options::default()).map_err(failed)?);
    let (mut rng, mut rates, mut busy, mut traces) =
        (Rng::new(1), Vec::new(), Vec::new(), Vec::new());
    let mut bytes = 0;
    for round in 1..=rounds {
        let made: Vec<Vec<u8>> = (0..bodies).map(|_| body(&mut rng, &mut traces)).collect();
        bytes = made[0].len() / BODY;
        let before = computed()?;
        let began = Instant::now();
        let stored = fill(&runtime, &store, made)?;
        let took = began.elapsed();
        let used = computed()?.saturating_sub(before);
        let line =
            format!("round {round} of {rounds}: {stored} spans in {took:.2?}, {used:.2?} of CPU");
        writeln!(out, "{line}").map_err(Error::io("print"))?;
        rates.push(thousands(stored, took));
        busy.push(thousands(stored, used));
    }
    let all = (bodies * BODY) as u64 * rounds;
    let is_ok = store.spans() == all;
    let rows = vec![
        rate("thousand spans stored per second of CPU", all, busy),
        rate("thousand spans stored per second", all, rates),
        times("a trace by its id", |at| {
            store.trace(traces[at * traces.len() / QUESTIONS]).spans.len() == TRACE
        })?,
        times("the latest 20 traces of a service", |_| {
            let service = Some("shop".to_owned());
            !store.search(&Query { service, limit: 20, ..Query::default() }).traces.is_empty()
        })?,
    ];
    store.close();
    let table = Table {
        columns: COLUMNS.map(Into::into).into(),
        rows,
        spread: format!(
            "{} of {bodies} bodies with {BODY} spans of {bytes} bytes each, {CLIENTS} bodies at a time, \
             decoded, compared and forced to disk, without HTTP; then each question {QUESTIONS} times, \
             with {all} spans stored",
            many(usize::try_from(rounds).unwrap_or(usize::MAX), "round"),
        ),
        machine: Machine::read(&setup.dir),
        versions: concat!("ch04-tracing ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    Ok(Outcome { text: table.to_string(), kept: table.kept(), is_ok })
}

/// Spans of the size that OpenTelemetry's own benchmarks use: ten attributes of 20 and 20 letters.
fn body(rng: &mut Rng, traces: &mut Vec<TraceId>) -> Vec<u8> {
    let start = now();
    let attributes: Vec<(String, Value)> = (0..10)
        .map(|at| (format!("attribute-name-{at:05}"), Value::Text("v".repeat(20))))
        .collect();
    let mut spans = Vec::with_capacity(BODY);
    for _ in 0..BODY / TRACE {
        let trace = TraceId(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64() | 1));
        traces.push(trace);
        let root = SpanId(rng.next_u64() | 1);
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
                attributes: attributes.clone(),
            });
        }
    }
    otlp::request(&spans).encode_to_vec()
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
                    let request = Encoding::Protobuf.read(&body).map_err(|e| e.to_string())?;
                    let spans = otlp::received(request).spans;
                    let stored = store.store(spans, Duration::ZERO).await;
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

fn thousands(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(0.001) / 1e3
}

fn rate(what: &str, of: u64, rounds: Vec<f64>) -> Vec<String> {
    let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let half = quartiles(rounds).1;
    vec![what.to_owned(), format!("{of} spans"), format!("{half:.0}"), format!("{least:.0}")]
}

/// A question, asked again and again; it fails if an answer is not as it has to be.
fn times(what: &str, mut ask: impl FnMut(usize) -> bool) -> Result<Vec<String>, Error> {
    let mut times = Vec::with_capacity(QUESTIONS);
    for at in 0..QUESTIONS {
        let began = Instant::now();
        if !ask(at) {
            return Err(Error::contender("the store", format!("does not find {what}")));
        }
        times.push(micros(began.elapsed()));
    }
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| format!("{:.0} µs", times[QUESTIONS * percent / 100]);
    Ok(vec![what.to_owned(), format!("{QUESTIONS} questions"), at(50), at(99)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_is_stored_once_and_each_question_finds_its_traces() {
        let dir = tempfile::tempdir().unwrap();
        let (program, prefix) = (PathBuf::new(), Vec::new());
        let setup = Setup { program, prefix, dir: dir.path().to_owned(), seconds: 1 };
        let mut out = Vec::new();
        let outcome = sized(&setup, 2, 9, &mut out).unwrap();
        assert!(outcome.is_ok, "{}", outcome.text);
        let rows = outcome.kept["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 4, "{}", outcome.text);
        assert_eq!(rows[0][1], "9216 spans");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left");
    }
}

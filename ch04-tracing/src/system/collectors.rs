//! Our collector beside another one, over HTTP: `guide measure ch04 collectors`.
//!
//! Both get bodies of the same spans over the same number of connections, in turns. They do not do the same. Ours
//! compares the spans with those that it has, writes them and forces them to disk before it answers; [Rotel] decodes
//! them, answers, and drops them. They are different programs, so the difference is not the price of keeping spans
//! alone. The processor time is that of the two collectors' processes.
//!
//! [Rotel]: https://github.com/streamfold/rotel

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lab::engines::{ROTEL, rotel};
use lab::measure::{Error, Machine, Outcome, Setup, Table, cpu, many, runtime};
use lab::rng::Rng;
use lab::system::{MeasuredCluster, Options};
use tokio::task::JoinSet;

use super::capacity::{BODIES, BODY, CLIENTS, ROUNDS, body, rate, thousands};
use super::shop::SYSTEM;

/// Both collectors' turns, and the spans for them.
const ROUND: u64 = 2;

type Http = Client<HttpConnector, Full<Bytes>>;

/// A collector that is measured.
struct Contender {
    name: &'static str,
    address: SocketAddr,
    processes: Vec<u32>,
    /// Thousands of spans per second of its processor time, round by round.
    busy: Vec<f64>,
    /// The same per second.
    rates: Vec<f64>,
}

/// Sends both as much as they take.
pub(crate) fn measure(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    let runtime = runtime()?;
    let missing = |why| Error::contender("the other collector", why);
    let other = rotel().map_err(missing)?;
    let version = ROTEL.version(&ROTEL.find().map_err(|why| Error::contender("rotel", why))?);
    let system = (SYSTEM, Options::default().with_flag("small"));
    let mut shop = MeasuredCluster::start("collector", system, setup, runtime.handle().clone())?;
    let absent = || Error::contender("the shop", "there is no collector");
    let contender = |name, address, processes| {
        let (busy, rates) = (Vec::new(), Vec::new());
        Contender { name, address, processes, busy, rates }
    };
    let mut contenders = [
        contender("Rotel, which drops them", other.addr(), vec![other.pid()]),
        contender(
            "ours, on disk",
            shop.endpoint("collector").ok_or_else(absent)?,
            shop.processes(),
        ),
    ];
    let rounds = (setup.seconds / ROUND).clamp(1, ROUNDS);
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let (mut rng, mut bytes) = (Rng::new(1), 0);
    for round in 1..=rounds {
        let bodies: Vec<Bytes> =
            (0..BODIES).map(|_| body(&mut rng, &mut Vec::new()).into()).collect();
        bytes = bodies[0].len() / BODY;
        contenders.reverse();
        for contender in &mut contenders {
            let (took, used) = runtime.block_on(contender.takes(&http, &bodies))?;
            let spans = (BODIES * BODY) as u64;
            contender.busy.push(thousands(spans, used));
            contender.rates.push(thousands(spans, took));
            let name = contender.name;
            let line = format!("round {round} of {rounds}, {name}: {took:.2?}, {used:.2?} of CPU");
            writeln!(out, "{line}").map_err(Error::io("print"))?;
        }
    }
    let all = (BODIES * BODY) as u64 * rounds;
    let rows = contenders.into_iter().flat_map(|Contender { name, busy, rates, .. }| {
        [
            rate(&format!("{name}: thousand spans per second of CPU"), all, busy),
            rate(&format!("{name}: thousand spans per second"), all, rates),
        ]
    });
    let table = Table {
        columns: ["what", "of", "half", "slowest round"].map(Into::into).into(),
        rows: rows.collect(),
        spread: format!(
            "{} of {BODIES} bodies with {BODY} spans of {bytes} bytes each, {CLIENTS} connections, \
             protobuf over HTTP; the client shares the cores",
            many(usize::try_from(rounds).unwrap_or(usize::MAX), "round"),
        ),
        machine: Machine::read(&setup.dir),
        versions: format!(
            "ch04-tracing {}, {} of PyPI, which says {version}",
            env!("CARGO_PKG_VERSION"),
            ROTEL.pypi
        ),
    };
    // Each span has an id of its own.
    let stored = shop.report().into_iter().find(|(role, _)| role == "collector");
    let is_ok = stored.is_some_and(|(_, status)| status.is_some_and(|s| s.own["spans"] == all));
    Ok(Outcome { text: table.to_string(), kept: table.kept(), is_ok })
}

impl Contender {
    /// Sends it all bodies. Returns how long that took, and how much its processes computed.
    async fn takes(&self, http: &Http, bodies: &[Bytes]) -> Result<(Duration, Duration), Error> {
        let before = self.computed()?;
        let began = Instant::now();
        let mut clients = JoinSet::new();
        for first in 0..CLIENTS {
            let own: Vec<Bytes> = bodies.iter().skip(first).step_by(CLIENTS).cloned().collect();
            let (http, address) = (http.clone(), self.address);
            clients.spawn(async move {
                for body in own {
                    post(&http, address, body).await?;
                }
                Ok::<_, String>(())
            });
        }
        while let Some(client) = clients.join_next().await {
            let done = client.map_err(|why| Error::contender("a client", why))?;
            done.map_err(|why| Error::contender(self.name, why))?;
        }
        Ok((began.elapsed(), self.computed()?.saturating_sub(before)))
    }

    fn computed(&self) -> Result<Duration, Error> {
        let all: Option<Duration> = self.processes.iter().map(|pid| cpu(*pid)).sum();
        let why = "does not say what a process has computed; measure on Linux".to_owned();
        all.ok_or_else(|| Error::contender("this system", why))
    }
}

/// Sends one body, and waits for its answer.
async fn post(http: &Http, address: SocketAddr, body: Bytes) -> Result<(), String> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://{address}/v1/traces"))
        .header(CONTENT_TYPE, "application/x-protobuf")
        .body(Full::new(body))
        .expect("an address is a host");
    let response = http.request(request).await.map_err(|why| why.to_string())?;
    let status = response.status();
    let answer = response.into_body().collect().await.map_err(|why| why.to_string())?.to_bytes();
    // Ours would name refused spans in its answer, and Rotel says nothing.
    if status != StatusCode::OK || !answer.is_empty() {
        return Err(format!("answers {status} with {} bytes", answer.len()));
    }
    Ok(())
}

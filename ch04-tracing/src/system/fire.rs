//! One purchase that loses a replica half-way, as its trace shows it: `guide measure ch04`.
//!
//! The leader of the replicas is killed while a purchase is under way, a little later each time, until the
//! trace shows that the kill came between the first question to the replicas and their answer. Then the
//! trace is the table.
//!
//! # Left out
//!
//! Spans that the killed replica had not sent. The trace says how many it lacks.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use ch01_sticky_sessions::system::client::Browser;
use lab::http::Caller;
use lab::measure::{Error, Machine, Outcome, Setup, Table, runtime};
use lab::system::{MeasuredCluster, Options};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::shop::SYSTEM;

/// The kill comes so much later at each attempt.
const LATER: Duration = Duration::from_micros(500);
/// So many attempts, or there is no such trace.
const MOST: u32 = 60;
/// Until the processes have sent their spans, and a leader is there.
const DEADLINE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(50);
const COLUMNS: [&str; 5] = ["at, ms", "took, ms", "process", "does", "because of"];

struct Shop {
    cluster: MeasuredCluster,
    runtime: Runtime,
    browser: Browser,
    collector: SocketAddr,
}

/// Makes such a trace.
pub(crate) fn measure(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    let mut shop = Shop::open(setup)?;
    for attempt in 1..=MOST {
        let trace = shop.attempt(attempt)?;
        let spans = trace["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
        let asked: usize = spans.iter().filter(|span| span["name"] == "set").count();
        let missing = missing(spans);
        let line = format!("attempt {attempt}: {} spans, {missing} missing", spans.len());
        writeln!(out, "{line}").map_err(Error::io("print"))?;
        // The question was asked again: so the kill came before its answer, and not after the purchase.
        if missing > 0 && asked > 1 {
            let table = Table {
                columns: COLUMNS.map(Into::into).into(),
                rows: rows(spans),
                spread: format!(
                    "One purchase, from the first span to the last; the replica that led was killed while it \
                     was under way (attempt {attempt}). {} spans; causes of {missing} are lost with the \
                     replica. Times are those of each process's own clock, on one machine",
                    spans.len()
                ),
                machine: Machine::read(&setup.dir),
                versions: format!("fun-topics {}", env!("CARGO_PKG_VERSION")),
            };
            return Ok(Outcome { text: table.to_string(), kept: table.kept(), is_ok: true });
        }
    }
    let why = format!("in {MOST} attempts no replica was killed half-way; try again");
    Err(Error::contender("the shop", why))
}

impl Shop {
    /// A shop with Alice in it, and a candle in her cart.
    fn open(setup: &Setup) -> Result<Self, Error> {
        let runtime = runtime()?;
        let options = Options::default().with_value("shop-port", "0");
        let cluster =
            MeasuredCluster::start("shop", (SYSTEM, options), setup, runtime.handle().clone())?;
        let of = |name: &str, field: &str| {
            let roles = cluster.report().into_iter();
            let mut own = roles.filter(|(role, _)| role == name).filter_map(|(_, status)| status);
            own.next()?.own.get(field)?.as_str()?.parse::<SocketAddr>().ok()
        };
        let pages = of("lb", "shop").ok_or_else(|| absent("balancer"))?;
        let collector = cluster.endpoint("collector").ok_or_else(|| absent("collector"))?;
        let mut shop = Self { cluster, runtime, browser: Browser::new(pages), collector };
        for path in ["/sign-in?user=alice", "/cart?item=candle"] {
            shop.post(path)?;
        }
        Ok(shop)
    }

    /// Asks until it is done.
    fn post(&mut self, path: &str) -> Result<(), Error> {
        let (runtime, browser) = (&self.runtime, &mut self.browser);
        until(path, || {
            let page = runtime.block_on(browser.call(Method::POST, path))?;
            (page.status == StatusCode::OK).then_some(())
        })
    }

    fn leader(&self) -> Result<String, Error> {
        until("a leader of the replicas", || {
            let mut roles = self.cluster.report().into_iter();
            let leads = |(name, status): (String, Option<lab::system::Status>)| {
                (status?.own.get("role")? == "leads").then_some(name)
            };
            roles.find_map(leads)
        })
    }

    /// Buys something, kills the leader meanwhile, and gives the trace of the purchase.
    fn attempt(&mut self, attempt: u32) -> Result<Value, Error> {
        let leader = self.leader()?;
        let path = format!("/buy?item=candle&key=attempt-{attempt}");
        let mut browser = self.browser.copied();
        let asked = path.clone();
        let buying = self
            .runtime
            .spawn(async move { browser.call(Method::POST, &asked).await.map(|page| page.status) });
        self.runtime.block_on(async { tokio::time::sleep(LATER * attempt).await });
        self.cluster.kill(&leader)?;
        // What became of this one request does not matter: the same key is the same order.
        let _ = self.runtime.block_on(buying);
        self.post(&path)?;
        self.cluster.restart(&leader)?;
        self.trace(attempt)
    }

    /// The trace of the attempt's first request, once it grows no more.
    fn trace(&self, attempt: u32) -> Result<Value, Error> {
        let mut last = None;
        until("the trace of a purchase", || {
            let mut collector = Caller::new(self.collector);
            let list = self.runtime.block_on(collector.get("/api/traces?limit=1000")).ok()?;
            let traces = list.body["traces"].as_array()?.clone();
            let bought = traces.iter().filter(|trace| trace["name"] == "POST /buy");
            // The latest is the first in the list; an attempt may have asked more than once.
            let mut ids: Vec<&str> = bought.filter_map(|trace| trace["traceId"].as_str()).collect();
            ids.reverse();
            let mut of_attempt = Vec::new();
            for id in ids {
                let path = format!("/api/traces/{id}");
                let trace = self.runtime.block_on(collector.get(&path)).ok()?.body;
                if trace.to_string().contains(&format!("attempt-{attempt}:")) {
                    of_attempt.push(trace);
                }
            }
            let first = of_attempt.into_iter().next()?;
            let is_settled = last.as_ref() == Some(&first);
            last = Some(first);
            is_settled.then(|| last.clone()).flatten()
        })
    }
}

fn absent(who: &str) -> Error {
    Error::contender("the shop", format!("its {who} does not answer"))
}

/// Looks until something is there.
#[expect(clippy::disallowed_methods, reason = "processes take as long as they take")]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, Error> {
    let began = std::time::Instant::now();
    while began.elapsed() < DEADLINE {
        if let Some(found) = look() {
            return Ok(found);
        }
        std::thread::sleep(LOOK);
    }
    Err(Error::contender("the shop", format!("not in {DEADLINE:?}: {what}")))
}

fn text<'a>(span: &'a Value, field: &str) -> &'a str {
    span[field].as_str().unwrap_or_default()
}

/// How many spans name a cause that is not there.
fn missing(spans: &[Value]) -> usize {
    let has = |id: &str| spans.iter().any(|span| text(span, "id") == id);
    let parents = spans.iter().filter_map(|span| span["parent"].as_str());
    parents.filter(|parent| !has(parent)).count()
}

/// A row for each span, in the order of their beginnings.
fn rows(spans: &[Value]) -> Vec<Vec<String>> {
    let named = |span: &Value| format!("{} {}", text(span, "service"), text(span, "name"));
    let by_id: BTreeMap<&str, String> =
        spans.iter().map(|span| (text(span, "id"), named(span))).collect();
    let millis = |span: &Value, field: &str| {
        format!("{:.1}", span[field].as_f64().unwrap_or_default() / 1e6)
    };
    let mut sorted: Vec<&Value> = spans.iter().collect();
    sorted.sort_by_key(|span| span["at"].as_i64());
    let row = |span: &Value| {
        let cause = match span["parent"].as_str() {
            None => "the user".to_owned(),
            Some(parent) => by_id.get(parent).cloned().unwrap_or_else(|| "lost".into()),
        };
        let (process, does) = (text(span, "service").into(), text(span, "name").into());
        vec![millis(span, "at"), millis(span, "took"), process, does, cause]
    };
    sorted.into_iter().map(row).collect()
}

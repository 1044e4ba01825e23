//! The shop as real processes, and what the collector is told about an order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ch04_tracing::store::{self, Store};
use ch04_tracing::system::shop::SYSTEM;
use ch04_tracing::types::TraceId;
use lab::http::Caller;
use lab::system::{Cluster, Config, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

mod load;
mod sessions;
mod shared;
mod whole;

const DEADLINE: Duration = Duration::from_secs(30);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

struct TestShop {
    cluster: Cluster,
    runtime: Runtime,
    _dir: TempDir,
}

impl TestShop {
    /// Chapter 2's shop alone.
    fn new() -> Self {
        Self::with(Options::default().with_flag("small"))
    }

    /// The shop of all chapters.
    fn whole() -> Self {
        Self::with(Options::default().with_value("shop-port", "0"))
    }

    fn with(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            program: env!("CARGO_BIN_EXE_ch04-tracing").into(),
            prefix: vec!["shop".into(), "role".into()],
            options,
            ..Config::new(SYSTEM, dir.path().join("data")).unwrap()
        };
        let cluster = Cluster::start(config).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { cluster, runtime, _dir: dir }
    }

    /// Buys something under this trace, and gives the status; 0 if there is no answer.
    fn buy(&self, trace: &str, flags: &str) -> u16 {
        let shop = self.cluster.front();
        let body = json!({ "key": trace, "item": "boots", "quantity": 1, "customer": "alice" });
        let body = body.to_string();
        let head = format!(
            "POST /checkout HTTP/1.1\r\nHost: {shop}\r\ntraceparent: 00-{trace}-{CALLER}-{flags}\r\n\
             Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = self.runtime.block_on(async {
            let mut stream = TcpStream::connect(shop).await?;
            stream.write_all(format!("{head}{body}").as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            std::io::Result::Ok(answer)
        });
        let answer = answer.unwrap_or_default();
        answer.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
    }

    /// Asks until the order is done: a process may be down, and the same key is the same order.
    fn buys(&self, trace: &str) {
        self.until("the order is done", || (self.buy(trace, "01") == 200).then_some(()));
    }

    /// The coordinator is killed at this effect of an order, and started again until the order has ended.
    fn buys_from_a_coordinator_that_dies(&mut self, effect: u64) -> String {
        let trace = format!("{effect:032x}");
        self.cluster.restart("coord", Some(effect)).unwrap();
        self.until("coord is gone", || (self.buy(&trace, "01") == 0).then_some(()));
        self.cluster.restart("coord", None).unwrap();
        let has_ended = |status| status == 200 || (400..500).contains(&status);
        self.until("the order has ended", || has_ended(self.buy(&trace, "01")).then_some(()));
        trace
    }

    /// The spans of a trace, as soon as there are so many.
    fn spans(&self, trace: &str, count: usize) -> Vec<Value> {
        self.until("the spans are stored", || {
            let mut collector = Caller::new(self.cluster.endpoint("collector"));
            let page =
                self.runtime.block_on(collector.get(&format!("/api/traces/{trace}"))).ok()?;
            let spans = page.body["spans"].as_array()?.clone();
            (spans.len() >= count).then_some(spans)
        })
    }

    #[expect(clippy::disallowed_methods, reason = "processes take as long as they take")]
    fn until<T>(&self, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = probe() {
                return found;
            }
            assert!(Instant::now() < deadline, "not in {DEADLINE:?}: {what}");
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(10)).await });
        }
    }
}

fn text(span: &Value, field: &str) -> String {
    span[field].as_str().unwrap_or_default().to_owned()
}

/// What caused what, each once.
fn causes(spans: &[Value]) -> BTreeSet<String> {
    let by_id: BTreeMap<String, &Value> =
        spans.iter().map(|span| (text(span, "id"), span)).collect();
    let named = |span: &Value| format!("{} {}", text(span, "service"), text(span, "name"));
    let cause = |span: &Value| match text(span, "parent") {
        caller if caller == CALLER => "caller".to_owned(),
        parent => by_id.get(&parent).map_or_else(|| "nobody".into(), |parent| named(parent)),
    };
    spans.iter().map(|span| format!("{} -> {}", cause(span), named(span))).collect()
}

/// One checkout: the request, the order, and for each participant prepare, its vote, commit and its
/// acknowledgement.
const SPANS: usize = 10;

#[test]
fn one_order_is_one_trace_and_every_cause_is_right() {
    let shop = TestShop::new();
    shop.buys(TRACE);
    // A slow disk makes `coord` ask its node again: then a cause is there twice.
    let edges = shop.until("all causes are there", || {
        let edges = causes(&shop.spans(TRACE, SPANS));
        (edges.len() >= SPANS).then_some(edges)
    });
    // ANCHOR: edges
    // Which of the two votes comes last is not known beforehand; that one decides.
    let decides = ["coord yes -> stock commit", "coord yes -> pay commit"];
    let expected = [
        "caller -> coord POST /checkout",
        "coord POST /checkout -> coord order",
        "coord order -> stock prepare",
        "coord order -> pay prepare",
        "stock prepare -> coord yes",
        "pay prepare -> coord yes",
        decides[0],
        decides[1],
        "stock commit -> coord ack",
        "pay commit -> coord ack",
    ];
    // ANCHOR_END: edges
    assert_eq!(edges, expected.map(String::from).into_iter().collect());
}

#[test]
fn what_is_not_sampled_is_not_stored_and_the_order_is_done() {
    let shop = TestShop::new();
    let other = TRACE.replace('0', "1");
    shop.until("the order is done", || (shop.buy(&other, "00") == 200).then_some(()));
    shop.buys(TRACE);
    shop.spans(TRACE, SPANS);
    let mut collector = Caller::new(shop.cluster.endpoint("collector"));
    let page = shop.runtime.block_on(collector.get(&format!("/api/traces/{other}"))).unwrap();
    assert_eq!(page.status, 404);
}

#[test]
fn orders_go_on_without_the_collector_and_it_is_told_later() {
    let mut shop = TestShop::new();
    shop.cluster.kill("collector").unwrap();
    shop.buys(TRACE);
    shop.cluster.restart("collector", None).unwrap();
    shop.spans(TRACE, SPANS);
    // Stored is stored.
    shop.cluster.kill("collector").unwrap();
    shop.cluster.restart("collector", None).unwrap();
    shop.spans(TRACE, SPANS);
}

#[test]
fn an_order_that_fails_because_of_a_killed_participant_has_no_wrong_cause() {
    let mut shop = TestShop::new();
    shop.cluster.kill("pay").unwrap();
    let refused = |status| (400..500).contains(&status);
    shop.until("the order has ended", || refused(shop.buy(TRACE, "01")).then_some(()));
    shop.cluster.restart("pay", None).unwrap();
    // The request, the order, what `stock` did, and its vote: processes send their spans one after the other.
    let spans = shop.until("all causes are there", || {
        let spans = shop.spans(TRACE, 4);
        let ids: BTreeSet<String> = spans.iter().map(|span| text(span, "id")).collect();
        let is_known = |parent: String| parent == CALLER || ids.contains(&parent);
        spans.iter().all(|span| is_known(text(span, "parent"))).then_some(spans)
    });
    assert!(spans.iter().any(|span| text(span, "name") == "prepare"), "{spans:#?}");
}

#[test]
fn what_a_role_has_not_sent_yet_is_stored_at_an_orderly_end() {
    let shop = TestShop::new();
    shop.buys(TRACE);
    let TestShop { cluster, _dir: dir, .. } = shop;
    let data = cluster.dir().join("collector");
    assert_eq!(cluster.stop().unwrap(), [""; 0], "all end in time");
    let store = Store::open(&data, store::Options::default()).unwrap();
    assert_eq!(store.damage(), []);
    let trace = TraceId(u128::from_str_radix(TRACE, 16).unwrap());
    let spans = store.trace(trace).spans;
    let did: Vec<_> = spans.iter().map(|span| format!("{} {}", span.service, span.name)).collect();
    // The customer is answered before the participants know.
    for done in ["coord POST /checkout", "coord order", "stock prepare", "pay prepare", "coord yes"]
    {
        assert!(did.iter().any(|one| one == done), "{done}: {did:?}");
    }
    drop(dir);
}

/// What may cause what in an order, however it ends.
fn may_cause(cause: &str, done: &str) -> bool {
    let (role, what) = done.split_once(' ').unwrap();
    let keeper = matches!(role, "stock" | "pay");
    match cause {
        "caller" => done == "coord POST /checkout",
        "coord POST /checkout" => done == "coord order",
        "coord order" => keeper && what == "prepare",
        "stock prepare" | "pay prepare" => matches!(done, "coord yes" | "coord no"),
        "coord yes" | "coord no" => keeper && matches!(what, "commit" | "abort"),
        "stock commit" | "pay commit" => done == "coord ack",
        _ => false,
    }
}

/// Checks who caused what. Gives how many spans have a cause that never arrives, or none while others may still
/// arrive: a killed coordinator takes along what it has not sent, and the request that was open.
fn lost_causes(spans: &[Value]) -> Option<usize> {
    let name = |span: &Value| format!("{} {}", text(span, "service"), text(span, "name"));
    let by_id: BTreeMap<_, _> = spans.iter().map(|span| (text(span, "id"), name(span))).collect();
    let (mut lost_requests, mut lost_orders) = (0, 0);
    for span in spans {
        let (parent, done) = (text(span, "parent"), name(span));
        let cause = match by_id.get(&parent) {
            Some(cause) => cause,
            None if parent == CALLER => "caller",
            None if done == "coord order" => {
                lost_requests += 1;
                continue;
            }
            None if done.starts_with("coord ") => return None,
            None => {
                lost_orders += 1;
                continue;
            }
        };
        assert!(may_cause(cause, &done), "{cause} -> {done}: {spans:#?}");
    }
    (lost_requests <= 1).then_some(lost_requests + lost_orders)
}

/// It is killed after one effect and after several, so before and after its decision is durable.
#[test]
fn a_coordinator_killed_in_the_middle_of_an_order_leaves_no_wrong_cause() {
    let mut shop = TestShop::new();
    let mut lost = 0;
    for effect in [1, 2, 4, 6, 8] {
        let trace = shop.buys_from_a_coordinator_that_dies(effect);
        lost += shop.until("all causes are there that are not lost", || {
            lost_causes(&shop.spans(&trace, 3))
        });
    }
    assert!(lost > 0, "no kill was in the middle of an order");
}

/// The same with a flight recorder: a span is written down before any message names it.
#[test]
fn with_flight_recorders_no_cause_is_lost_by_a_killed_coordinator() {
    let mut shop = TestShop::with(Options::default().with_flag("small").with_flag("recorder"));
    let mut unfinished = 0;
    for effect in [1, 2, 4, 6, 8] {
        let trace = shop.buys_from_a_coordinator_that_dies(effect);
        let spans = shop.until("all causes are there", || {
            let spans = shop.spans(&trace, 3);
            (lost_causes(&spans) == Some(0)).then_some(spans)
        });
        unfinished += json!(spans).to_string().matches("unfinished").count();
    }
    assert!(unfinished > 0, "no kill was in the middle of a span");
}

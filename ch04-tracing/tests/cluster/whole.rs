//! The shop of all chapters: what one purchase is, and what becomes of it when a process is killed.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{Method, StatusCode};
use ch01_sticky_sessions::system::client::{Browser, Page};
use lab::http::Caller;
use lab::system::{Status, report};
use serde_json::{Value, json};

use crate::{TestShop, text};

impl TestShop {
    /// Where users come; it may be elsewhere after a restart of the balancer.
    fn pages(&self) -> Option<std::net::SocketAddr> {
        let mut lb = Caller::new(self.cluster.endpoint("lb"));
        let status = self.runtime.block_on(lb.get("/status")).ok()?;
        status.field("shop").parse().ok()
    }

    fn call(&self, browser: &mut Browser, method: Method, path: &str) -> Option<Page> {
        self.runtime.block_on(browser.call(method, path))
    }

    /// Asks until there is a page that is no error of a server.
    pub(crate) fn page(&self, browser: &mut Browser, method: &Method, path: &str) -> Page {
        self.until(path, || {
            let page = self.call(browser, method.clone(), path)?;
            (!page.status.is_server_error()).then_some(page)
        })
    }

    pub(crate) fn alice(&self) -> Browser {
        let shop = self.until("the balancer", || self.pages());
        let mut alice = Browser::new(shop);
        for path in ["/sign-in?user=alice", "/cart?item=candle"] {
            assert_eq!(self.page(&mut alice, &Method::POST, path).status, StatusCode::OK, "{path}");
        }
        alice
    }

    /// Every span of every trace.
    fn all_traces(&self) -> Vec<Value> {
        let mut collector = Caller::new(self.cluster.endpoint("collector"));
        let mut get = |path: &str| self.runtime.block_on(collector.get(path)).unwrap().body;
        let list = get("/api/traces?limit=100")["traces"].as_array().unwrap().clone();
        list.iter().map(|trace| get(&format!("/api/traces/{}", text(trace, "traceId")))).collect()
    }

    /// The trace of the only purchase, once nothing of it is missing.
    fn purchase(&self, services: usize) -> Vec<Value> {
        self.until("the trace is whole", || {
            let mut collector = Caller::new(self.cluster.endpoint("collector"));
            let list = self.runtime.block_on(collector.get("/api/traces?limit=100")).ok()?;
            let traces = list.body["traces"].as_array()?.clone();
            let trace = traces.iter().find(|trace| trace["name"] == "POST /buy")?;
            let count = trace["services"].as_object()?.len();
            let path = format!("/api/traces/{}", text(trace, "traceId"));
            let spans = self.runtime.block_on(collector.get(&path)).ok()?.body["spans"].clone();
            (count == services && trace["missing"] == 0).then_some(spans.as_array()?.clone())
        })
    }
}

#[test]
fn one_purchase_is_one_trace_through_all_chapters_and_every_cause_is_right() {
    let shop = TestShop::whole();
    let mut alice = shop.alice();
    let bought = shop.page(&mut alice, &Method::POST, "/buy?item=candle");
    assert_eq!((bought.status, &bought.body["outcome"]), (StatusCode::OK, &json!("done")));
    // The balancer, a web process, coordinator and participants, three replicas.
    let spans = shop.purchase(8);
    let by_id: BTreeMap<String, &Value> =
        spans.iter().map(|span| (text(span, "id"), span)).collect();
    let role = |span: &Value| {
        let service = text(span, "service");
        let kind = ["web", "replica"].into_iter().find(|kind| service.starts_with(kind));
        kind.map_or(service, ToOwned::to_owned)
    };
    let named = |span: &Value| format!("{} {}", role(span), text(span, "name"));
    let edges: BTreeSet<String> = spans
        .iter()
        .map(|span| {
            let cause =
                by_id.get(&text(span, "parent")).map_or("user".into(), |cause| named(cause));
            format!("{cause} -> {}", named(span))
        })
        .collect();
    let some = [
        "user -> lb POST /buy",
        "lb POST /buy -> web POST /buy",
        "web POST /buy -> coord POST /checkout",
        "coord POST /checkout -> coord order",
        "coord order -> pay prepare",
        "pay prepare -> coord yes",
        "coord yes -> replica set",
        "replica set -> replica pass",
        "replica pass -> replica accept",
        "replica accept -> replica accepted",
        "replica accepted -> replica commit",
        "coord yes -> coord it",
        "coord it -> stock commit",
        "stock commit -> coord ack",
    ];
    let missing: Vec<&str> = some.into_iter().filter(|edge| !edges.contains(*edge)).collect();
    assert!(missing.is_empty(), "no {missing:#?} in {edges:#?}");
    let roots = edges.iter().filter(|edge| edge.starts_with("user")).count();
    assert_eq!(roots, 1, "{edges:#?}");
    // As it stands in the cookie, and as a message shows it.
    let secret = alice.cookie("sid").unwrap();
    let number = u128::from_str_radix(&secret, 16).unwrap().to_string();
    let all = json!(shop.all_traces()).to_string();
    assert!(all.contains("session/") && all.contains("POST /sign-in"), "sessions are kept there");
    assert!(!all.contains(&secret) && !all.contains(&number), "a session id stands in a span");
}

#[test]
fn whichever_process_is_killed_nobody_is_signed_out_and_each_order_is_done_at_most_once() {
    let mut shop = TestShop::whole();
    let mut alice = shop.alice();
    let all: Vec<String> =
        shop.cluster.layout().roles.iter().map(|role| role.name.clone()).collect();
    let mut done = 0;
    for role in &all {
        shop.cluster.kill(role).unwrap();
        let order = format!("/buy?item=candle&key=order-{role}");
        // ANCHOR: killed
        if role != "lb" {
            let page = shop.page(&mut alice, &Method::GET, "/cart");
            assert_eq!(page.body, json!({ "user": "alice", "cart": ["candle"] }), "{role} is down");
            // Done, declined, or not known yet. Or the session was not found, and no order was begun.
            let bought = shop.call(&mut alice, Method::POST, &order).expect("an answer");
            let is_told = [200, 202, 409].contains(&bought.status.as_u16())
                || bought.body["outcome"] == "unavailable";
            assert!(is_told, "{role} is down: {bought:?}");
        }
        // ANCHOR_END: killed
        shop.cluster.restart(role, None).unwrap();
        let pages = shop.until("the balancer", || shop.pages());
        alice = alice.at(pages);
        let ended = shop.until("the order has an end", || {
            let page = shop.call(&mut alice, Method::POST, &order)?;
            [200, 409].contains(&page.status.as_u16()).then_some(page)
        });
        done += u64::from(ended.status == StatusCode::OK);
    }
    // Those that were decided without a participant were declined; all else was bought.
    assert_eq!(done, all.len() as u64 - 2, "only stock and pay are needed for a yes");
    let coins = shop.until("the balance", || {
        let mut coord = Caller::new(shop.cluster.endpoint("coord"));
        let page = shop.runtime.block_on(coord.get("/balances?of=pay/alice,stock/candle")).ok()?;
        (page.status == 200).then_some(page.body)
    });
    assert_eq!(coins["stock"]["candle"], json!(500 - done), "{coins}");
    assert_eq!(coins["pay"]["alice"], json!(500 - 2 * done), "{coins}");
}

/// The services of a trace that have spans of this name.
fn by(spans: &[Value], name: &str) -> BTreeSet<String> {
    let named = spans.iter().filter(|span| text(span, "name") == name);
    named.map(|span| text(span, "service")).collect()
}

/// Whether this is the trace of an election that this replica won: it begins with a replica that has not heard of
/// a leader for long, and two of three were asked for a promise.
fn elects(leader: &str, spans: &[Value]) -> bool {
    let root = spans.iter().find(|span| span["parent"].is_null());
    root.is_some_and(|root| text(root, "name") == "no message came")
        && by(spans, "prepare").len() >= 2
        && by(spans, "prepare").contains(leader)
        && by(spans, "promise") == BTreeSet::from([leader.to_owned()])
}

impl TestShop {
    /// The replica that says that it leads.
    pub(crate) fn leader(&self) -> Option<String> {
        let all = self.runtime.block_on(report(&self.cluster.endpoints(), None)).into_iter();
        let leads = |status: Option<Status>| status?.own.get("role").map(|role| role == "leads");
        all.filter(|(name, _)| name.starts_with("replica-"))
            .find_map(|(name, status)| leads(status)?.then_some(name))
    }

    /// Every trace that begins with such a timeout, by its id.
    fn begun_by_silence(&self) -> Option<BTreeMap<String, Vec<Value>>> {
        let mut collector = Caller::new(self.cluster.endpoint("collector"));
        let mut get = |path: &str| self.runtime.block_on(collector.get(path)).ok();
        let list = get("/api/traces?operation=no+message+came&limit=1000")?.body;
        let ids = list["traces"].as_array()?.iter().map(|trace| text(trace, "traceId"));
        let spans = |id: String| {
            let trace = get(&format!("/api/traces/{id}"))?.body;
            Some((id, trace["spans"].as_array()?.clone()))
        };
        Some(ids.filter_map(spans).collect())
    }
}

#[test]
fn the_election_after_a_kill_of_the_leader_is_a_trace_of_its_own_with_its_cause() {
    let mut shop = TestShop::whole();
    let killed = shop.until("the first leader", || shop.leader());
    let before = shop.until("the list of traces", || shop.begun_by_silence());
    shop.cluster.kill(&killed).unwrap();
    shop.until("a trace of the election", || {
        let leader = shop.leader().filter(|leader| *leader != killed)?;
        let mut new = shop.begun_by_silence()?;
        new.retain(|id, _| !before.contains_key(id));
        new.values().any(|spans| elects(&leader, spans)).then_some(())
    });
}

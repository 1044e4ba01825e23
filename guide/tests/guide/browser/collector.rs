//! The pages of chapter 4's collector, over a store that a test has filled.

use std::sync::Arc;
use std::time::Duration;

use ch04_tracing::store::{MAX_SHOWN, Options as Limits, Store};
use ch04_tracing::system::pages_over;
use ch04_tracing::types::{Kind, Span, SpanId, Status, TraceId, Value};
use serde_json::json;

use super::Site;
use super::access::axe_findings;
use super::driver::{Browser, Options};

const MS: u64 = 1_000_000;
const BEGIN: u64 = 1_700_000_000_000 * MS;
const END: &str = "\u{e010}";
const ENTER: &str = "\u{e007}";
const DETAIL: &str = "document.querySelector('.detail').textContent";

/// A span of 20 ms.
fn span(trace: u128, id: u64, parent: Option<u64>, service: &str, name: &str) -> Span {
    Span {
        trace: TraceId(trace),
        id: SpanId(id),
        parent: parent.map(SpanId),
        links: vec![],
        service: service.into(),
        name: name.into(),
        kind: Kind::Internal,
        start: BEGIN,
        end: BEGIN + 20 * MS,
        status: Status::Unset,
        attributes: vec![],
    }
}

/// `web` asks `stock`, whose clock is 2 s behind, and does something else meanwhile.
fn call(trace: u128, served: u64) -> [Span; 3] {
    let mut asks = span(trace, 1, None, "web", "POST /orders");
    (asks.kind, asks.end) = (Kind::Client, BEGIN + 10 * MS + served);
    asks.attributes.push(("peer".into(), Value::Text("stock".into())));
    let mut serves = span(trace, 2, Some(1), "stock", "price");
    serves.kind = Kind::Server;
    serves.start = BEGIN + 5 * MS - 2_000 * MS;
    serves.end = serves.start + served;
    let mut beside = span(trace, 3, Some(1), "web", "write a log line");
    (beside.start, beside.end) = (BEGIN + 6 * MS, BEGIN + 7 * MS);
    [asks, serves, beside]
}

/// As many spans as a page shows: a root, and below it 100 with all others.
fn longest() -> Vec<Span> {
    let mut spans = vec![span(1, 1, None, "lb", "GET /report")];
    let mut head = 0;
    for id in 2..=MAX_SHOWN as u64 {
        let is_head = id % 500 == 2;
        head = if is_head { id } else { head };
        let mut one = span(1, id, Some(if is_head { 1 } else { head }), "web", "read a line");
        one.start += id;
        spans.push(one);
    }
    spans.last_mut().expect("a span").name = "read the last line".into();
    spans
}

async fn collector(spans: Vec<Span>) -> Site {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), Limits::default()).expect("a store");
    for batch in spans.chunks(10_000) {
        store.store(batch.to_vec(), Duration::ZERO).await.expect("it stores");
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let pages = pages_over(Arc::new(store));
    tokio::spawn(async move { axum::serve(listener, pages).await });
    Site { url, _folder: Some(folder) }
}

/// Opens a trace, and waits for its waterfall.
async fn open_trace(browser: &Browser, site: &Site, trace: u128) {
    browser.open(&format!("{}/trace/{}", site.url, TraceId(trace))).await;
    browser.wait("return !!document.querySelector('#waterfall .detail')?.textContent").await;
    assert_eq!(browser.run("return document.getElementById('plain').hidden").await, json!(true));
}

/// Counts from now on in `painted`, for each frame, the rows whose service is written.
const COUNT: &str = "const write = CanvasRenderingContext2D.prototype.fillText;
    window.painted = {};
    CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
        const frame = document.timeline.currentTime;
        if (['lb', 'web'].includes(text)) painted[frame] = (painted[frame] ?? 0) + 1;
        return write.call(this, text, ...at);
    };";

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_50_000_spans_opens_scrolls_and_draws_only_the_rows_in_sight() {
    let site = collector(longest()).await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.width(1280).await;
    open_trace(&browser, &site, 1).await;
    let whole = "return document.querySelector('.view').scrollHeight";
    let rows = MAX_SHOWN as u64;
    assert!(browser.run(whole).await.as_u64() >= Some(22 * rows), "all rows have their room");
    browser.run(COUNT).await;
    for place in ["0.5", "1", "0.001"] {
        let scroll = format!(
            "window.painted = {{}}; const view = document.querySelector('.view');
             view.scrollTop = view.scrollHeight * {place}"
        );
        browser.run(&scroll).await;
        browser.wait("return Object.keys(painted).length > 0").await;
        let most = browser.run("return Math.max(...Object.values(painted))").await;
        let most = most.as_u64().expect("a count");
        assert!((10..=40).contains(&most), "{most} rows are drawn at {place}");
    }
    browser.run("document.querySelector('.view').focus()").await;
    browser.keys(END).await;
    browser.wait(&format!("return {DETAIL}.includes('read the last line')")).await;
    browser.keys("f").await;
    // The root and 100 below it are left, each with a row.
    browser.wait("return document.querySelector('.view').scrollHeight < 22 * 110").await;
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_are_found_by_service_and_operation() {
    let mut spans: Vec<Span> = (1..=2).flat_map(|trace| call(trace, 10 * MS)).collect();
    spans.push(span(3, 1, None, "web", "GET /"));
    spans.push(span(4, 1, None, "pay", "POST /orders"));
    let site = collector(spans).await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.open(&site.url).await;
    let found = "return [...document.querySelectorAll('.row')].map((row) => row.pathname)";
    assert_eq!(browser.run(found).await.as_array().map(Vec::len), Some(4));
    let is_offered =
        "const names = (id) => [...document.querySelectorAll(`#${id} option`)].map((o) => o.value);
        return names('services')";
    assert_eq!(browser.run(is_offered).await, json!(["pay", "stock", "web"]));
    browser.press("input[name=service]", "web").await;
    browser.press("input[name=operation]", "POST /orders").await;
    browser.keys(ENTER).await;
    browser.wait("return document.querySelectorAll('.row').length === 2").await;
    let mut rows: Vec<String> = serde_json::from_value(browser.run(found).await).expect("paths");
    rows.sort();
    assert_eq!(rows, [1, 2].map(|id| format!("/trace/{}", TraceId(id))));
    browser.click(".row").await;
    browser.wait("return !!document.querySelector('#waterfall .detail')?.textContent").await;
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_traces_are_compared() {
    let site = collector([call(1, 10 * MS), call(2, 40 * MS)].concat()).await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    open_trace(&browser, &site, 2).await;
    browser.click("a[href^='/compare']").await;
    browser.wait("return document.title === 'Compare'").await;
    browser.press("input[name=b]", &TraceId(1).to_string()).await;
    browser.keys(ENTER).await;
    browser.wait("return location.search.includes('b=')").await;
    let differs = "return [...document.querySelectorAll('tbody tr')].map((row) => row.innerText)";
    let rows = browser.run(differs).await;
    let is_there = |row: &&str| row.starts_with("longer") && row.contains("1 × 40.0 ms");
    let rows = rows.as_array().expect("rows").iter().filter_map(|row| row.as_str());
    assert!(rows.clone().any(|row| is_there(&row)), "{:?}", rows.collect::<Vec<_>>());
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_through_the_spans_and_correct_the_clocks() {
    let site = collector(call(1, 10 * MS).to_vec()).await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    open_trace(&browser, &site, 1).await;
    let says = async |words: &str| {
        browser.wait(&format!("return {DETAIL}.includes('{words}')")).await;
    };
    says("web: POST /orders").await;
    says("the request waited 10.0 ms for this alone").await;
    browser.run("document.querySelector('.view').focus()").await;
    browser.keys("j").await;
    says("stock: price").await;
    says("the request waited 10.0 ms for this alone").await;
    says("from 0 ns on").await;
    let pressed = "return document.querySelector('.keys button').ariaPressed";
    assert_eq!(browser.run(pressed).await, json!("false"));
    browser.keys("c").await;
    says("from 5.00 ms on").await;
    assert_eq!(browser.run(pressed).await, json!("true"));
    browser.keys("c").await;
    says("from 0 ns on").await;
    browser.keys("j").await;
    says("not on it: the request did not wait for this").await;
    browser.keys("k").await;
    says("stock: price").await;
    browser.keys("k").await;
    browser.keys(ENTER).await;
    let rows = "return Math.round((document.querySelector('.view').clientHeight - 28) / 22)";
    browser.wait(&format!("{rows} === 1")).await;
    browser.keys(ENTER).await;
    browser.wait(&format!("{rows} === 3")).await;
    browser.close_without_complaints(&site.url).await;
}

/// Only what the request waits for has a line of 3 px above its bar.
#[tokio::test(flavor = "multi_thread")]
async fn the_critical_path_is_drawn_over_the_spans_that_are_on_it() {
    let site = collector(call(1, 10 * MS).to_vec()).await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    open_trace(&browser, &site, 1).await;
    let count = "const fill = CanvasRenderingContext2D.prototype.fillRect;
        window.lines = new Set();
        CanvasRenderingContext2D.prototype.fillRect = function (x, y, width, height) {
            if (height === 3) lines.add(Math.floor((y - 26) / 22));
            return fill.call(this, x, y, width, height);
        };
        document.querySelector('.keys button').click()";
    browser.run(count).await;
    browser.wait("return [...lines].sort().join() === '0,1'").await;
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waterfall_follows_dark_and_light() {
    let site = collector(call(1, 10 * MS).to_vec()).await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    browser.prefers("light").await;
    open_trace(&browser, &site, 1).await;
    let same = "const canvas = document.querySelector('canvas');
        const at = canvas.getContext('2d').getImageData(canvas.width - 2, canvas.height - 2, 1, 1).data;
        const behind = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);
        return behind.every((part, i) => part === at[i])";
    let light = "return getComputedStyle(document.body).backgroundColor";
    browser.wait(same).await;
    let before = browser.run(light).await;
    // The page stays open: what is drawn already has to change as well.
    browser.prefers("dark").await;
    browser.wait(same).await;
    assert_ne!(browser.run(light).await, before);
    browser.close_without_complaints(&site.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_the_pages_of_the_collector() {
    let mut spans: Vec<Span> = (1..=3).flat_map(|trace| call(trace, 10 * MS)).collect();
    spans[4].status = Status::Error("sold out".into());
    spans[5].parent = Some(SpanId(77));
    let site = collector(spans).await;
    let browser = Browser::start(Options { still: true, ..Options::default() }).await;
    let mut found = Vec::new();
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")] {
        browser.width(width).await;
        browser.prefers(scheme).await;
        for page in ["/", "/?service=nobody", "/trace/2", "/graph", "/compare?a=2", "/trace/9"] {
            browser.open(&format!("{}{page}", site.url)).await;
            browser.wait("return document.readyState === 'complete'").await;
            let wide = "const e = document.scrollingElement; return e.scrollWidth - e.clientWidth";
            let wide = browser.run(wide).await;
            if wide != json!(0) {
                found.push(format!("{width} {page}: {wide} px too wide"));
            }
            browser.run("document.querySelectorAll('details').forEach((e) => e.open = true)").await;
            let wrong = axe_findings(&browser).await;
            found.extend(wrong.iter().map(|what| format!("{width} {scheme} {page}: {what}")));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    browser.close().await;
}

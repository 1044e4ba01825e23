//! The pages, as HTML. What the script draws is for a browser to say.

use ch04_tracing::otlp::request;
use ch04_tracing::types::{Kind, Span, SpanId, Status, TraceId, Value};
use prost::Message as _;
use tempfile::TempDir;

use super::kit::{Answer, Process, http};
use super::{PROTOBUF, collector, span};

fn get(collector: &Process, path: &str) -> (Answer, String) {
    let answer = http(collector.address, "GET", path, &[], b"");
    let text = String::from_utf8(answer.body.clone()).unwrap();
    (answer, text)
}

#[test]
fn pages_show_what_arrived_and_let_none_of_it_act() {
    let dir = TempDir::new().unwrap();
    let collector = collector(&dir);
    let (_, empty) = get(&collector, "/");
    assert!(empty.contains("No span has arrived yet"));
    let mut spans: Vec<_> = (1..=600).map(|id| span(5, id)).collect();
    spans[0].name = "<script>alert(1)</script>".into();
    spans[0].service = "</script><b>web".into();
    spans[1].parent = Some(SpanId(0xabc));
    spans[2].status = Status::Error("sold out".into());
    // A clock that is far off.
    let mut last = span(6, 1);
    (last.start, last.end) = (u64::MAX, u64::MAX);
    spans.push(last);
    let body = request(&spans).encode_to_vec();
    assert_eq!(http(collector.address, "POST", "/v1/traces", &[PROTOBUF], &body).status, 200);
    let path = format!("/trace/{}", TraceId(5));
    for (path, expected) in [
        ("/?service=web&error=true&limit=5", "1 missing parent"),
        ("/", "2554-07-21 23:34:33.709 UTC"),
        ("/?max=0ns", "2554-07-21 23:34:33.709 UTC"),
        ("/trace/6", "2554-07-21 23:34:33.709 UTC"),
        ("/?min=3h", "No trace is like that"),
        (path.as_str(), "<code>0000000000000abc</code>, the parent of 1 that arrived"),
        (path.as_str(), "100 later spans are not shown"),
        (path.as_str(), "✕ sold out"),
    ] {
        let (answer, text) = get(&collector, path);
        assert!(answer.status == 200 && text.contains(expected), "{path}: {text}");
        assert!(!text.contains("<script>") && !text.contains("<b>web"), "{path}: {text}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        for address in ["http://", "https://", "src=\"//"] {
            assert!(!text.contains(address), "{path} asks another server");
        }
    }
    for (path, status, expected) in [
        ("/?min=soon", 400, "is no duration; write it as"),
        ("/trace/77", 404, "no span of this trace is stored"),
        ("/trace/x", 400, "a trace id is 32 hex digits"),
    ] {
        let (answer, text) = get(&collector, path);
        assert!(answer.status == status && text.contains(expected), "{path}: {text}");
    }
    let (moved, _) = get(&collector, "/trace?id=5");
    assert_eq!((moved.status, moved.header("location")), (303, Some(path.as_str())));
    let script = "text/javascript";
    for (path, kind) in
        [("/style.css", "text/css"), ("/waterfall.js", script), ("/tree.js", script)]
    {
        let (file, text) = get(&collector, path);
        assert!(file.header("content-type").unwrap().starts_with(kind));
        assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
    }
}

/// A call of `web` to `stock`, whose clock is 2 s behind.
fn call(trace: u128, took: u64) -> [Span; 2] {
    let mut asks = span(trace, 1);
    (asks.kind, asks.end) = (Kind::Client, asks.start + 2 * took);
    asks.attributes.push(("peer".into(), Value::Text("stock".into())));
    let mut serves = span(trace, 2);
    (serves.service, serves.name) = ("stock".into(), "<i>price".into());
    serves.start -= 2_000_000_000 - took / 2;
    serves.end = serves.start + took;
    [asks, serves]
}

#[test]
fn a_trace_says_what_it_waited_for_and_how_far_clocks_may_be_apart() {
    let dir = TempDir::new().unwrap();
    let collector = collector(&dir);
    let spans = call(5, 10_000_000);
    let body = request(&spans).encode_to_vec();
    assert_eq!(http(collector.address, "POST", "/v1/traces", &[PROTOBUF], &body).status, 200);
    let (_, text) = get(&collector, "/trace/5");
    for expected in [
        "the request waited for 2 of 2 spans",
        "<td>10.0 ms<td>50 %<td><span class=\"service s-stock\">stock",
        "<td>+1.99 s<td>+2.00 s<td>+2.00 s",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let export = format!("/api/traces/{}/perfetto", TraceId(5));
    assert!(text.contains(&format!("<a href=\"{export}\" download=")), "{text}");
    assert!(get(&collector, &export).1.contains("\"traceEvents\""));
    let (_, json) = get(&collector, "/api/traces/5");
    let trace: serde_json::Value = serde_json::from_str(&json).unwrap();
    // Spans are in the order of their raw begins, so the second of the calls stands first.
    let own = serde_json::json!([
        { "span": 1, "within": null, "own": 10_000_000 },
        { "span": 0, "within": 1, "own": 10_000_000 }
    ]);
    assert_eq!(trace["criticalPath"], own);
    let offset = serde_json::json!([1_995_000_000, 2_005_000_000, 2_000_000_000]);
    assert_eq!(trace["clocks"]["stock"], offset);
}

#[test]
fn services_and_a_trace_beside_others_are_shown() {
    let dir = TempDir::new().unwrap();
    let collector = collector(&dir);
    let mut spans: Vec<Span> = (1..=4).flat_map(|trace| call(trace, 10_000_000)).collect();
    spans.extend(call(5, 30_000_000));
    // Of this one, only the caller's side arrives.
    spans.extend(call(6, 10_000_000).into_iter().take(1));
    let body = request(&spans).encode_to_vec();
    assert_eq!(http(collector.address, "POST", "/v1/traces", &[PROTOBUF], &body).status, 200);
    let longer = "<b>longer</b><td><span class=\"service s-stock\">stock</span><td>&lt;i&gt;price<td>server\
                  <td>1 × 30.0 ms<td>1 × 10.0 ms";
    for (path, status, expected) in [
        ("/graph", 200, "<td>6<td>0<td>1<td"),
        ("/graph?service=nobody", 200, "No call between services is stored"),
        ("/graph?min=soon", 400, "is no duration"),
        ("/compare?a=5", 200, longer),
        ("/compare?a=5&b=1", 200, longer),
        ("/compare?a=1&b=2", 200, "Nothing differs"),
        ("/compare?a=6", 200, "<b>missing</b>"),
        ("/compare?a=77", 404, "no span of this trace is stored"),
        ("/compare?a=5&b=x", 400, "a trace id is 32 hex digits"),
    ] {
        let (answer, text) = get(&collector, path);
        assert!(answer.status == status && text.contains(expected), "{path}: {text}");
        assert!(!text.contains("<i>price"), "{path}: {text}");
    }
    assert_eq!(get(&collector, "/compare").0.status, 400);
}

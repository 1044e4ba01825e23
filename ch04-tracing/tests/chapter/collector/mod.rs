//! The collector as a process.

#[cfg(feature = "grpc")]
mod grpc;
mod kit;
mod pages;

use std::time::Duration;

use ch04_tracing::otlp::{Encoding, MAX_ATTRIBUTES, MAX_VALUE, request, wire};
use ch04_tracing::system::exporter::{Exporter, Options};
use ch04_tracing::types::{Kind, Span, SpanId, Status, TraceId, Value};
use kit::{Answer, Process, http};
use prost::Message as _;
use serde_json::json;
use tempfile::TempDir;

const PROTOBUF: &str = "content-type: application/x-protobuf";
const JSON: &str = "content-type: application/json";

fn span(trace: u128, id: u64) -> Span {
    Span {
        trace: TraceId(trace),
        id: SpanId(id),
        parent: (id > 1).then_some(SpanId(1)),
        links: vec![],
        service: "web".into(),
        name: "POST /orders".into(),
        kind: Kind::Server,
        start: 1_700_000_000_000_000_000,
        end: 1_700_000_000_010_000_000 + id,
        status: Status::Unset,
        attributes: vec![("order".into(), Value::Text(trace.to_string()))],
    }
}

fn batch(trace: u128) -> Vec<u8> {
    request(&[span(trace, 1), span(trace, 2)]).encode_to_vec()
}

fn collector(dir: &TempDir) -> Process {
    collector_at(dir, "127.0.0.1:0")
}

fn collector_at(dir: &TempDir, address: &str) -> Process {
    let dir = dir.path().to_str().unwrap();
    Process::start(&["collector", "--dir", dir, "--listen", address])
}

fn stored(collector: &Process) -> u64 {
    http(collector.address, "GET", "/healthz", &[], b"").json()["spans"].as_u64().unwrap()
}

#[test]
fn spans_in_both_encodings_are_stored_and_found() {
    let dir = TempDir::new().unwrap();
    let collector = collector(&dir);
    let at = collector.address;
    let sent = http(at, "POST", "/v1/traces", &[PROTOBUF], &batch(1));
    assert_eq!((sent.status, sent.header("content-type")), (200, Some("application/x-protobuf")));
    assert_eq!(wire::Response::decode(&*sent.body).unwrap(), wire::Response::default());
    let body = Encoding::Json.write(&request(&[span(2, 1), span(2, 2)]));
    let packed = kit::gzip(&body);
    let sent = http(at, "POST", "/v1/traces", &[JSON, "content-encoding: gzip"], &packed);
    assert_eq!((sent.status, sent.json()), (200, json!({})));
    assert_eq!(stored(&collector), 4);
    let found = http(at, "GET", "/api/traces?service=web&tag=order%3D2&min=10ms", &[], b"").json();
    let [trace] = found["traces"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert_eq!(trace["traceId"], TraceId(2).to_string());
    assert_eq!(trace["start"], "1700000000000000000");
    let path = format!("/api/traces/{}", TraceId(2));
    let whole = http(at, "GET", &path, &[], b"").json();
    assert_eq!(whole["spans"][1]["parent"], SpanId(1).to_string());
    assert_eq!(whole["spans"][1]["took"], 10_000_002);
    assert_eq!(whole["spans"][1]["attributes"], json!([["order", "2"]]));
    let services = http(at, "GET", "/api/services", &[], b"").json();
    assert_eq!(services, json!({ "services": ["web"] }));
    let operations = http(at, "GET", "/api/operations?service=web", &[], b"").json();
    assert_eq!(operations, json!({ "operations": ["POST /orders"] }));
}

#[test]
fn a_long_answer_is_packed_for_those_who_read_gzip() {
    let dir = TempDir::new().unwrap();
    let collector = collector(&dir);
    let spans: Vec<_> = (1..100).map(|id| span(1, id)).collect();
    let body = request(&spans).encode_to_vec();
    assert_eq!(http(collector.address, "POST", "/v1/traces", &[PROTOBUF], &body).status, 200);
    let path = format!("/api/traces/{}", TraceId(1));
    let plain = http(collector.address, "GET", &path, &[], b"");
    let packed = http(collector.address, "GET", &path, &["accept-encoding: gzip"], b"");
    assert_eq!(
        (plain.header("content-encoding"), packed.header("content-encoding")),
        (None, Some("gzip"))
    );
    assert_eq!(kit::gunzip(&packed.body), plain.body);
}

#[test]
fn what_cannot_be_taken_is_refused_in_the_encoding_of_the_request() {
    let dir = TempDir::new().unwrap();
    let collector = collector(&dir);
    let send = |headers: &[&str], body: &[u8]| -> Answer {
        http(collector.address, "POST", "/v1/traces", headers, body)
    };
    let bomb = kit::gzip(&vec![0; (64 << 20) + 1]);
    let long = vec![0; (64 << 20) + 1];
    for (name, answer, status) in [
        ("no protobuf", send(&[PROTOBUF], b"\x0a\xff"), 400),
        ("no gzip", send(&[PROTOBUF, "content-encoding: gzip"], b"x"), 400),
        ("another packing", send(&[PROTOBUF, "content-encoding: br"], b"x"), 415),
        ("a bomb", send(&[PROTOBUF, "content-encoding: gzip"], &bomb), 413),
        ("too long", send(&[PROTOBUF], &long), 413),
    ] {
        assert_eq!(answer.status, status, "{name}");
        assert_eq!(answer.header("content-type"), Some("application/x-protobuf"), "{name}");
        let why = wire::Status::decode(&*answer.body).unwrap();
        assert!(why.code > 0 && !why.message.is_empty(), "{name}: {why:?}");
    }
    let refused = send(&[JSON], b"{]");
    assert_eq!((refused.status, refused.json()["code"].as_u64()), (400, Some(3)));
    assert_eq!(send(&["content-type: text/plain"], b"").status, 415);
    let read = http(collector.address, "GET", "/v1/traces", &[], b"");
    assert_eq!((read.status, read.header("allow")), (405, Some("POST")));
    assert_eq!(send(&[PROTOBUF], b"").status, 200, "an empty request is none to refuse");
    let mut wire = request(&[span(1, 1), span(1, 2)]);
    wire.resource_spans[0].scope_spans[0].spans[0].trace_id.clear();
    let partly = send(&[PROTOBUF], &wire.encode_to_vec());
    let partly = wire::Response::decode(&*partly.body).unwrap().partial_success.unwrap();
    assert_eq!((partly.rejected_spans, stored(&collector)), (1, 1));
    for path in ["/api/traces?min=soon", "/api/traces/xyz", "/api/operations"] {
        let answer = http(collector.address, "GET", path, &[], b"");
        assert!(answer.status == 400 && answer.json()["error"].is_string(), "{path}");
    }
    let foreign = http(collector.address, "GET", "/api/services", &["host: example.org"], b"");
    assert_eq!(foreign.status, 400, "two hosts");
}

/// The process dies while a batch is under way, again and again.
#[test]
fn kill_9_loses_no_batch_that_was_acknowledged_and_doubles_none() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = vec![];
    let mut next = 1;
    for round in 0..4 {
        let mut process = collector(&dir);
        assert!(stored(&process) >= 2 * acknowledged.len() as u64);
        for _ in 0..10 + round {
            let sent = http(process.address, "POST", "/v1/traces", &[PROTOBUF], &batch(next));
            assert_eq!(sent.status, 200);
            acknowledged.push(next);
            next += 1;
        }
        // This one is sent, and nobody waits for its answer.
        kit::send(process.address, "POST", "/v1/traces", &[PROTOBUF], &batch(next));
        process.kill();
        next += 1;
    }
    let process = collector(&dir);
    for trace in &acknowledged {
        let path = format!("/api/traces/{}", TraceId(*trace));
        let answer = http(process.address, "GET", &path, &[], b"").json();
        assert_eq!(answer["spans"].as_array().map(Vec::len), Some(2), "{trace}");
    }
    for trace in 1..next {
        let sent = http(process.address, "POST", "/v1/traces", &[PROTOBUF], &batch(trace));
        assert_eq!(sent.status, 200);
    }
    assert_eq!(u128::from(stored(&process)), 2 * (next - 1), "each span once");
}

/// A batch of several blocks: on disk long before its answer.
fn long_batch(trace: u128) -> Vec<u8> {
    let text = "x".repeat(MAX_VALUE);
    let attributes = (0..MAX_ATTRIBUTES).map(|n| (n.to_string(), Value::Text(text.clone())));
    let attributes: Vec<_> = attributes.collect();
    let long = |id| Span { attributes: attributes.clone(), ..span(trace, id) };
    request(&(1..=LONG).map(long).collect::<Vec<_>>()).encode_to_vec()
}

/// Some 30 MiB.
const LONG: u64 = 60;

fn bytes_on_disk(dir: &TempDir) -> u64 {
    let files = std::fs::read_dir(dir.path()).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn kill_9_in_the_middle_of_a_batch_costs_nothing_that_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let (mut trace, mut expected, mut caught) = (1, 0, 0);
    // The process may have been faster, and have answered: then it is no such round.
    while caught < 3 {
        assert!(trace < 50, "{caught} of {trace} batches were cut");
        let mut process = collector(&dir);
        assert_eq!(stored(&process), expected);
        let before = bytes_on_disk(&dir);
        let body = long_batch(trace);
        let mut batch = kit::send(process.address, "POST", "/v1/traces", &[PROTOBUF], &body);
        while bytes_on_disk(&dir) < before + (1 << 20) {
            std::thread::yield_now();
        }
        process.kill();
        caught += usize::from(kit::rest(&mut batch).is_empty());
        let process = collector(&dir);
        let sent = http(process.address, "POST", "/v1/traces", &[PROTOBUF], &body);
        assert_eq!(sent.status, 200);
        expected += LONG;
        assert_eq!(stored(&process), expected, "each span once");
        trace += 1;
    }
}

/// As many as have ever been decoded at a time, and then some.
#[test]
fn clients_that_send_only_a_head_take_no_place_from_others() {
    let dir = TempDir::new().unwrap();
    let collector = collector(&dir);
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: {}\r\n{PROTOBUF}\r\nexpect: 100-continue\r\n\
         content-length: 1000\r\n\r\n",
        collector.address
    );
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    let silent: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = kit::connect(collector.address, &head);
            // Its body is waited for from now on.
            assert_eq!(kit::read(&mut stream, go_on.len()), go_on);
            stream
        })
        .collect();
    let sent = http(collector.address, "POST", "/v1/traces", &[PROTOBUF], &batch(1));
    assert_eq!((sent.status, stored(&collector)), (200, 2));
    drop(silent);
}

#[test]
fn more_spans_than_may_be_held_push_the_oldest_out() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().to_str().unwrap();
    let args = ["collector", "--dir", path, "--listen", "127.0.0.1:0", "--keep-spans", "10000"];
    let process = Process::start(&args);
    for trace in 1..=12 {
        let spans: Vec<_> = (1..=1000).map(|id| span(trace, id)).collect();
        let body = request(&spans).encode_to_vec();
        assert_eq!(http(process.address, "POST", "/v1/traces", &[PROTOBUF], &body).status, 200);
        assert!(stored(&process) <= 10_000);
    }
    let found = http(process.address, "GET", "/api/traces?limit=100", &[], b"").json();
    let ids: Vec<_> = found["traces"].as_array().unwrap().iter().map(|t| &t["traceId"]).collect();
    assert!(ids.contains(&&json!(TraceId(12).to_string())) && ids.len() >= 8, "{ids:?}");
    assert!(!ids.contains(&&json!(TraceId(1).to_string())), "{ids:?}");
}

#[test]
fn an_exporter_delivers_every_span_once_to_a_collector_that_is_killed_meanwhile() {
    let dir = TempDir::new().unwrap();
    let mut process = collector(&dir);
    let address = process.address.to_string();
    let options = Options {
        batch: 16,
        linger: Duration::from_millis(1),
        first_wait: Duration::from_millis(10),
        attempts: 100,
        ..Options::new(format!("http://{address}"))
    };
    let exporter = Exporter::start(options).unwrap();
    let mut next = 1;
    for _ in 0..3 {
        for _ in 0..200 {
            exporter.record(span(1, next));
            next += 1;
        }
        process.kill();
        process = collector_at(&dir, &address);
    }
    let ledger = exporter.shutdown(Duration::from_secs(60));
    assert!(ledger.is_exact() && ledger.in_flight == 0, "{ledger:?}");
    assert_eq!((ledger.created, ledger.stored, stored(&process)), (600, 600, 600), "{ledger:?}");
}

#[cfg(unix)]
#[test]
fn asked_to_end_it_stores_what_arrived_and_ends_well() {
    let dir = TempDir::new().unwrap();
    let process = collector(&dir);
    assert_eq!(http(process.address, "POST", "/v1/traces", &[PROTOBUF], &batch(1)).status, 200);
    assert_eq!(process.terminate(), Some(0));
    assert_eq!(stored(&collector(&dir)), 2);
}

#[test]
fn a_taken_port_and_a_taken_directory_are_named_with_what_to_do() {
    let dir = TempDir::new().unwrap();
    let first = collector(&dir);
    let path = dir.path().to_str().unwrap();
    let address = first.address.to_string();
    let port = kit::refused(&["collector", "--dir", path, "--listen", &address]);
    assert!(
        port.contains("another program does already") && port.contains("--listen 127.0.0.1:0"),
        "{port}"
    );
    let taken = kit::refused(&["collector", "--dir", path, "--listen", "127.0.0.1:0"]);
    assert!(taken.contains("another collector; stop it"), "{taken}");
}

#[test]
fn the_w3c_service_calls_in_the_trace_of_its_caller() {
    let service = Process::start(&["w3c-service", "--port", "0"]);
    let (harness, heard) = kit::listener(3);
    let url = format!("http://{harness}/callback/1");
    let call =
        json!([{ "url": url, "arguments": [] }, { "url": url }, { "url": url, "arguments": 7 }]);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("traceparent: 00-{trace}-b7ad6b7169203331-02");
    let headers = [JSON, &parent, "tracestate: a=1", "tracestate: b=2"];
    let answer = http(service.address, "POST", "/test", &headers, call.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let requests = heard.join().unwrap();
    let mut spans = std::collections::BTreeSet::new();
    for request in &requests {
        let parent = request.lines().find_map(|line| line.strip_prefix("traceparent: ")).unwrap();
        assert!(parent.starts_with(&format!("00-{trace}-")) && parent.ends_with("-02"), "{parent}");
        spans.insert(&parent[36..52]);
        assert!(request.contains("tracestate: a=1,b=2\r\n"), "{request}");
    }
    assert_eq!(spans.len(), 3);
    assert!(requests[0].ends_with("[]") && requests[2].ends_with('7'), "{requests:?}");
}

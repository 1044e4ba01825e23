//! OpenTelemetry's own SDK for Python on the other side: its spans into our collector, ours into its
//! decoder. The packages are put into a place of their own under `target`, once.

mod python;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use ch04_tracing::store::{Options, Store};
use ch04_tracing::system::exporter::{self, Exporter};
use ch04_tracing::types::{Kind, Link, Span, SpanId, Status, TraceId, Value};
use serde_json::json;

use python::python;

/// A process that ends with the test.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("the process has ended").unwrap()
    }

    /// What follows `before` in the first line that has it, up to a space or comma.
    fn after(&mut self, before: &str) -> String {
        loop {
            if let Some((_, after)) = self.line().split_once(before) {
                return after.split([' ', ',']).next().unwrap().to_owned();
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

/// What the collector has kept of the trace that `send.py` makes.
fn sent_by_python(protocol: &str, packed: &str) -> Vec<Span> {
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Running::start(
        Command::new(env!("CARGO_BIN_EXE_ch04-tracing"))
            .args(["collector", "--listen", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--dir"])
            .arg(dir.path()),
    );
    let grpc = collector.after("OTLP over gRPC: ");
    let http = collector.after("the collector is at ");
    let endpoint = if protocol == "grpc" { grpc } else { http };
    let sent = python("send.py").args([protocol, &endpoint, packed]).output().unwrap();
    let errors = String::from_utf8(sent.stderr).unwrap();
    assert!(sent.status.success(), "{errors}");
    let trace = String::from_utf8(sent.stdout).unwrap();
    let trace = TraceId(u128::from_str_radix(trace.trim(), 16).unwrap());
    // What a collector has acknowledged outlives it.
    drop(collector);
    let store = Store::open(dir.path(), Options::default()).unwrap();
    let spans = store.trace(trace).spans;
    assert_eq!(spans.len(), 3, "{spans:?} {errors}");
    spans
}

#[test]
fn a_trace_of_the_python_sdk_arrives_whole_over_each_protocol() {
    for (protocol, packed) in
        [("grpc", "plain"), ("grpc", "gzip"), ("http", "plain"), ("http", "gzip")]
    {
        let spans = sent_by_python(protocol, packed);
        let named = |name| spans.iter().find(|span| span.name == name).unwrap();
        let (buy, pay, tell) = (named("buy"), named("pay"), named("tell"));
        assert!(spans.iter().all(|span| span.service == "till" && span.start <= span.end));
        assert_eq!((buy.kind, buy.parent), (Kind::Server, None));
        let names = ["boots", "tent"].map(|name| Value::Text(name.into())).to_vec();
        for (key, value) in [("items", Value::Int(3)), ("names", Value::List(names))] {
            assert!(buy.attributes.contains(&(key.into(), value)), "{buy:?}");
        }
        assert_eq!((pay.kind, pay.parent), (Kind::Client, Some(buy.id)));
        assert_eq!(pay.status, Status::Error("declined".into()));
        assert_eq!(tell.links, [Link { trace: buy.trace, span: pay.id }]);
    }
}

#[test]
fn our_spans_are_what_the_python_messages_decode() {
    let mut receiver = Running::start(&mut python("receive.py"));
    let endpoint = format!("http://127.0.0.1:{}", receiver.line());
    let exporter = Exporter::start(exporter::Options::new(endpoint)).unwrap();
    exporter.record(Span {
        trace: TraceId(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c),
        id: SpanId(0xb7ad_6b71_6920_3331),
        parent: Some(SpanId(0x00f0_67aa_0ba9_02b7)),
        links: vec![Link { trace: TraceId(7), span: SpanId(8) }],
        service: "web".into(),
        name: "POST /buy".into(),
        kind: Kind::Client,
        start: 1_700_000_000_000_000_001,
        end: 1_700_000_000_000_000_002,
        status: Status::Error("declined".into()),
        attributes: vec![
            ("items".into(), Value::Int(-3)),
            ("share".into(), Value::Float(0.5_f64.to_bits())),
            ("names".into(), Value::List(vec![Value::Text("boots".into()), Value::Bool(true)])),
        ],
    });
    let ledger = exporter.shutdown(Duration::from_secs(60));
    assert_eq!((ledger.created, ledger.stored), (1, 1), "{ledger:?}");
    let span: serde_json::Value = serde_json::from_str(&receiver.line()).unwrap();
    assert_eq!(
        span,
        json!({
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "span_id": "b7ad6b7169203331",
            "parent_span_id": "00f067aa0ba902b7",
            "service": "web",
            "name": "POST /buy",
            "kind": "SPAN_KIND_CLIENT",
            "start_time_unix_nano": "1700000000000000001",
            "end_time_unix_nano": "1700000000000000002",
            "status": { "code": "STATUS_CODE_ERROR", "message": "declined" },
            "links": [{ "trace_id": "AAAAAAAAAAAAAAAAAAAABw==", "span_id": "AAAAAAAAAAg=" }],
            "attributes": [
                { "key": "items", "value": { "int_value": "-3" } },
                { "key": "share", "value": { "double_value": 0.5 } },
                { "key": "names", "value": { "array_value": { "values": [
                    { "string_value": "boots" }, { "bool_value": true },
                ] } } },
            ],
        })
    );
}

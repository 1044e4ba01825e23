//! The pages, as HTML. What the script draws is for a browser to say.

use ch04_tracing::otlp::request;
use ch04_tracing::types::{SpanId, Status, TraceId};
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
    for (path, kind) in [("/style.css", "text/css"), ("/waterfall.js", "text/javascript")] {
        let (file, text) = get(&collector, path);
        assert!(file.header("content-type").unwrap().starts_with(kind));
        assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
    }
}

//! A node that answers two requests by one step, behind a real driver with a real log.

use std::collections::BTreeMap;
use std::sync::Arc;

use lab::run::{Client, Config, Data, Driver, Traced};
use lab::{Cx, Input, Node, NodeId, Protocol};

use super::super::exporter::Options;
use super::*;
use crate::analysis::critical_path::waited;

const STORE: NodeId = NodeId(1);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Words;

impl Protocol for Words {
    type Msg = String;
    type Timer = String;
    type Record = String;
    type Note = String;
    type Summary = String;
}

/// Group commit: of two who ask, both are answered by one record.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct InPairs {
    waiting: Vec<NodeId>,
}

impl Node for InPairs {
    type Protocol = Words;

    fn step(&mut self, input: Input<Words>, cx: &mut Cx<'_, Words>) {
        let (from, msg) = match input {
            Input::Boot { .. } => {
                let soon = Duration::ZERO..Duration::from_millis(1);
                cx.set_timer("again".into(), soon.clone());
                return cx.set_timer("alone".into(), soon);
            }
            Input::Timeout(timer) => return cx.send_ahead(cx.me(), format!("{timer}?")),
            Input::Message { from, msg } => (from, msg),
            _ => return,
        };
        if msg.ends_with('?') {
            return cx.persist(msg);
        }
        if msg == "flush" {
            cx.persist("both".into());
            self.waiting.drain(..).for_each(|client| cx.send(client, "done".into()));
            return;
        }
        self.waiting.push(from);
        if self.waiting.len() == 2 {
            cx.send_ahead(cx.me(), "flush".into());
        }
    }

    fn summary(&self) -> String {
        format!("{} waiting", self.waiting.len())
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Span>>>);

impl Sink for Kept {
    fn began(&self, _: &Span) {}

    fn take(&self, span: Span) {
        self.0.lock().expect(LOCK).push(span);
    }

    fn close(&self) {}
}

/// A request that asks the node.
async fn request(spans: &Spans, client: &mut Client<Words>) {
    let context = spans.request("web", "POST /orders", &mut std::iter::empty());
    let answer = context.scope(async {
        client.send("put".into()).await.unwrap();
        client.recv().await
    });
    assert_eq!(answer.await.as_deref(), Some("done"));
    spans.end(&context, &Done::default());
}

#[test]
fn what_may_open_something_never_reaches_the_file_of_the_flight_recorder() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ring");
    // Nobody listens there, so the ring is not cleared.
    let exporter = Exporter::start(Options::new("http://127.0.0.1:1")).unwrap();
    let spans = Spans::new(1, Recorded::new(exporter, Some(&file)));
    let secret = "s86041576233547486068637980154566633484";
    let request = spans.request("web", &format!("GET /reset/{secret}"), &mut std::iter::empty());
    let records = |what: &[u8]| {
        let ring = std::fs::read(&file).unwrap();
        ring.windows(what.len()).filter(|bytes| *bytes == what).count()
    };
    assert_eq!((records(b"s86041"), records(secret.as_bytes())), (1, 0), "it has begun");
    let step = spans.step("store", &format!("get session/{secret}"), &request);
    assert_eq!((records(b"s86041"), records(secret.as_bytes())), (2, 0), "a message");
    let error = Some(format!("no session {secret}"));
    spans.end(&step, &Done { error: error.clone(), ..Done::default() });
    spans.end(&request, &Done { error, ..Done::default() });
    // Each end says it twice: in the error, and in what it repeats of the begin.
    assert_eq!((records(b"s86041"), records(secret.as_bytes())), (6, 0), "all has ended");
}

/// Between the last look at the ledger and the end of the process, threads may still make spans.
#[test]
fn a_span_that_the_exporter_has_not_counted_stays_in_the_flight_recorder() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ring");
    let exporter = Exporter::start(Options::new("http://127.0.0.1:1")).unwrap();
    let recorded = Recorded::new(exporter, Some(&file));
    let context = TraceContext::root(TraceId(1), SpanId(1), Flags::SAMPLED);
    // The first half of `take`.
    let span = span(&context, None, Kind::Internal, "coord", "order");
    recorded.recorder.as_ref().unwrap().ended(&span);
    recorded.close();
    drop(recorded);
    assert_eq!(Recorder::open(&file, recorder::SLOTS).unwrap().1.ended, [span]);
}

#[test]
fn two_requests_that_share_one_commit_both_show_it() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::default();
    let spans = Arc::new(Spans::new(1, kept.clone()));
    let mut config = Config::new(7, STORE, Data::Dir(dir.path().into()));
    let tracer = Arc::clone(&spans) as Arc<dyn Tracer>;
    config.traced = Some(Traced { tracer, names: BTreeMap::from([(STORE, "store".into())]) });
    let driver = Driver::start(config, InPairs::default(), ()).unwrap();
    let clients = driver.clients();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut one, mut other) = (clients.connect().unwrap(), clients.connect().unwrap());
        tokio::join!(request(&spans, &mut one), request(&spans, &mut other));
    });
    driver.stop();
    driver.join().unwrap();

    let spans = kept.0.lock().unwrap().clone();
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let [flush] = named("flush")[..] else { panic!("{spans:#?}") };
    let counts = [("records".into(), Value::Int(1)), ("messages".into(), Value::Int(2))];
    assert_eq!(flush.attributes[1..], counts, "the cost of both");
    let [shared] = named("answered with others")[..] else { panic!("{spans:#?}") };
    assert_ne!(shared.trace, flush.trace);
    assert_eq!(shared.links, [Link { trace: flush.trace, span: flush.id }]);
    // Each stands below the request that it is about.
    for span in [flush, shared] {
        let put = spans.iter().find(|other| Some(other.id) == span.parent).unwrap();
        assert_eq!((put.trace, put.name.as_str()), (span.trace, "put"));
        let root = spans.iter().find(|other| Some(other.id) == put.parent).unwrap();
        assert_eq!((root.trace, root.name.as_str()), (span.trace, "POST /orders"));
        assert_eq!(root.attributes, [(ENDED_AFTER.into(), edge(name(span)))], "it waited for that");
    }
}

#[test]
fn a_timer_that_may_begin_a_trace_is_the_cause_of_what_it_causes() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::default();
    let spans = Spans::new(1, kept.clone()).beginning_with(vec!["alone".into()]);
    let mut config = Config::new(7, STORE, Data::Dir(dir.path().into()));
    let names = BTreeMap::from([(STORE, "store".into())]);
    config.traced = Some(Traced { tracer: Arc::new(spans), names });
    let driver = Driver::start(config, InPairs::default(), ()).unwrap();
    while kept.0.lock().unwrap().len() < 2 {
        std::thread::yield_now();
    }
    driver.stop();
    driver.join().unwrap();
    let spans = kept.0.lock().unwrap().clone();
    let [root, caused] = spans.as_slice() else { panic!("{spans:#?}") };
    assert_eq!((root.name.as_str(), root.service.as_str(), root.parent), ("alone", "store", None));
    assert_eq!((caused.name.as_str(), caused.parent), ("alone?", Some(root.id)));
    assert_eq!(
        (caused.trace, &caused.attributes[1]),
        (root.trace, &("records".into(), Value::Int(1)))
    );
}

/// As a caller sends it.
fn asked(spans: &Spans, traceparent: &str) -> Context {
    spans.request("web", "GET /cart", &mut [("traceparent", traceparent)].into_iter())
}

#[test]
fn of_a_request_that_is_not_recorded_the_context_goes_on_and_nothing_else() {
    let kept = Kept::default();
    let spans = Spans::new(1, kept.clone()).recording("0".parse().unwrap());
    let own = spans.request("web", "GET /cart", &mut std::iter::empty());
    let context = read(&own).unwrap();
    assert_eq!(context.flags, Flags::RANDOM);
    assert_eq!(spans.headers(&own), [("traceparent", context.traceparent())]);
    let mut goes_on = Context::default();
    let counted = allocation_counter::measure(|| {
        goes_on = if spans.is_told(&own) { Context::default() } else { own };
    });
    assert_eq!((goes_on, counted.count_total), (own, 0), "what a driver does for a message");
    assert_eq!(spans.step("store", "get", &own), own);
    spans.answered("store", &own, &own);
    spans.end(&own, &Done::default());
    assert_eq!(kept.0.lock().unwrap().len(), 0);
}

#[test]
fn whoever_calls_decides_whether_its_request_is_recorded() {
    let traceparent = |flags| format!("00-{:032x}-{:016x}-{flags}", 7, 9);
    for (share, flags, recorded) in [("0", "03", 1), ("0", "00", 0), ("1", "02", 0), ("1", "01", 1)]
    {
        let kept = Kept::default();
        let spans = Spans::new(1, kept.clone()).recording(share.parse().unwrap());
        let own = asked(&spans, &traceparent(flags));
        assert_eq!(read(&own).unwrap().trace, TraceId(7));
        assert_eq!(spans.is_told(&own), recorded == 1);
        spans.end(&own, &Done::default());
        let spans = kept.0.lock().unwrap().clone();
        assert_eq!(spans.len(), recorded, "{share} {flags}");
        assert!(spans.iter().all(|span| span.parent == Some(SpanId(9))));
    }
}

#[test]
fn a_share_is_recorded_of_what_begins_with_a_timer_as_well() {
    let begins = |share: &str| {
        let spans = Spans::new(1, Kept::default()).beginning_with(vec!["alone".into()]);
        let spans = spans.recording(share.parse().unwrap());
        let context = spans.timeout("store", "alone");
        // Whoever is asked for it must not decide again.
        assert!(read(&context).is_some(), "{share}");
        spans.is_told(&context)
    };
    assert_eq!((begins("0"), begins("1")), (false, true));
}

#[test]
fn a_request_that_asks_again_or_elsewhere_names_no_answer_as_its_last() {
    let kept = Kept::default();
    let spans = Spans::new(1, kept.clone());
    let names_its_last = |asks: &[&str]| {
        let request = spans.request("web", "POST /buy", &mut std::iter::empty());
        for what in asks {
            if *what == "elsewhere" {
                assert!(!spans.headers(&request).is_empty());
                continue;
            }
            let step = spans.step("web", what, &request);
            spans.answered("web", &step, &step);
            spans.end(&step, &Done::default());
        }
        spans.end(&request, &Done::default());
        let last = kept.0.lock().unwrap().last().cloned().unwrap();
        assert_eq!(last.name, "POST /buy");
        waited(&last, ENDED_AFTER).is_some()
    };
    assert!(names_its_last(&["show"]));
    assert!(!names_its_last(&["show", "elsewhere"]));
    assert!(!names_its_last(&["show", "add"]));
    assert!(!names_its_last(&["elsewhere"]));
}

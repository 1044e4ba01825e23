//! An exporter before collectors that behave badly, and its ledger in each case.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::otlp::{Encoding, received, wire};
use crate::step4_exporter::Dropped;
use crate::types::{Kind, SpanId, Status, TraceId};

/// What a collector does with a request that it has read.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    /// Stores it and says so.
    Ok,
    /// Stores it, and the connection breaks before the answer.
    Breaks,
    /// Answers this, and stores nothing.
    Says(u16),
    /// Answers this with 200, and stores nothing.
    Talks(&'static [u8]),
    /// Stores all but so many, and says so.
    Partly(i64),
    /// Stores it once the test says so.
    Stalls,
}

/// A collector on a thread, which does these things in turn and then [`Does::Ok`].
struct Stub {
    address: SocketAddr,
    /// Each request as it was read.
    read: Receiver<usize>,
    go_on: Sender<()>,
    stored: Arc<Mutex<BTreeSet<SpanId>>>,
}

impl Stub {
    fn start(does: Vec<Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (say_read, read) = channel();
        let (go_on, may_go_on) = channel();
        let stored = Arc::new(Mutex::new(BTreeSet::new()));
        let all = Arc::clone(&stored);
        let serve = move || {
            let mut turns = does.into_iter().chain(std::iter::repeat(Does::Ok));
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                while let Some(spans) = request(&mut stream) {
                    let does = turns.next().expect("it goes on for ever");
                    let _ = say_read.send(spans.len());
                    if does == Does::Stalls {
                        let _ = may_go_on.recv();
                    }
                    let kept = match does {
                        Does::Says(_) | Does::Talks(_) => 0,
                        Does::Partly(refused) => {
                            spans.len().saturating_sub(usize::try_from(refused).unwrap_or(0))
                        }
                        Does::Ok | Does::Breaks | Does::Stalls => spans.len(),
                    };
                    all.lock().unwrap().extend(spans.iter().take(kept).map(|span| span.id));
                    if does == Does::Breaks || answer(&mut stream, does).is_err() {
                        break;
                    }
                }
            }
        };
        std::thread::Builder::new().spawn(serve).unwrap();
        Self { address, read, go_on, stored }
    }

    fn stored(&self) -> u64 {
        self.stored.lock().unwrap().len() as u64
    }

    fn exporter(&self) -> Exporter {
        exporter(self.address)
    }
}

fn request(stream: &mut TcpStream) -> Option<Vec<Span>> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(received(Encoding::Protobuf.read(&body).unwrap()).spans)
}

fn answer(stream: &mut TcpStream, does: Does) -> io::Result<()> {
    let (status, body) = match does {
        Does::Says(status) => (status, vec![]),
        Does::Talks(body) => (200, body.to_vec()),
        Does::Partly(rejected_spans) => {
            let partial = wire::PartialSuccess { rejected_spans, error_message: String::new() };
            (200, wire::Response { partial_success: Some(partial) }.encode_to_vec())
        }
        Does::Ok | Does::Breaks | Does::Stalls => (200, vec![]),
    };
    let after = if status == 429 { "retry-after: 0\r\n" } else { "" };
    write!(stream, "HTTP/1.1 {status} x\r\n{after}content-length: {}\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

fn exporter(address: SocketAddr) -> Exporter {
    Exporter::start(Options {
        queue: 100,
        batch: 10,
        linger: Duration::from_millis(1),
        attempts: 4,
        first_wait: Duration::from_millis(1),
        ..Options::new(format!("http://{address}"))
    })
    .unwrap()
}

fn span(id: u64) -> Span {
    Span {
        trace: TraceId(1),
        id: SpanId(id),
        parent: None,
        links: vec![],
        service: "web".into(),
        name: "work".into(),
        kind: Kind::Internal,
        start: id,
        end: id,
        status: Status::Unset,
        attributes: vec![],
    }
}

fn record(exporter: &Exporter, ids: std::ops::RangeInclusive<u64>) {
    for id in ids {
        exporter.record(span(id));
        let ledger = exporter.ledger();
        assert!(ledger.is_exact() && ledger.in_flight <= 110, "{ledger:?}");
    }
}

/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn ended(exporter: Exporter) -> Ledger {
    let ledger = exporter.shutdown(PATIENCE);
    assert!(ledger.is_exact() && ledger.in_flight == 0, "{ledger:?}");
    ledger
}

fn dropped(why: Dropped, count: u64) -> std::collections::BTreeMap<Dropped, u64> {
    [(why, count)].into()
}

#[test]
fn every_span_is_stored_once_by_a_collector_that_fails_for_a_while() {
    for does in [
        vec![],
        vec![Does::Says(429), Does::Says(503), Does::Says(502)],
        vec![Does::Says(504), Does::Breaks, Does::Breaks],
        vec![Does::Breaks, Does::Ok, Does::Says(429)],
    ] {
        let stub = Stub::start(does);
        let exporter = stub.exporter();
        record(&exporter, 1..=55);
        let ledger = ended(exporter);
        assert_eq!((ledger.created, ledger.stored, stub.stored()), (55, 55, 55), "{ledger:?}");
    }
}

#[test]
fn spans_of_a_killed_process_are_sent_as_there_is_room_and_push_nothing_out() {
    let stub = Stub::start(vec![Does::Stalls]);
    let exporter = stub.exporter();
    exporter.send_found((1..=500).map(span));
    let mut sent = stub.read.recv().unwrap();
    for id in 501..=540 {
        exporter.record(span(id));
    }
    let ledger = exporter.ledger();
    assert!(ledger.is_exact() && ledger.dropped.is_empty(), "{ledger:?}");
    stub.go_on.send(()).unwrap();
    while sent < 540 {
        sent += stub.read.recv().unwrap();
    }
    let ledger = ended(exporter);
    assert_eq!((ledger.created, ledger.stored, stub.stored()), (540, 540, 540), "{ledger:?}");
}

#[test]
fn spans_of_a_killed_process_that_are_left_at_the_end_are_in_flight_for_the_next_start() {
    let stub = Stub::start(vec![Does::Stalls]);
    let exporter = stub.exporter();
    exporter.send_found((1..=500).map(span));
    stub.read.recv().unwrap();
    let ledger = exporter.shutdown(Duration::ZERO);
    assert!(ledger.is_exact(), "{ledger:?}");
    assert!(ledger.stored == 0 && ledger.in_flight >= 440, "{ledger:?}");
    stub.go_on.send(()).unwrap();
}

#[test]
fn what_a_collector_refuses_is_not_sent_again() {
    for status in [400, 413, 500] {
        let stub = Stub::start(vec![Does::Says(status)]);
        let exporter = stub.exporter();
        record(&exporter, 1..=1);
        assert_eq!(ended(exporter).dropped, dropped(Dropped::Refused, 1));
        assert_eq!((stub.read.try_iter().count(), stub.stored()), (1, 0), "{status}");
    }
    let stub = Stub::start(vec![Does::Partly(1)]);
    let exporter = stub.exporter();
    record(&exporter, 1..=1);
    let ledger = ended(exporter);
    assert_eq!((ledger.stored, ledger.dropped), (0, dropped(Dropped::Refused, 1)));
}

#[test]
fn only_200_with_a_response_of_otlp_counts_as_stored() {
    for does in [
        Does::Says(204),
        Does::Says(202),
        Does::Talks(b"<html>It works!</html>"),
        Does::Talks(br#"{"partialSuccess":{}}"#),
        Does::Partly(-1),
    ] {
        let stub = Stub::start(vec![does]);
        let exporter = stub.exporter();
        record(&exporter, 1..=1);
        let ledger = ended(exporter);
        assert_eq!((ledger.stored, ledger.dropped), (0, dropped(Dropped::Unconfirmed, 1)));
        assert_eq!(stub.read.try_iter().count(), 1, "sending it again changes nothing");
    }
}

#[test]
fn an_exporter_that_would_never_send_does_not_start() {
    let options = Options { batch: 0, ..Options::new("http://127.0.0.1:4318") };
    let refused = Exporter::start(options).map(drop).unwrap_err();
    assert!(refused.to_string().contains("choose a batch of 1 or more"), "{refused}");
}

#[test]
fn a_collector_that_never_takes_anything_costs_all_attempts_and_no_more() {
    let stub = Stub::start(vec![Does::Says(503); 4]);
    let exporter = stub.exporter();
    record(&exporter, 1..=1);
    assert_eq!(ended(exporter).dropped, dropped(Dropped::Unconfirmed, 1));
    assert_eq!(stub.read.try_iter().count(), 4);
}

#[test]
fn a_collector_that_is_down_costs_the_spans_and_nothing_else() {
    // A port that was free a moment ago may be another test's by now; this one is nobody's.
    let exporter = exporter(SocketAddr::from(([127, 0, 0, 1], 1)));
    record(&exporter, 1..=30);
    let ledger = ended(exporter);
    assert_eq!((ledger.stored, ledger.dropped), (0, dropped(Dropped::Unconfirmed, 30)));
}

#[test]
fn while_a_collector_stalls_the_queue_fills_and_further_spans_are_dropped_and_counted() {
    let stub = Stub::start(vec![Does::Stalls]);
    let exporter = stub.exporter();
    record(&exporter, 1..=1);
    assert_eq!(stub.read.recv_timeout(PATIENCE), Ok(1));
    record(&exporter, 2..=1000);
    let ledger = exporter.ledger();
    assert_eq!((ledger.in_flight, ledger.dropped), (101, dropped(Dropped::QueueFull, 899)));
    stub.go_on.send(()).unwrap();
    let ledger = ended(exporter);
    assert_eq!((ledger.created, ledger.stored, stub.stored()), (1000, 101, 101));
    // Batches are as long as they may be.
    assert_eq!(stub.read.try_iter().collect::<Vec<_>>(), [10; 10]);
}

#[test]
fn a_shutdown_ends_in_time_and_counts_what_is_left() {
    let stub = Stub::start(vec![Does::Stalls]);
    let exporter = stub.exporter();
    record(&exporter, 1..=25);
    stub.read.recv_timeout(PATIENCE).unwrap();
    let ledger = exporter.shutdown(Duration::ZERO);
    assert!(ledger.is_exact() && ledger.in_flight == 0, "{ledger:?}");
    assert_eq!(ledger.dropped, dropped(Dropped::AtShutdown, 25));
}

#[test]
fn what_is_recorded_after_the_shutdown_is_counted() {
    let stub = Stub::start(vec![]);
    let exporter = stub.exporter();
    exporter.close(PATIENCE);
    record(&exporter, 1..=3);
    assert_eq!(ended(exporter).dropped, dropped(Dropped::AfterShutdown, 3));
}

/// How a collector behaves while spans are made.
const BEHAVIOURS: [&str; 5] = ["ok", "slow", "stalled", "429", "down"];

/// Makes so many spans, and gives the ledger in the end and what the collector has.
fn load(behaviour: &str, count: u64) -> (Ledger, u64) {
    let does = match behaviour {
        // An answer for every tenth span that is made, and for all of them in the end.
        "slow" => vec![Does::Stalls; 1 + count.div_ceil(10) as usize],
        "stalled" => vec![Does::Stalls],
        "429" => vec![Does::Says(429); 3],
        _ => vec![],
    };
    let stub = Stub::start(does);
    let address = match behaviour {
        "down" => SocketAddr::from(([127, 0, 0, 1], 1)),
        _ => stub.address,
    };
    let exporter = exporter(address);
    for id in 1..=count {
        record(&exporter, id..=id);
        if behaviour == "slow" && id % 10 == 0 {
            stub.go_on.send(()).unwrap();
        }
    }
    // Whatever stalls goes on from now on.
    (0..=count).for_each(|_| stub.go_on.send(()).unwrap());
    let ledger = ended(exporter);
    (ledger, stub.stored())
}

#[test]
fn the_ledger_is_exact_with_any_load_before_any_collector() {
    for behaviour in BEHAVIOURS {
        for count in [1, 50, 500, 5000] {
            let (ledger, stored) = load(behaviour, count);
            let at = format!("{behaviour}, {count}: {ledger:?}");
            assert_eq!((ledger.created, ledger.stored), (count, stored), "{at}");
            let is_lost = |why| ledger.dropped(why) > 0;
            assert_eq!(is_lost(Dropped::Unconfirmed), behaviour == "down", "{at}");
            // A hundred wait, and ten are on their way.
            assert!(count > 100 || !is_lost(Dropped::QueueFull), "{at}");
            // With a collector that answers nothing meanwhile, no more than those is ever stored.
            assert!(behaviour != "stalled" || ledger.stored <= 110, "{at}");
        }
    }
}

//! The flight recorder of a process that is killed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ch04_tracing::system::recorder::{Found, Recorder};
use ch04_tracing::types::{Kind, Span, SpanId, Status, TraceId};
use lab::rng::Rng;
use tempfile::TempDir;

/// Where the child finds its file.
const FILE: &str = "CH04_TEST_RECORDER";
/// More than the child ever needs, so that nothing is overwritten.
const SLOTS: u32 = 8192;
/// The child makes so many spans, and then waits for its end.
const SPANS: u64 = 2000;

fn span(id: u64) -> Span {
    Span {
        trace: TraceId(1),
        id: SpanId(id),
        parent: None,
        links: vec![],
        service: "child".into(),
        name: "work".into(),
        kind: Kind::Internal,
        start: id,
        end: id,
        status: Status::Unset,
        attributes: vec![],
    }
}

/// Each span begins before the one before it ends, so one is open at any time.
#[test]
#[ignore = "the test below starts it as a process of its own, and kills it"]
fn child() {
    let file = std::env::var(FILE).expect("the test below says where");
    let (recorder, _) = Recorder::open(Path::new(&file), SLOTS).unwrap();
    recorder.began(&span(1));
    for id in 1..=SPANS {
        recorder.began(&span(id + 1));
        recorder.ended(&span(id));
        println!("\nended {id}");
    }
    // Also without a kill it ends with its parent.
    let _ = std::io::stdin().read_to_end(&mut vec![]);
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Kills a child that has said so often that a span ended.
fn killed_after(said: u64, file: &Path) -> Found {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "recorder::child", "--nocapture"])
        .env(FILE, file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut ended = lines.map(Result::unwrap).filter(|line| line.starts_with("ended "));
    let last = ended.nth(usize::try_from(said - 1).unwrap());
    assert_eq!(last, Some(format!("ended {said}")));
    drop(child);
    Recorder::open(file, SLOTS).unwrap().1
}

#[test]
fn kill_9_loses_no_span_that_was_recorded() {
    let dir = TempDir::new().unwrap();
    let mut rng = Rng::new(4);
    for round in 0..8 {
        let said = rng.pick(1..SPANS / 2);
        let found = killed_after(said, &dir.path().join(round.to_string()));
        let ids = |spans: &[Span]| spans.iter().map(|span| span.id.0).collect::<Vec<_>>();
        let ended = found.ended.len() as u64;
        assert!(ended >= said, "{ended} {said}");
        assert_eq!(ids(&found.ended), (1..=ended).collect::<Vec<_>>());
        // Killed between the begin of one and the end of the one before, two are open.
        let open = found.unfinished.len() as u64;
        assert!((1..=2).contains(&open), "{open}");
        assert_eq!(ids(&found.unfinished), (ended + 1..=ended + open).collect::<Vec<_>>());
        assert_eq!((found.records, found.overwritten), (2 * ended + open, 0));
        assert!(found.torn <= 1 && found.written == found.records + found.torn, "{}", found.torn);
    }
}

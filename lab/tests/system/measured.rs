//! A cluster is measured: by itself, and while a role is down. Times mean nothing here.

use std::time::Duration;

use lab::measure::Setup;
use lab::system::{Config, Options, Outage, Status, Watcher, measure_alone};

use crate::pair::{PAIR, config};

fn setup(dir: &std::path::Path) -> Setup {
    let Config { program, prefix, .. } = config(dir);
    Setup { program, prefix, dir: dir.to_owned(), seconds: 1 }
}

#[test]
fn a_system_alone_is_loaded_by_1_8_and_64_clients_and_leaves_nothing_behind() {
    let keep = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    let outcome = measure_alone(PAIR).run(&setup(keep.path()), &mut out).unwrap();
    let said = String::from_utf8(out).unwrap();
    assert!(outcome.is_ok, "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    for (line, clients) in lines.iter().zip(["1", "8", "64"]) {
        assert!(line.starts_with(&format!("round 1 of 1: {clients} × pair: ")), "{said}");
        assert!(line.ends_with("; ok, the sum was 0 and is 0"), "{said}");
    }
    assert!(outcome.text.contains("0 fsyncs and 1 round trip (pair)"), "{}", outcome.text);
    assert_eq!(std::fs::read_dir(keep.path()).unwrap().count(), 0);
}

/// Counts what it is shown.
#[derive(Default)]
struct Counting {
    reads: usize,
    after: usize,
}

impl Watcher for Counting {
    fn read(&mut self, _: Duration, statuses: &[Status], over: bool) -> bool {
        assert_eq!(statuses.len(), 1);
        self.reads += 1;
        self.after += usize::from(over);
        self.after < 3
    }
}

#[test]
fn requests_fail_while_a_role_is_down_and_the_others_are_read_until_the_watcher_has_enough() {
    let keep = tempfile::tempdir().unwrap();
    let outage = Outage {
        role: "primary",
        kill: Duration::from_millis(100),
        back: Duration::from_millis(300),
        end: Duration::from_millis(400),
        per_second: 500,
        most: 16,
        watched: &["backup"],
        every: Duration::from_millis(5),
    };
    let runtime = lab::measure::runtime().unwrap();
    let (on, what) = (runtime.handle(), (PAIR, Options::default()));
    let workload = |front| PAIR.workload(front);
    let setup = setup(keep.path());
    let seen = outage.observe((on, &setup), what, workload, Counting::default()).unwrap();
    assert_eq!(seen.requests.count() + seen.requests.failed(), 200);
    assert!(seen.requests.count() > 0 && seen.requests.failed() > 0, "{seen}");
    assert_eq!((seen.watcher.after, seen.watcher.reads > 3), (3, true));
    assert!(seen.verdict.0, "{seen}");
    assert!(seen.killed < seen.back);
    assert_eq!(std::fs::read_dir(keep.path()).unwrap().count(), 0);
}

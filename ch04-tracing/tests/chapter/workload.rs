//! The workload itself: the truth has to be one.

use ch04_tracing::types::Kind;
use ch04_tracing::workload::judge::{Found, Tally, edges, tops, whole_requests};
use ch04_tracing::workload::{Arrival, Config, Process, Run, What};

fn truth(run: &Run) -> Found {
    run.works.iter().map(|work| work.arrival.causes().to_vec()).collect()
}

#[test]
fn equal_seeds_give_equal_runs_and_others_do_not() {
    let config = Config::shop(8);
    assert_eq!(Run::of(config), Run::of(config));
    assert_ne!(Run::of(config), Run::of(Config { seed: 2, ..config }));
}

#[test]
fn clocks_that_are_off_change_what_is_seen_and_not_what_happens() {
    let right = Run::of(Config::shop(8));
    let off = Run::of(Config { skew: 5_000_000, ..Config::shop(8) });
    assert_ne!(right, off);
    for (a, b) in right.works.iter().zip(&off.works) {
        assert_eq!((a.began, &a.arrival, a.request), (b.began, &b.arrival, b.request));
        assert!(a.seen.start.abs_diff(b.seen.start) <= 5_000_000);
        assert_eq!(a.seen.end - a.seen.start, b.seen.end - b.seen.start);
    }
}

#[test]
fn causes_begin_before_what_they_cause_and_fit_the_call_graph() {
    for config in [Config::serial(4), Config::shop(16)] {
        let run = Run::of(config);
        assert_eq!(run.requests(), config.requests);
        for work in &run.works {
            assert!(work.seen.start <= work.seen.end, "{work:?}");
            for cause in work.arrival.causes() {
                let cause = &run.works[*cause];
                assert!(cause.began <= work.began, "{cause:?} {work:?}");
                let crosses = cause.seen.process != work.seen.process;
                match work.seen.kind {
                    Kind::Server => {
                        assert_eq!(work.seen.peer, Some(cause.seen.process));
                        assert_eq!(cause.seen.peer, Some(work.seen.process));
                        assert_eq!(work.seen.what, cause.seen.what);
                    }
                    _ if work.seen.what == What::Replay => assert!(crosses),
                    _ => {
                        assert!(!crosses);
                        assert!(work.seen.what.caused_by().contains(&cause.seen.what), "{work:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_fault_and_every_process_is_in_the_shop() {
    let run = Run::of(Config::shop(16));
    let count = |what: What, kind: Kind| {
        run.works.iter().filter(|w| (w.seen.what, w.seen.kind) == (what, kind)).count()
    };
    assert!(Process::ALL.iter().all(|p| run.works.iter().any(|w| w.seen.process == *p)));
    let (sent, served) = (count(What::Prepare, Kind::Client), count(What::Prepare, Kind::Server));
    assert!(sent > served && served > 2 * run.requests(), "{sent} {served}");
    assert!(count(What::Replay, Kind::Internal) > 5);
    let most = run.works.iter().map(|work| match &work.arrival {
        Arrival::Batch(causes) => causes.len(),
        _ => 0,
    });
    assert!(most.max() > Some(4));
}

#[test]
fn the_truth_is_right_and_nothing_at_all_is_missing() {
    let run = Run::of(Config::shop(4));
    let true_edges = truth(&run);
    let all = true_edges.iter().map(Vec::len).sum();
    assert_eq!(edges(&run, &true_edges), Tally { right: all, ..Tally::default() });
    let none = vec![Vec::new(); run.works.len()];
    assert_eq!(edges(&run, &none), Tally { missing: all, ..Tally::default() });
    assert_eq!(whole_requests(&run, &tops(&true_edges)), run.requests());
}

#[test]
fn a_wrong_cause_is_not_counted_as_missing_too() {
    let run = Run::of(Config::serial(1));
    let mut found = truth(&run);
    let last = found.len() - 1;
    let all: usize = found.iter().map(Vec::len).sum();
    found[last] = vec![0];
    assert_eq!(edges(&run, &found), Tally { right: all - 1, wrong: 1, missing: 0 });
    found[0] = vec![last];
    assert_eq!(edges(&run, &found).wrong, 2, "a request from outside has no cause");
    assert_eq!(tops(&found)[last], None, "a circle has no top");
}

//! Step 4: the account of an exporter, what it drops, and who waits.

use std::time::Duration;

use ch04_tracing::experiments::export::{
    BATCHES, BOUNDED, CLASSES, Collector, DESIGNS, Design, END, PRINT, RETRIES, Told, UNBOUNDED,
    most, run, share_stored,
};
use ch04_tracing::experiments::kill;
use ch04_tracing::step3_context::spans;
use ch04_tracing::step4_exporter::{
    Answer, Attempts, Class, Dropped, Next, Outcome, QUEUE, SpanQueue, pause,
};
use ch04_tracing::types::{Kind, Span, SpanId, Status, TraceId};
use ch04_tracing::workload::{Config, Process, Run};
use proptest::prelude::*;

const RATE: u64 = 20_000;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn dropped(told: &Told, why: Dropped) -> u64 {
    told.ledger.dropped(why)
}

#[test]
fn the_ledger_is_exact_for_each_design_each_collector_and_each_load() {
    for design in DESIGNS {
        for (collector, name) in Collector::ALL {
            for load in [1_000, RATE, 40_000] {
                let told = run(design, collector, load);
                let ledger = &told.ledger;
                let at = format!("{}, {name}, {load}: {told:?}", design.name);
                assert!(ledger.is_exact(), "{at}");
                // What the collector has is what it said, and perhaps what it could not say.
                let may_have =
                    ledger.stored + dropped(&told, Dropped::Unconfirmed) + ledger.in_flight;
                assert!((ledger.stored..=may_have).contains(&told.collected), "{at}");
                let created = load * END.as_secs();
                assert_eq!(ledger.created == created, !design.waits, "{at}");
                assert!(told.most_waiting <= design.room, "{at}");
            }
        }
    }
}

#[test]
fn each_design_mends_what_the_one_before_it_does_wrong() {
    let of = |design: Design| run(design, Collector::Killed, RATE);
    let print = of(PRINT);
    // It waits all the time, and makes few spans.
    assert!(print.waited > END - SECOND && print.ledger.created < 2 * RATE, "{print:?}");
    let unbounded = of(UNBOUNDED);
    assert!(unbounded.waited.is_zero());
    assert!(unbounded.most_waiting as u64 > RATE * END.as_secs() * 9 / 10, "{unbounded:?}");
    let bounded = of(BOUNDED);
    assert_eq!(bounded.most_waiting, QUEUE);
    assert!(bounded.failed_dropped > 300, "{bounded:?}");
    // One request per span is enough for the failed ones alone, while somebody answers.
    let classes = of(CLASSES);
    assert!(classes.failed_dropped < bounded.failed_dropped / 10, "{classes:?}");
    assert_eq!(classes.ledger.stored, bounded.ledger.stored);
    let batches = of(BATCHES);
    assert!(batches.ledger.stored > 300 * classes.ledger.stored, "{batches:?}");
    assert!(dropped(&batches, Dropped::Unconfirmed) > RATE / 2 && batches.failed_dropped > 10);
    let retries = of(RETRIES);
    assert_eq!(dropped(&retries, Dropped::Unconfirmed), 0);
    assert_eq!(retries.failed_dropped, 0, "{retries:?}");
    assert!(retries.ledger.stored > batches.ledger.stored);
}

#[test]
fn a_lost_answer_stores_one_batch_twice_where_nobody_looks() {
    let told = run(RETRIES, Collector::Killed, RATE);
    assert_eq!(told.twice, RETRIES.batch as u64);
    // Without a second attempt it is the ledger that is wrong about it.
    let told = run(BATCHES, Collector::Killed, RATE);
    assert_eq!((told.twice, told.collected - told.ledger.stored), (0, BATCHES.batch as u64));
}

#[test]
fn what_is_stored_of_a_load_follows_the_law() {
    for collector in [Collector::Good, Collector::Slow, Collector::Stalled] {
        for at_once in [1, 2] {
            let design = Design { at_once, ..RETRIES };
            for load in [10_000, 30_000, 60_000] {
                let told = run(design, collector, load);
                let law = (most(design, collector) * 10_000 / load).min(10_000);
                // What still waits at the end is not stored: two percent of the smallest load and more.
                let open = told.ledger.in_flight * 10_000 / told.ledger.created;
                let share = share_stored(&told);
                let near = law.saturating_sub(open + 100)..=law + 20;
                assert!(near.contains(&share), "{collector:?} {at_once} {load}: {share} {law}");
            }
        }
    }
    assert_eq!(most(RETRIES, Collector::Good), 25_600);
    assert_eq!(most(RETRIES, Collector::Slow), 7_314);
}

#[test]
fn the_class_of_a_span_is_the_highest_that_it_has() {
    let span = |parent, took: u64, status| Span {
        trace: TraceId(1),
        id: SpanId(2),
        parent,
        links: vec![],
        service: "web".into(),
        name: "work".into(),
        kind: Kind::Internal,
        start: 5,
        end: 5 + took,
        status,
        attributes: vec![],
    };
    let of = |span: Span| Class::of(&span, Duration::from_nanos(10));
    let child = Some(SpanId(1));
    assert_eq!(of(span(None, 11, Status::Error("no".into()))), Class::Failed);
    assert_eq!(of(span(None, 11, Status::Ok)), Class::Slow);
    assert_eq!(of(span(None, 10, Status::Ok)), Class::Root);
    assert_eq!(of(span(child, 10, Status::Unset)), Class::Ordinary);
    assert!(Class::ALL.is_sorted());
}

#[test]
fn an_answer_says_whether_to_send_again() {
    let after = |answer| Attempts::new(10, 2, SECOND).after(answer, 0);
    let done = |stored, why| Next::Done(Outcome { stored, dropped: 10 - stored, why });
    assert_eq!(after(Answer::Stored { refused: 0 }), done(10, Dropped::Refused));
    assert_eq!(after(Answer::Stored { refused: 3 }), done(7, Dropped::Refused));
    assert_eq!(after(Answer::Stored { refused: 11 }), done(0, Dropped::Refused));
    assert_eq!(after(Answer::Refused), done(0, Dropped::Refused));
    assert_eq!(after(Answer::NoCollector), done(0, Dropped::Unconfirmed));
    let mut attempts = Attempts::new(10, 3, SECOND);
    let again = Answer::Later(Some(2 * SECOND));
    assert_eq!(attempts.after(again, 0), Next::SendAgain(Duration::from_millis(2_500)));
    assert_eq!(attempts.after(Answer::Later(None), 0), Next::SendAgain(SECOND));
    assert_eq!(attempts.after(again, 0), done(0, Dropped::Unconfirmed));
    let minutes = Answer::Later(Some(3 * MINUTE));
    assert_eq!(after(minutes), Next::SendAgain(3 * MINUTE + SECOND / 2));
}

#[test]
fn waits_are_doubled_up_to_five_seconds() {
    let mut attempts = Attempts::new(1, 6, SECOND);
    for seconds in [1, 2, 4, 5, 5] {
        // Half of it, and none of the random part.
        let wait = Next::SendAgain(seconds * SECOND / 2);
        assert_eq!(attempts.after(Answer::Later(None), 0), wait);
    }
}

proptest! {
    #[test]
    fn the_ledger_is_exact_after_any_calls(
        room in 0usize..6,
        calls in proptest::collection::vec((0usize..4, 0usize..6), 0..80),
    ) {
        let mut queue = SpanQueue::new(room);
        let mut sent: Vec<usize> = vec![];
        for (id, (class, call)) in calls.into_iter().enumerate() {
            match call {
                0..=2 => drop(queue.record(Class::ALL[class], id)),
                3 => sent.extend(Some(queue.take(class).len()).filter(|count| *count > 0)),
                4 => if let Some(count) = sent.pop() {
                    let stored = class.min(count);
                    let why = Dropped::Unconfirmed;
                    queue.settle(Outcome { stored, dropped: count - stored, why });
                },
                _ if class == 0 => queue.close(),
                _ if class == 1 => {
                    queue.give_up();
                    sent.clear();
                }
                _ => {}
            }
            let ledger = queue.ledger();
            prop_assert!(ledger.is_exact(), "{:?}", ledger);
            prop_assert!(queue.waiting() <= room);
            let in_flight = queue.waiting() + sent.iter().sum::<usize>();
            prop_assert_eq!(ledger.in_flight, in_flight as u64);
        }
    }

    #[test]
    fn what_stays_is_the_highest_class_and_of_that_the_oldest(
        room in 0usize..6,
        classes in proptest::collection::vec(0usize..4, 0..30),
    ) {
        let spans: Vec<_> = classes.iter().map(|class| Class::ALL[*class]).enumerate().collect();
        let mut queue = SpanQueue::new(room);
        let dropped = spans.iter().filter_map(|(id, class)| queue.record(*class, *id)).count();
        let mut best = spans.clone();
        best.sort_by_key(|(id, class)| (std::cmp::Reverse(*class), *id));
        let best: Vec<_> = best.into_iter().map(|(id, _)| id).take(room).collect();
        prop_assert_eq!(queue.take(usize::MAX), best);
        prop_assert_eq!(dropped, spans.len().saturating_sub(room));
    }

    #[test]
    fn a_pause_is_never_shorter_than_asked_up_to_ten_minutes_and_spread_over_half_of_the_wait(
        asked in proptest::option::of(prop_oneof![0u64..700, any::<u64>()]),
        wait in 0u64..5_000_000_000,
        random: u64,
    ) {
        let (asked, wait) = (asked.map(Duration::from_secs), Duration::from_nanos(wait));
        let pause = pause(asked, wait, random);
        let least = asked.unwrap_or_default().min(10 * MINUTE) + wait / 2;
        prop_assert!(least <= pause && pause <= least + wait / 2, "{:?}", pause);
    }
}

#[test]
fn exporters_that_fail_together_come_back_apart() {
    let pauses = (0..20).map(|n| pause(None, SECOND, n << 40 | n)).collect::<Vec<_>>();
    assert!(pauses.iter().max() > pauses.iter().min(), "{pauses:?}");
}

#[test]
fn a_killed_process_loses_what_is_not_stored_and_a_ring_keeps_all_of_it() {
    let spans = spans(&Run::of(Config::shop(16)));
    for process in Process::ALL {
        let costs = kill::costs(kill::of(&spans, process), kill::Collector::Up);
        assert_eq!(costs.len() as u64, kill::KILLS);
        let lost = costs.iter().map(|one| one.not_stored + one.not_ended).sum::<usize>();
        assert!(lost > 0, "{process}");
        // A longer ring never knows less, and the longest knows all.
        assert!(costs.iter().all(|one| one.not_in_ring.is_sorted_by(|a, b| a >= b)), "{process}");
        assert!(costs.iter().all(|one| one.not_in_ring[2] == 0), "{process}");
    }
}

#[test]
fn while_the_collector_is_down_only_a_ring_that_is_longer_than_the_queue_keeps_all_of_it() {
    let spans = spans(&Run::of(Config::shop(16)));
    let of_coord = kill::of(&spans, Process::Coord);
    assert!((kill::RINGS[2]..QUEUE).contains(&of_coord.len()), "{}", of_coord.len());
    let costs = kill::costs(of_coord, kill::Collector::Down);
    let last = costs.last().expect("there are kills");
    assert!(last.not_in_ring[2] > last.not_stored / 2, "{last:?}");
    assert!(costs.iter().all(|one| one.not_in_ring[3] == 0));
}

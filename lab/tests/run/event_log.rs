//! What a real run leaves behind for the timeline.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::event::{Cast, Kind, Log};
use lab::node::react;
use lab::run::{Config, EventFile, merge};
use lab::{Effect, Input};

use crate::cluster::{BACKUP, JoinAfterStop, PRIMARY, add, config, introduce, run, start};
use crate::toy::Ledger;

#[test]
fn the_event_log_of_a_real_run_replays_into_the_same_node() {
    let dir = tempfile::tempdir().unwrap();
    let cast = |name: &str| Cast { name: name.into(), role: "replica".into() };
    let events = EventFile {
        dir: dir.path().join("events"),
        title: "ledger".into(),
        cast: BTreeMap::from([(PRIMARY, cast("one")), (BACKUP, cast("two"))]),
        epoch: std::time::SystemTime::UNIX_EPOCH,
    };
    run(async {
        let recorded = |me| Config { events: Some(events.clone()), ..config(me, dir.path()) };
        let primary = start(recorded(PRIMARY));
        let backup = start(recorded(BACKUP));
        introduce(&primary, &backup).await;
        add(&primary.clients(), 0..5).await;
        primary.join_after_stop();
        backup.join_after_stop();
    });
    let read = |name: &str| {
        Log::from_json_lines(&std::fs::read_to_string(events.dir.join(name)).unwrap()).unwrap()
    };
    let one = read("one.1.jsonl");
    let two = read("two.1.jsonl");
    let mut node = Ledger::new(BACKUP);
    let mut sent = Vec::new();
    for event in &one.events {
        if let Some(value) = &event.input {
            let now = Duration::from_micros(value["now"].as_u64().unwrap());
            for effect in react(&mut node, PRIMARY, now, input(value)) {
                if let Effect::Send { msg, .. } | Effect::SendAhead { msg, .. } = effect {
                    sent.push(msg.to_string());
                }
            }
        }
    }
    let of = |log: &Log, kind| -> Vec<_> {
        log.events.iter().filter(|e| e.kind == kind).cloned().collect()
    };
    let mut recorded: Vec<_> = of(&one, Kind::Send).into_iter().map(|e| e.text).collect();
    sent.sort();
    recorded.sort();
    assert_eq!(sent, recorded);
    let both = merge(vec![(1, two), (1, one)]);
    let mut crossed = 0;
    for (i, event) in both.events.iter().enumerate() {
        assert_eq!(event.seq, i as u64 + 1);
        assert!(event.causes.iter().all(|&cause| cause < event.seq), "a cause stands in front");
        for &cause in &event.causes {
            let cause = &both.events[cause as usize - 1];
            if event.kind == Kind::Receive {
                assert_eq!((cause.kind, &cause.text), (Kind::Send, &event.text));
                crossed += usize::from(cause.node != event.node);
            }
        }
    }
    assert!(crossed >= 10, "five copies and five answers have their sends as causes");
}

/// An input as the event log keeps it.
fn input(value: &serde_json::Value) -> Input<Ledger> {
    fn part<T: serde::de::DeserializeOwned>(value: &serde_json::Value) -> T {
        serde_json::from_value(value.clone()).unwrap()
    }
    if let Some(start) = value.get("boot") {
        Input::Boot { start: part(start) }
    } else if let Some(msg) = value.get("message") {
        Input::Message { from: part(&value["from"]), msg: part(msg) }
    } else if let Some(timer) = value.get("timeout") {
        Input::Timeout(part(timer))
    } else if let Some(id) = value.get("gone") {
        Input::Gone(part(id))
    } else {
        Input::Replay(part(&value["replay"]))
    }
}

//! What a real run leaves behind for the timeline.

use std::collections::BTreeMap;

use lab::AnyNode;
use lab::event::{Kind, Log, NodeInfo};
use lab::replay::replay;
use lab::run::{Config, Driver, EventFile, merge};

use crate::cluster::{BACKUP, JoinAfterStop, PRIMARY, add, config, introduce, other, run, start};
use crate::toy::{Ledger, Words};

#[test]
fn the_event_log_of_a_real_run_replays_into_the_same_node() {
    let dir = tempfile::tempdir().unwrap();
    let node = |name: &str| NodeInfo { name: name.into(), role: "replica".into() };
    let events = EventFile {
        dir: dir.path().join("events"),
        title: "ledger".into(),
        nodes: BTreeMap::from([(PRIMARY, node("one")), (BACKUP, node("two"))]),
        epoch: std::time::SystemTime::UNIX_EPOCH,
    };
    let recorded = |me| Config { events: Some(events.clone()), ..config(me, dir.path()) };
    run(async {
        for round in 0..2 {
            let node = Ledger::new(BACKUP).with_snapshots(2);
            let primary = Driver::start(recorded(PRIMARY), node, ()).unwrap();
            let backup = start(recorded(BACKUP));
            introduce(&primary, &backup).await;
            add(&primary.clients(), round..round + 5).await;
            primary.join_after_stop();
            backup.join_after_stop();
        }
    });
    let read = |name: &str| {
        Log::from_json_lines(&std::fs::read_to_string(events.dir.join(name)).unwrap()).unwrap()
    };
    for (name, me, starts) in [("one", PRIMARY, 2), ("two", BACKUP, 2)] {
        for start in 1..=starts {
            let log = read(&format!("{name}.{start}.jsonl"));
            let node = Ledger::new(other(me)).with_snapshots(if me == PRIMARY { 2 } else { 99 });
            let program =
                |node_name: &str| (node_name == name).then(|| (me, AnyNode::new(node.clone())));
            let replayed = replay::<Words>(&log, |line| line, program);
            let replayed = replayed.unwrap_or_else(|why| panic!("{name}.{start}: {why}"));
            let last = replayed.events.iter().rev().find_map(|e| e.state.clone());
            assert_eq!(last, Some(format!("{} entries", 5 * start)), "{name}.{start}");
        }
    }
    let (one, two) = (read("one.1.jsonl"), read("two.1.jsonl"));
    let kept = read("one.2.jsonl").events.iter().filter(|e| e.kind == Kind::Replay).count();
    assert!(
        kept < one.events.iter().filter(|e| e.kind == Kind::Persist).count(),
        "it was shortened"
    );
    let of = |log: &Log, kind| -> Vec<_> {
        log.events.iter().filter(|e| e.kind == kind).cloned().collect()
    };
    assert_eq!(of(&one, Kind::Discard).len(), 2, "the log names each snapshot");
    let both = merge(vec![(1, two), (1, one)]);
    let mut crossed = 0;
    for (i, event) in both.events.iter().enumerate() {
        assert_eq!(event.seq, i as u64 + 1);
        assert!(event.causes.iter().all(|&cause| cause < event.seq), "a cause comes first");
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

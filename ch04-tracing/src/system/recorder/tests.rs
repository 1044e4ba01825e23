//! What a ring still says after its process, its disk or its bytes failed.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::types::{Status, Value};

fn span(id: u64) -> Span {
    Span {
        trace: TraceId(7),
        id: SpanId(id),
        parent: None,
        links: vec![],
        service: "coord".into(),
        name: "order".into(),
        kind: crate::types::Kind::Server,
        start: id,
        end: id,
        status: Status::Unset,
        attributes: vec![],
    }
}

fn ids(spans: &[Span]) -> Vec<u64> {
    spans.iter().map(|span| span.id.0).collect()
}

fn reopened(path: &Path) -> Found {
    let found = Recorder::open(path, SLOTS).unwrap().1;
    assert_eq!(found.written, found.records + found.torn + found.overwritten, "{found:?}");
    found
}

/// A ring of eight slots with spans 1 to `ended` that ended, and one more that began.
fn ring(ended: u64) -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("role").join("ring");
    let (recorder, found) = Recorder::open(&path, 8).unwrap();
    assert_eq!(found, Found::default());
    for id in 1..=ended {
        recorder.began(&span(id));
        recorder.ended(&span(id));
    }
    recorder.began(&span(ended + 1));
    (dir, path)
}

#[test]
fn what_ended_and_what_only_began_outlive_the_recorder() {
    let (_dir, path) = ring(3);
    let found = reopened(&path);
    assert_eq!((ids(&found.ended), ids(&found.unfinished)), (vec![1, 2, 3], vec![4]));
    assert_eq!((found.written, found.torn, found.overwritten), (7, 0, 0));
    let Span { status, attributes, .. } = &found.unfinished[0];
    assert_eq!(*status, Status::Error("its process ended before it did".into()));
    assert_eq!(*attributes, [("unfinished".into(), Value::Bool(true))]);
}

#[test]
fn the_newest_records_stay_and_the_others_are_counted() {
    let (_dir, path) = ring(10);
    let found = reopened(&path);
    // The begin of span 7 made room, its end did not.
    assert_eq!((ids(&found.ended), ids(&found.unfinished)), (vec![7, 8, 9, 10], vec![11]));
    assert_eq!((found.written, found.records, found.overwritten), (21, 8, 13));
}

#[test]
fn the_next_start_goes_on_in_the_same_ring() {
    let (_dir, path) = ring(2);
    let (recorder, _) = Recorder::open(&path, 8).unwrap();
    recorder.ended(&span(3));
    drop(recorder);
    let found = reopened(&path);
    assert_eq!((ids(&found.ended), found.unfinished.len(), found.written), (vec![1, 2, 3], 0, 6));
}

#[test]
fn a_ring_that_was_cleared_is_new_and_goes_on() {
    let (_dir, path) = ring(2);
    let (recorder, _) = Recorder::open(&path, 8).unwrap();
    recorder.clear(3);
    drop(recorder);
    assert_eq!(reopened(&path), Found::default());
    let (recorder, _) = Recorder::open(&path, 8).unwrap();
    recorder.clear(0);
    recorder.began(&span(9));
    drop(recorder);
    let found = reopened(&path);
    assert_eq!((found.written, ids(&found.unfinished)), (1, vec![9]));
}

#[test]
fn a_ring_is_not_cleared_while_it_has_a_span_that_is_not_stored() {
    let (_dir, path) = ring(2);
    let (recorder, _) = Recorder::open(&path, 8).unwrap();
    recorder.ended(&span(3));
    recorder.clear(3);
    drop(recorder);
    assert_eq!(ids(&reopened(&path).ended), [1, 2, 3]);
}

#[test]
fn a_ring_is_not_cleared_while_a_span_is_open() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("ring");
    let (recorder, _) = Recorder::open(&path, 8).unwrap();
    recorder.began(&span(1));
    recorder.began(&span(2));
    recorder.ended(&span(1));
    recorder.clear(1);
    drop(recorder);
    let found = reopened(&path);
    assert_eq!((ids(&found.ended), ids(&found.unfinished)), (vec![1], vec![2]));
    // The process that left it open is gone, and does not hinder the next one.
    let (recorder, _) = Recorder::open(&path, 8).unwrap();
    recorder.clear(2);
    drop(recorder);
    assert_eq!(reopened(&path), Found::default());
}

#[test]
fn a_record_that_was_cut_anywhere_costs_itself_alone() {
    for (kept, (ended, whole)) in [1, 4, 16, 30].into_iter().zip([(2, 5), (6, 7), (2, 5), (6, 7)]) {
        let (_dir, path) = ring(ended);
        let mut bytes = std::fs::read(&path).unwrap();
        // The next record is written as far as `kept`, over what was there.
        let number = 2 * ended + 1;
        let at = (1 + number as usize % 8) * SLOT;
        let next = format::record(number, Kind::Ended, &span(ended + 1));
        bytes[at..at + kept].copy_from_slice(&next[..kept]);
        std::fs::write(&path, &bytes).unwrap();
        let (recorder, found) = Recorder::open(&path, 8).unwrap();
        assert_eq!((found.written, found.torn, found.records), (number + 1, 1, whole), "{kept}");
        assert_eq!(ids(&found.unfinished), [ended + 1]);
        // The next start writes after it.
        recorder.ended(&span(99));
        drop(recorder);
        let found = reopened(&path);
        assert_eq!((found.written, found.torn), (number + 2, 1));
        assert_eq!(found.ended.last().map(|span| span.id), Some(SpanId(99)));
    }
}

#[test]
fn a_span_that_is_too_long_is_shortened() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("ring");
    let (recorder, _) = Recorder::open(&path, 8).unwrap();
    let long = "é".repeat(2000);
    let status = Status::Error(long.clone());
    let attributes = vec![("message".into(), Value::Text(long.clone()))];
    recorder.ended(&Span { service: long.clone(), name: long, status, attributes, ..span(1) });
    drop(recorder);
    let found = reopened(&path);
    let short = "é".repeat(60);
    let status = Status::Error(short.clone());
    assert_eq!(found.ended, [Span { service: short.clone(), name: short, status, ..span(1) }]);
}

#[test]
fn a_ring_that_is_open_and_a_file_that_is_none_are_refused_with_a_remedy() {
    let (_dir, path) = ring(1);
    let open = Recorder::open(&path, 8).unwrap();
    let refused = |path: &Path| Recorder::open(path, 8).map(drop).unwrap_err().to_string();
    assert!(refused(&path).contains("stop that one first"));
    drop(open);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8] += 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(refused(&path).contains("remove it"));
    std::fs::write(&path, "notes").unwrap();
    assert!(refused(&path).contains("remove it"));
    // Cut in its making: zeros.
    std::fs::write(&path, [0; 3 * SLOT]).unwrap();
    assert_eq!(reopened(&path), Found::default());
}

proptest! {
    #[test]
    fn bytes_that_are_changed_anywhere_never_invent_a_span(
        ended in 0u64..12,
        changes in proptest::collection::vec((0usize..9 * SLOT, any::<u8>()), 1..20),
        length in 0usize..=9 * SLOT,
    ) {
        let (_dir, path) = ring(ended);
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(length);
        if let Some((_, found)) = format::read(&bytes) {
            prop_assert_eq!(found.written, found.records + found.torn + found.overwritten);
            let known: BTreeSet<u64> = (1..=ended + 1).collect();
            let all = [ids(&found.ended), ids(&found.unfinished)].concat();
            prop_assert!(all.iter().all(|id| known.contains(id)), "{:?}", all);
            prop_assert!(found.records <= 8);
        }
    }

    #[test]
    fn any_bytes_are_a_ring_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert_eq!(format::read(&bytes), None);
        let with_header = [format::header(2), bytes].concat();
        if let Some((slots, found)) = format::read(&with_header) {
            prop_assert_eq!((slots, found.records), (2, 0));
        }
    }
}

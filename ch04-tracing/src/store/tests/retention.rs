//! What is deleted, and when.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// So small that each block has a segment of its own.
fn small() -> Options {
    Options { segment: 100, ..Options::default() }
}

fn start(dir: &TempDir, options: Options) -> Store {
    Store::open(dir.path(), options).unwrap()
}

fn put_one(store: &Store, trace: u128, open: Duration) {
    assert_eq!(put_at(store, vec![span(trace, 1), span(trace, 2)], open), new(2));
}

/// Waits until everything before it is done.
fn tidy(store: &Store, open: Duration) {
    store.tidy(open).unwrap();
    put_at(store, vec![], open);
}

#[test]
fn the_oldest_segments_go_when_there_are_too_many_bytes() {
    let dir = TempDir::new().unwrap();
    let options = Options { bytes: 1500, ..small() };
    let store = start(&dir, options);
    for trace in 1..=20 {
        put_one(&store, trace, Duration::ZERO);
    }
    let kept = traces(&store);
    assert!(kept.contains(&20) && !kept.contains(&1), "{kept:?}");
    let files = fs::read_dir(dir.path()).unwrap();
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes <= 1500, "{bytes}");
    assert_eq!(store.spans(), 2 * kept.len() as u64);
    drop(store);
    assert_eq!(traces(&start(&dir, options)), kept);
}

#[test]
fn the_oldest_segments_go_when_there_are_too_many_spans() {
    let dir = TempDir::new().unwrap();
    let options = Options { spans: 40, ..Options::default() };
    let store = start(&dir, options);
    for trace in 1..=100 {
        put_one(&store, trace, Duration::ZERO);
        assert!(store.spans() <= 40, "{}", store.spans());
    }
    assert!(traces(&store).contains(&86), "not more than needed: {:?}", traces(&store));
    drop(store);
    // Fewer than there are, already while the segments are read.
    let store = start(&dir, Options { spans: 20, ..options });
    assert!((10..=20).contains(&store.spans()), "{}", store.spans());
    let kept = traces(&store);
    drop(store);
    assert_eq!(traces(&start(&dir, options)), kept, "they are deleted");
}

#[test]
fn what_is_too_old_goes_also_when_nothing_arrives() {
    let dir = TempDir::new().unwrap();
    let store = start(&dir, Options { age: 10 * HOUR, ..small() });
    put_one(&store, 1, HOUR);
    put_one(&store, 2, 5 * HOUR);
    tidy(&store, 11 * HOUR);
    assert_eq!(traces(&store), [1, 2].into());
    tidy(&store, 12 * HOUR);
    assert_eq!(traces(&store), [2].into());
    // The newest segment as well, and the store goes on.
    tidy(&store, 16 * HOUR);
    assert_eq!((traces(&store), store.services()), ([].into(), [].into()));
    put_one(&store, 3, 16 * HOUR);
    drop(store);
    let store = start(&dir, small());
    assert_eq!((traces(&store), store.damage()), ([3].into(), &[][..]));
}

#[test]
fn spans_do_not_get_older_while_the_store_is_closed() {
    let dir = TempDir::new().unwrap();
    let options = Options { age: 10 * HOUR, ..small() };
    let store = start(&dir, options);
    put_one(&store, 1, HOUR);
    put_one(&store, 2, 8 * HOUR);
    drop(store);
    // Whatever the clock on the wall says now: the store has been open for eight hours.
    let store = start(&dir, options);
    tidy(&store, 2 * HOUR);
    put_one(&store, 3, 2 * HOUR);
    assert_eq!(traces(&store), [1, 2, 3].into());
    tidy(&store, 4 * HOUR);
    assert_eq!(traces(&store), [2, 3].into());
}

#[test]
fn an_age_that_goes_back_deletes_nothing_and_is_not_believed() {
    let dir = TempDir::new().unwrap();
    let store = start(&dir, Options { age: 10 * HOUR, ..small() });
    put_one(&store, 1, 5 * HOUR);
    put_one(&store, 2, HOUR);
    tidy(&store, 15 * HOUR);
    assert_eq!(traces(&store), [1, 2].into());
    tidy(&store, 16 * HOUR);
    assert_eq!(traces(&store), [].into());
}

#[test]
fn a_segment_that_is_removed_by_hand_does_not_stop_the_store() {
    let dir = TempDir::new().unwrap();
    let store = start(&dir, Options { age: 10 * HOUR, ..small() });
    for trace in 1..=3 {
        put_one(&store, trace, HOUR);
    }
    fs::remove_file(segment(&dir, 1)).unwrap();
    tidy(&store, 20 * HOUR);
    put_one(&store, 4, 20 * HOUR);
    assert_eq!(traces(&store), [4].into());
}

#[test]
fn what_was_cut_off_a_segment_is_deleted_with_it() {
    let (dir, file, bytes, _) = three_blocks();
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let store = start(&dir, Options { age: 10 * HOUR, ..small() });
    tidy(&store, 20 * HOUR);
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("0001.spans")), "{left:?}");
    assert_eq!(traces(&store), [].into());
}

#[test]
fn a_trace_in_several_segments_loses_what_was_in_the_oldest() {
    let dir = TempDir::new().unwrap();
    let store = start(&dir, Options { age: 10 * HOUR, ..small() });
    put_at(&store, vec![span(1, 1), span(2, 1), span(1, 2)], HOUR);
    put_at(&store, vec![span(1, 3), span(1, 4)], 2 * HOUR);
    tidy(&store, 12 * HOUR);
    assert_eq!(store.trace(TraceId(1)).spans, [span(1, 3), span(1, 4)]);
    assert_eq!(store.trace(TraceId(2)), Shown::default());
    let found = store.search(&Query { limit: 10, ..Query::default() }).traces;
    let [trace] = found.as_slice() else { panic!("{found:?}") };
    let expected = (span(1, 3).start.to_string(), 2, 1);
    assert_eq!((trace.start.clone(), trace.spans, trace.missing), expected);
    assert_eq!((store.services(), store.spans()), (["pay".into()].into(), 2));
    assert_eq!(put_at(&store, vec![span(1, 1)], 12 * HOUR), new(1), "it is new again");
}

#[test]
fn a_span_takes_no_more_memory_than_is_said() {
    const TRACES: u64 = 10_000;
    let mut index = Index::default();
    let counted = allocation_counter::measure(|| {
        for trace in 1..=TRACES {
            let place = index::Place { segment: 1, at: 0, len: 1 };
            // As ids that are drawn: no order.
            let trace_id = TraceId(trace.wrapping_mul(0x9e37_79b9_7f4a_7c15).into());
            index.insert(&Span { trace: trace_id, ..span(trace.into(), 1) }, place);
        }
    });
    let per_span = u64::try_from(counted.bytes_current).unwrap() / TRACES;
    assert!(per_span <= BYTES_PER_SPAN as u64, "{per_span} bytes a span");
}

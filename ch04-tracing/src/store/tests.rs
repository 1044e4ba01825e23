//! Crashes, damage and retention; then what is found.

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::format::{BLOCK, ENTRY, HEADER};
use super::*;
use crate::types::{Kind, SpanId, Status, Value};

const SECOND: u64 = 1_000_000_000;

fn span(trace: u128, id: u64) -> Span {
    Span {
        trace: TraceId(trace),
        id: SpanId(id),
        parent: (id > 1).then_some(SpanId(1)),
        links: vec![],
        service: if id == 1 { "web" } else { "pay" }.into(),
        name: if id == 1 { "POST /orders" } else { "prepare" }.into(),
        kind: Kind::Internal,
        start: u64::try_from(trace).unwrap() * SECOND + id,
        end: u64::try_from(trace).unwrap() * SECOND + id * 10,
        status: Status::Unset,
        attributes: vec![("order".into(), Value::Int(i64::try_from(trace).unwrap()))],
    }
}

fn open(dir: &Path) -> Store {
    Store::open(dir, Options::default()).unwrap()
}

/// Batches that are sent one after the other, so each is a block.
fn put(store: &Store, spans: Vec<Span>, received: u64) -> Stored {
    store.submit(spans, received).unwrap().blocking_recv().unwrap().unwrap()
}

fn new(stored: usize) -> Stored {
    Stored { stored, ..Stored::default() }
}

/// A directory with one segment of three blocks, the bytes of that, and where each block begins.
fn three_blocks() -> (TempDir, PathBuf, Vec<u8>, Vec<usize>) {
    let dir = TempDir::new().unwrap();
    let file = segments::path(dir.path(), 1);
    let store = open(dir.path());
    let mut begins = vec![];
    for trace in 1..=3 {
        let len = fs::metadata(&file).map_or(HEADER as u64, |file| file.len());
        begins.push(usize::try_from(len).unwrap());
        assert_eq!(put(&store, vec![span(trace, 1), span(trace, 2)], 0), new(2));
    }
    drop(store);
    let bytes = fs::read(&file).unwrap();
    (dir, file, bytes, begins)
}

/// Which traces are there, all of them whole.
fn traces(store: &Store) -> BTreeSet<u128> {
    let ids: BTreeSet<_> = store.known().traces.keys().map(|id| id.0).collect();
    for id in &ids {
        assert_eq!(store.trace(TraceId(*id)), [span(*id, 1), span(*id, 2)]);
    }
    ids
}

#[test]
fn spans_outlive_the_process_and_are_stored_once() {
    let (dir, ..) = three_blocks();
    let store = open(dir.path());
    assert_eq!((traces(&store), store.spans(), store.damage()), ([1, 2, 3].into(), 6, &[][..]));
    let mut server = span(3, 2);
    server.kind = Kind::Server;
    let again = vec![span(3, 1), span(3, 2), server.clone(), server, span(4, 1)];
    let expected = Stored { stored: 2, duplicates: 3, too_long: 0 };
    assert_eq!(put(&store, again, 0), expected, "the two sides of a call may share an id");
    assert_eq!(store.spans(), 8);
}

#[test]
fn a_span_that_is_too_long_is_refused_and_the_others_are_stored() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let mut long = span(1, 1);
    long.name = "n".repeat(MAX_SPAN);
    assert_eq!(
        put(&store, vec![long, span(1, 2)], 0),
        Stored { stored: 1, duplicates: 0, too_long: 1 }
    );
}

#[test]
fn a_last_block_that_was_cut_anywhere_is_dropped_and_the_store_goes_on() {
    let (dir, file, bytes, begins) = three_blocks();
    for end in begins[2]..=bytes.len() {
        fs::write(&file, &bytes[..end]).unwrap();
        let store = open(dir.path());
        let is_whole = end == bytes.len();
        assert_eq!(
            traces(&store),
            if is_whole { [1, 2, 3].into() } else { BTreeSet::from([1, 2]) }
        );
        let torn: Vec<_> = store.damage().iter().map(|d| (d.at, d.bytes, d.is_torn_tail)).collect();
        let cut = (begins[2] as u64, (end - begins[2]) as u64, true);
        assert_eq!(torn, if is_whole || cut.1 == 0 { vec![] } else { vec![cut] });
        assert_eq!(put(&store, vec![span(9, 1), span(9, 2)], 0), new(2));
        drop(store);
        let again = open(dir.path());
        assert_eq!(again.damage(), [], "cut at {end}");
        assert!(traces(&again).contains(&9));
        drop(again);
        fs::remove_file(segments::path(dir.path(), 2)).unwrap();
    }
}

#[test]
fn a_segment_that_was_cut_in_its_header_was_never_used() {
    let (dir, ..) = three_blocks();
    for len in 0..=HEADER {
        fs::write(segments::path(dir.path(), 2), &format::header(2)[..len]).unwrap();
        let store = open(dir.path());
        assert_eq!(traces(&store), [1, 2, 3].into(), "{len}");
        assert_eq!(put(&store, vec![span(9, 1), span(9, 2)], 0), new(2));
        drop(store);
        assert_eq!(traces(&open(dir.path())), [1, 2, 3, 9].into());
        for number in 2..=3 {
            let _ = fs::remove_file(segments::path(dir.path(), number));
        }
    }
}

#[test]
fn one_flipped_bit_costs_one_block_and_is_reported() {
    let (dir, file, bytes, begins) = three_blocks();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&file, &changed).unwrap();
        // The version is checked by the crc as well, so that it is no other version but damage.
        let store = open(dir.path());
        let hit = begins.iter().rposition(|begin| *begin <= at);
        let lost = hit.map_or(0, |block| block as u128 + 1);
        let kept = [1, 2, 3].into_iter().filter(|trace| *trace != lost).collect();
        assert_eq!(traces(&store), kept, "bit in byte {at}");
        let [damage] = store.damage() else { panic!("byte {at}: {:?}", store.damage()) };
        // In the last block it cannot be told apart from a write that was cut short.
        assert_eq!(damage.is_torn_tail, lost == 3, "byte {at}");
        assert_eq!(damage.at, hit.map_or(0, |block| begins[block] as u64));
    }
}

#[test]
fn damage_in_an_older_segment_is_never_cut_off() {
    let (dir, file, mut bytes, begins) = three_blocks();
    put(&open(dir.path()), vec![span(9, 1), span(9, 2)], 0);
    bytes[begins[2] + BLOCK] ^= 1;
    fs::write(&file, &bytes).unwrap();
    for _ in 0..2 {
        let store = open(dir.path());
        assert_eq!(traces(&store), [1, 2, 9].into());
        assert!(!store.damage()[0].is_torn_tail);
    }
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn another_version_and_another_collector_are_refused_with_a_remedy() {
    let (dir, file, mut bytes, _) = three_blocks();
    let store = open(dir.path());
    let refused = Store::open(dir.path(), Options::default()).map(drop).unwrap_err();
    assert!(refused.to_string().contains("stop it, or choose another directory"), "{refused}");
    drop(store);
    bytes[8] = 9;
    let crc = crc32c::crc32c(&bytes[..20]);
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    fs::write(&file, &bytes).unwrap();
    let refused = Store::open(dir.path(), Options::default()).map(drop).unwrap_err();
    assert!(refused.to_string().contains("has format 9, this program reads format 1"), "{refused}");
}

/// A change of these bytes needs another [`format::VERSION`].
#[test]
fn the_bytes_of_a_stored_span_are_those_of_version_1() {
    let mut all = span(1, 2);
    all.status = Status::Error("late".into());
    all.links.push(crate::types::Link { trace: TraceId(5), span: SpanId(6) });
    all.attributes.push(("f".into(), Value::Float(1.5f64.to_bits())));
    all.attributes.push(("l".into(), Value::List(vec![Value::Empty, Value::Bool(true)])));
    all.attributes.push(("m".into(), Value::Map(vec![("b".into(), Value::Bytes(vec![7]))])));
    let bytes = format::encode(&all).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "01020101010506037061790770726570617265008294ebdc039494ebdc0302046c6174650405\
         6f72646572020201660380808080808080fc3f016c0502070101016d06010162040107"
    );
}

#[test]
fn retention_deletes_the_oldest_segments_and_forgets_their_spans() {
    let dir = TempDir::new().unwrap();
    let options = Options { segment: 300, bytes: 1500, age: std::time::Duration::from_secs(100) };
    let store = Store::open(dir.path(), options).unwrap();
    for trace in 1..=20 {
        put(&store, vec![span(trace, 1), span(trace, 2)], u64::try_from(trace).unwrap() * SECOND);
    }
    let kept = traces(&store);
    assert!(kept.contains(&20) && !kept.contains(&1), "{kept:?}");
    let bytes: u64 = segments::list(dir.path())
        .unwrap()
        .iter()
        .map(|n| fs::metadata(segments::path(dir.path(), *n)).unwrap().len())
        .sum();
    assert!(bytes <= 1500, "{bytes}");
    assert_eq!(store.spans(), 2 * kept.len() as u64);
    drop(store);
    let store = Store::open(dir.path(), options).unwrap();
    assert_eq!(traces(&store), kept);
    // Much later all that is older than 100 s goes.
    put(&store, vec![span(500, 1), span(500, 2)], 500 * SECOND);
    assert_eq!(traces(&store), [500].into());
    assert_eq!(store.services(), ["pay".into(), "web".into()].into());
    assert_eq!(store.search(&Query { limit: 10, ..Query::default() }).traces.len(), 1);
}

#[test]
fn a_search_finds_traces_by_one_span_that_is_all_that_is_asked_for() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let mut failed = span(2, 3);
    failed.status = Status::Error("refused".into());
    failed.parent = Some(SpanId(77));
    let spans = vec![span(1, 1), span(1, 2), span(2, 1), span(2, 2), failed, span(3, 2)];
    put(&store, spans, 0);
    let find = |change: &dyn Fn(&mut Query)| {
        let mut query = Query { limit: 10, ..Query::default() };
        change(&mut query);
        let found = store.search(&query);
        assert!(!found.stopped_early);
        let ids = found.traces.iter().map(|t| u128::from_str_radix(&t.trace_id, 16).unwrap());
        ids.collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(find(&|_| {}), [3, 2, 1], "newest first");
    assert_eq!(find(&|q| q.limit = 2), [3, 2]);
    assert_eq!(find(&|q| q.service = text("web")), [2, 1]);
    assert_eq!(find(&|q| q.service = text("nobody")), []);
    assert_eq!(find(&|q| q.operation = text("prepare")), [3, 2, 1]);
    let both = |q: &mut Query| (q.service, q.operation) = (text("web"), text("prepare"));
    assert_eq!(find(&|q| both(q)), [], "of one span, not of two");
    assert_eq!(find(&|q| q.errors = true), [2]);
    assert_eq!(find(&|q| q.min = Some(19)), [2]);
    assert_eq!(find(&|q| q.max = Some(9)), [2, 1]);
    assert_eq!(find(&|q| q.from = Some(2 * SECOND)), [3, 2]);
    assert_eq!(find(&|q| q.to = Some(2 * SECOND)), [1]);
    assert_eq!(find(&|q| (q.from, q.to) = (Some(5), Some(4))), []);
    assert_eq!(find(&|q| q.tags = vec![("order".into(), "2".into())]), [2]);
    assert_eq!(find(&|q| q.tags = vec![("order".into(), "4".into())]), []);
    let summary = &store.search(&Query { limit: 2, ..Query::default() }).traces[1];
    assert_eq!((summary.service.as_str(), summary.name.as_str()), ("web", "POST /orders"));
    assert_eq!((summary.spans, summary.errors, summary.missing), (3, 1, 1));
    assert_eq!((summary.start.as_str(), summary.duration), ("2000000001", 29));
}

proptest! {
    #[test]
    fn any_file_is_read_without_a_panic_and_believed_in_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..300), with_header in any::<bool>(),
    ) {
        let dir = TempDir::new().unwrap();
        let head = if with_header { format::header(1) } else { vec![] };
        fs::write(segments::path(dir.path(), 1), [head, bytes].concat()).unwrap();
        let store = open(dir.path());
        prop_assert_eq!(store.spans(), 0);
        prop_assert_eq!(put(&store, vec![span(1, 1)], 0), new(1));
    }
}

#[test]
fn a_span_whose_bytes_were_damaged_after_the_start_is_left_out() {
    let (dir, file, mut bytes, begins) = three_blocks();
    let store = open(dir.path());
    bytes[begins[1] + BLOCK + ENTRY] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert_eq!(store.trace(TraceId(2)), [span(2, 2)]);
}

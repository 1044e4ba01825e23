//! Damage, and what is found. `power.rs`: crashes. `retention.rs`: what is deleted, and when.

mod power;
mod retention;

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::format::{BLOCK, ENTRY, HEADER, MAX_BODY};
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
fn put(store: &Store, spans: Vec<Span>) -> Stored {
    put_at(store, spans, Duration::ZERO)
}

fn put_at(store: &Store, spans: Vec<Span>, open: Duration) -> Stored {
    store.submit(spans, open).unwrap().blocking_recv().unwrap().unwrap()
}

fn segment(dir: &TempDir, number: u32) -> PathBuf {
    dir.path().join(segments::name(number))
}

fn new(stored: usize) -> Stored {
    Stored { stored, ..Stored::default() }
}

/// A directory with one segment of three blocks as a crash leaves it, the bytes of that, and where each block
/// begins.
fn three_blocks() -> (TempDir, PathBuf, Vec<u8>, Vec<usize>) {
    let (dir, file, mut bytes, begins) = three_blocks_and_an_end();
    bytes.truncate(begins[3]);
    fs::write(&file, &bytes).unwrap();
    (dir, file, bytes, begins[..3].to_vec())
}

/// The same after an orderly end, which is a fourth block.
fn three_blocks_and_an_end() -> (TempDir, PathBuf, Vec<u8>, Vec<usize>) {
    let dir = TempDir::new().unwrap();
    let file = segment(&dir, 1);
    let store = open(dir.path());
    let mut begins = vec![HEADER];
    for trace in 1..=3 {
        assert_eq!(put(&store, vec![span(trace, 1), span(trace, 2)]), new(2));
        begins.push(fs::read(&file).unwrap().len());
    }
    drop(store);
    let bytes = fs::read(&file).unwrap();
    assert_eq!(bytes.len(), begins[3] + BLOCK);
    (dir, file, bytes, begins)
}

/// Which traces are there, all of them whole.
fn traces(store: &Store) -> BTreeSet<u128> {
    let ids: BTreeSet<_> = store.known().began(0, u64::MAX).map(|id| id.0).collect();
    for id in &ids {
        assert_eq!(store.trace(TraceId(*id)).spans, [span(*id, 1), span(*id, 2)]);
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
    assert_eq!(put(&store, again), expected, "the two sides of a call may share an id");
    assert_eq!(store.spans(), 8);
}

#[test]
fn a_span_that_is_too_long_is_refused_and_the_others_are_stored() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let mut long = span(1, 1);
    long.name = "n".repeat(MAX_SPAN);
    assert_eq!(
        put(&store, vec![long, span(1, 2)]),
        Stored { stored: 1, duplicates: 0, too_long: 1 }
    );
}

#[test]
fn a_last_block_that_was_cut_anywhere_is_moved_away_and_the_store_goes_on() {
    let (_, _, bytes, begins) = three_blocks();
    for end in begins[2]..=bytes.len() {
        let dir = TempDir::new().unwrap();
        let file = segment(&dir, 1);
        fs::write(&file, &bytes[..end]).unwrap();
        let store = open(dir.path());
        let expected = if end == bytes.len() { vec![1, 2, 3] } else { vec![1, 2] };
        assert_eq!(traces(&store), expected.into_iter().collect());
        if end == begins[2] || end == bytes.len() {
            assert_eq!(store.damage(), []);
        } else {
            let moved = dir.path().join(format!("{}.{}.tail", segments::name(1), begins[2]));
            assert_eq!(fs::read(&moved).unwrap(), bytes[begins[2]..end]);
            let bytes = (end - begins[2]) as u64;
            assert_eq!(store.damage(), [Damage::Tail { file, bytes, moved }]);
        }
        assert_eq!(put(&store, vec![span(9, 1), span(9, 2)]), new(2));
        drop(store);
        let again = open(dir.path());
        assert_eq!(again.damage(), [], "cut at {end}");
        assert!(traces(&again).contains(&9));
    }
}

#[test]
fn a_segment_that_was_cut_in_its_header_was_never_used() {
    for len in 0..=HEADER {
        let (dir, ..) = three_blocks();
        fs::write(segment(&dir, 2), &format::header(2)[..len]).unwrap();
        let store = open(dir.path());
        assert_eq!(traces(&store), [1, 2, 3].into(), "{len}");
        assert_eq!(put(&store, vec![span(9, 1), span(9, 2)]), new(2));
        drop(store);
        let store = open(dir.path());
        assert_eq!((traces(&store), store.damage()), ([1, 2, 3, 9].into(), &[][..]));
    }
}

#[test]
fn one_flipped_bit_costs_one_block_and_is_reported() {
    let (_, _, bytes, begins) = three_blocks_and_an_end();
    for at in 0..bytes.len() {
        let dir = TempDir::new().unwrap();
        let file = segment(&dir, 1);
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&file, &changed).unwrap();
        // The version is checked by the crc as well, so that it is no other version but damage.
        let store = open(dir.path());
        let hit = begins.iter().rposition(|begin| *begin <= at);
        let lost = hit.map_or(0, |block| block as u128 + 1);
        let kept = [1, 2, 3].into_iter().filter(|trace| *trace != lost).collect();
        assert_eq!(traces(&store), kept, "bit in byte {at}");
        match store.damage() {
            // The end proves that all before it was durable. It has no spans itself.
            [Damage::Tail { bytes, .. }] => assert_eq!((lost, *bytes), (4, BLOCK as u64)),
            [Damage::Rot { at: from, .. }] => {
                assert_eq!(*from, hit.map_or(0, |block| begins[block] as u64));
                assert_eq!(fs::read(&file).unwrap(), changed, "nothing is cut off");
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn damage_in_the_last_block_is_told_from_a_torn_write_by_whatever_came_later() {
    let (_, _, bytes, begins) = three_blocks();
    let mut damaged = bytes.clone();
    damaged[begins[2] + BLOCK] ^= 1;
    let start = |files: &[(u32, &[u8])]| {
        let dir = TempDir::new().unwrap();
        for (number, bytes) in files {
            fs::write(segment(&dir, *number), bytes).unwrap();
        }
        let store = open(dir.path());
        assert_eq!(traces(&store), [1, 2].into());
        let [damage] = store.damage() else { panic!("{:?}", store.damage()) };
        matches!(damage, Damage::Rot { .. })
    };
    assert!(!start(&[(1, &damaged)]), "nothing came later");
    assert!(start(&[(1, &damaged), (2, &format::header(2))]), "a start");
    assert!(start(&[(1, &[&damaged[..], b"x"].concat())]), "a write, of which one byte is left");
    let endless = [&damaged[..begins[2]], &vec![7; BLOCK + MAX_BODY + 1]].concat();
    assert!(start(&[(1, &endless)]), "more than one write");
}

#[test]
fn each_start_proves_what_the_one_before_it_wrote() {
    let (dir, file, mut bytes, begins) = three_blocks();
    // It reads, writes nothing, and is killed.
    drop(open(dir.path()));
    drop(open(dir.path()));
    assert!(!segment(&dir, 3).exists(), "a segment without blocks is used by the next start");
    bytes[begins[2] + BLOCK] ^= 1;
    fs::write(&file, &bytes).unwrap();
    for _ in 0..2 {
        let store = open(dir.path());
        assert_eq!(traces(&store), [1, 2].into());
        assert!(matches!(store.damage(), [Damage::Rot { .. }]), "{:?}", store.damage());
    }
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn a_segment_that_was_removed_by_hand_is_reported_and_the_others_are_served() {
    let (dir, ..) = three_blocks();
    for trace in 4..=6 {
        put(&open(dir.path()), vec![span(trace, 1), span(trace, 2)]);
    }
    fs::remove_file(segment(&dir, 2)).unwrap();
    fs::remove_file(segment(&dir, 3)).unwrap();
    let store = open(dir.path());
    assert_eq!(traces(&store), [1, 2, 3, 6].into());
    assert_eq!(store.damage(), [Damage::Missing { file: segment(&dir, 2), count: 2 }]);
    assert_eq!(put(&store, vec![span(9, 1), span(9, 2)]), new(2));
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
fn a_search_finds_traces_by_one_span_that_is_all_that_is_asked_for() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let mut failed = span(2, 3);
    failed.status = Status::Error("refused".into());
    failed.parent = Some(SpanId(77));
    let spans = vec![span(1, 1), span(1, 2), span(2, 1), span(2, 2), failed, span(3, 2)];
    put(&store, spans);
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
        fs::write(segment(&dir, 1), [head, bytes].concat()).unwrap();
        let store = open(dir.path());
        prop_assert_eq!(store.spans(), 0);
        prop_assert_eq!(put(&store, vec![span(1, 1)]), new(1));
    }
}

#[test]
fn a_span_whose_bytes_were_damaged_after_the_start_is_left_out() {
    let (dir, file, mut bytes, begins) = three_blocks();
    let store = open(dir.path());
    bytes[begins[1] + BLOCK + ENTRY] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert_eq!(store.trace(TraceId(2)).spans, [span(2, 2)]);
}

#[test]
fn of_a_long_trace_the_first_spans_are_shown_and_the_others_counted() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    // The later ones have the smaller ids.
    let late = |id: u64| Span { start: 1000 - id, end: 1000, ..span(1, id) };
    put(&store, (1..=100).map(late).collect());
    let len = |id: u64| (format::encode(&late(id)).unwrap().len() + ENTRY) as u64;
    let shown = |max: usize, bytes: u64| {
        let first = search::first_spans(&store.known(), TraceId(1), max, bytes);
        let shown = Shown::read(dir.path(), first);
        (shown.spans.iter().map(|span| span.id.0).collect::<Vec<_>>(), shown.more)
    };
    assert_eq!(shown(3, 1 << 20), (vec![100, 99, 98], 97));
    assert_eq!(shown(200, 1 << 20).1, 0);
    let two = len(100) + len(99);
    assert_eq!(shown(3, two), (vec![100, 99], 98));
    assert_eq!(shown(3, two - 1), (vec![100], 99));
}

//! Crashes at every operation of the disk: the power fails and what was not synced may be lost, or a process is
//! killed and the kernel still has it.

use lab::run::disk::{Disk as _, MemDisk};

use super::*;

const BATCHES: u128 = 8;

/// Two blocks fit into a segment.
const OPTIONS: Options =
    Options { segment: 350, bytes: 1 << 30, spans: 1000, age: Duration::from_secs(10) };

/// A store without a thread.
struct Direct {
    writer: Writer,
    index: Arc<RwLock<Index>>,
    damage: Vec<Damage>,
}

impl Direct {
    fn open(disk: &MemDisk) -> Result<Self, StoreError> {
        let dir = Path::new("data");
        let mut disk = Box::new(disk.clone());
        let recovered = recover::recover(dir, disk.as_mut(), &OPTIONS)?;
        let (all, is_unused) = (recovered.segments, recovered.last_is_unused);
        let segments = Segments::new(dir.to_owned(), disk, OPTIONS, all, is_unused)?;
        let index = Arc::new(RwLock::new(recovered.index));
        let writer = Writer::new(Arc::clone(&index), segments);
        Ok(Self { writer, index, damage: recovered.damage })
    }

    fn put(&mut self, trace: u128) -> Result<Stored, Refused> {
        let (reply, mut answer) = oneshot::channel();
        self.writer.commit(vec![Batch { spans: vec![span(trace, 1), span(trace, 2)], reply }]);
        answer.try_recv().unwrap()
    }

    /// The traces that are there, all of them whole.
    fn traces(&self) -> Vec<u128> {
        let index = self.index.read().unwrap();
        let mut traces: Vec<_> = index.began(0, u64::MAX).map(|id| id.0).collect();
        traces.reverse();
        for trace in &traces {
            assert_eq!(index.of_trace(TraceId(*trace)).count(), 2);
        }
        traces
    }

    /// A crash damages nothing but the last write.
    fn check(&self, acknowledged: u128, when: &str) {
        let traces = self.traces();
        assert!(traces.len() as u128 >= acknowledged, "{when}: {acknowledged} of {traces:?}");
        assert_eq!(traces, (1..=traces.len() as u128).collect::<Vec<_>>(), "{when}");
        let is_tail = |damage: &Damage| matches!(damage, Damage::Tail { .. });
        assert!(self.damage.iter().all(is_tail), "{when}: {:?}", self.damage);
    }
}

/// Stores one batch after the other, and says how many were acknowledged before the disk failed.
fn work(disk: &MemDisk) -> u128 {
    let Ok(mut store) = Direct::open(disk) else { return 0 };
    let acknowledged = (1..=BATCHES).take_while(|trace| store.put(*trace).is_ok()).count() as u128;
    if acknowledged == BATCHES {
        store.writer.close();
    }
    acknowledged
}

fn ops() -> u64 {
    let whole = MemDisk::new();
    assert_eq!(work(&whole), BATCHES);
    whole.ops()
}

#[test]
fn a_power_cut_at_any_operation_loses_no_batch_that_was_acknowledged() {
    for op in 1..=ops() + 1 {
        for seed in 0..30 {
            let when = format!("operation {op}, seed {seed}");
            let disk = MemDisk::new();
            disk.cut_power_at(op);
            let acknowledged = work(&disk);
            disk.restart(seed);
            // A second cut, in the recovery from the first.
            disk.cut_power_at(disk.ops() + 1 + seed % 12);
            drop(Direct::open(&disk));
            disk.restart(seed + 1000);
            let mut store = Direct::open(&disk).unwrap();
            store.check(acknowledged, &when);
            // What was not acknowledged is sent again, and is stored once.
            let there = store.traces();
            for trace in 1..=BATCHES {
                let is_new = !there.contains(&trace);
                assert_eq!(store.put(trace).unwrap().stored, 2 * usize::from(is_new), "{when}");
            }
            drop(store);
            disk.restart(seed);
            Direct::open(&disk).unwrap().check(BATCHES, &when);
        }
    }
}

#[test]
fn after_an_orderly_end_a_power_cut_leaves_nothing_to_repair() {
    for seed in 0..30 {
        let disk = MemDisk::new();
        work(&disk);
        disk.restart(seed);
        assert_eq!(Direct::open(&disk).unwrap().damage, []);
    }
}

/// What a killed process had written and not forced is still there for the next one, which calls it a duplicate:
/// so it has to force it before that.
#[test]
fn a_kill_at_any_operation_and_then_a_power_cut_lose_no_batch_that_was_acknowledged() {
    for op in 1..=ops() {
        for seed in 0..30 {
            let when = format!("operation {op}, seed {seed}");
            let disk = MemDisk::new();
            disk.cut_power_at(op);
            work(&disk);
            // The machine goes on.
            disk.cut_power_at(u64::MAX);
            let mut store = Direct::open(&disk).unwrap();
            for trace in 1..=BATCHES {
                store.put(trace).unwrap();
            }
            drop(store);
            disk.restart(seed);
            Direct::open(&disk).unwrap().check(BATCHES, &when);
        }
    }
}

#[test]
fn a_disk_that_fails_at_any_operation_stops_the_store_for_good() {
    for op in 1..=ops() {
        let disk = MemDisk::new();
        disk.fail_at(op);
        let acknowledged = match Direct::open(&disk) {
            Err(_) => 0,
            Ok(mut store) => {
                let answers: Vec<_> = (1..=BATCHES).map(|trace| store.put(trace).is_ok()).collect();
                let acknowledged = answers.iter().take_while(|ok| **ok).count();
                assert!(!answers[acknowledged..].contains(&true), "operation {op}: {answers:?}");
                acknowledged as u128
            }
        };
        disk.restart(op);
        Direct::open(&disk).unwrap().check(acknowledged, &format!("operation {op}"));
    }
}

/// The end of the last segment may be damage, so it is at every moment in one of two places.
#[test]
fn a_power_cut_while_the_tail_is_moved_loses_no_byte_of_it() {
    let disk = MemDisk::new();
    work(&disk);
    let mut reader = disk.clone();
    let name = segments::list(&mut reader).map(|all| segments::name(*all.last().unwrap())).unwrap();
    let whole = reader.read(&name).unwrap();
    // The orderly end, and the last byte of the block before it.
    let damaged = whole[..whole.len() - BLOCK - 1].to_vec();
    let second = format::block_end(&whole, 4, HEADER).unwrap();
    let tail = &damaged[second..];
    let planted = |disk: &MemDisk| disk.damage(&name, |bytes| *bytes = damaged.clone());
    planted(&disk);
    let recovery = disk.copy();
    Direct::open(&recovery).unwrap();
    for op in 1..=recovery.ops() {
        for seed in 0..30 {
            let disk = disk.copy();
            disk.cut_power_at(op);
            drop(Direct::open(&disk));
            disk.restart(seed);
            let mut disk = disk.clone();
            let is_in_place = disk.read(&name).unwrap() == damaged;
            let moved = disk.read(&format!("{name}.{second}.tail")).ok();
            assert!(is_in_place || moved.as_deref() == Some(tail), "operation {op}, seed {seed}");
        }
    }
}

#[test]
fn a_power_cut_while_old_segments_are_deleted_leaves_no_gap() {
    let full = MemDisk::new();
    work(&full);
    let old = |disk: &MemDisk| -> Result<Direct, StoreError> {
        let mut store = Direct::open(disk)?;
        store.writer.is_open_for(OPTIONS.age + Duration::from_nanos(1));
        store.writer.commit(vec![]);
        Ok(store)
    };
    let whole = full.copy();
    assert_eq!(old(&whole).unwrap().traces(), []);
    for op in 1..=whole.ops() {
        for seed in 0..30 {
            let disk = full.copy();
            disk.cut_power_at(op);
            drop(old(&disk));
            disk.restart(seed);
            let store = Direct::open(&disk).unwrap();
            assert_eq!(store.damage, [], "operation {op}, seed {seed}");
            let left = store.traces();
            assert!(left.last().is_none_or(|last| *last == BATCHES), "the oldest first: {left:?}");
        }
    }
}

//! Crashes at every operation, with records that are dropped while the log goes on.

use super::*;

#[derive(Clone)]
enum Event {
    Append(String),
    Discard(usize),
}

/// What was done to the log in one start, and how much of it is durable for sure, or may be.
#[derive(Default)]
struct History {
    events: Vec<Event>,
    sure: usize,
    tried: usize,
}

impl History {
    fn append(&mut self, wal: &mut Wal, record: String) -> Result<(), LogError> {
        wal.append(record.as_bytes())?;
        self.events.push(Event::Append(record));
        Ok(())
    }

    fn discard_before(&mut self, wal: &mut Wal, mark: Mark) {
        wal.discard_before(mark);
        self.events.push(Event::Discard(usize::try_from(mark.0).unwrap()));
    }

    fn sync(&mut self, wal: &mut Wal) -> Result<(), LogError> {
        self.tried = self.events.len();
        wal.sync()?;
        self.sure = self.tried;
        Ok(())
    }

    /// Exactly what recovery gives if so many events are durable.
    fn after(&self, events: usize) -> Vec<String> {
        let mut all = Vec::new();
        let mut keep = 0;
        for event in &self.events[..events] {
            match event {
                Event::Append(record) => all.push(record.clone()),
                Event::Discard(mark) => keep = *mark,
            }
        }
        all.split_off(keep)
    }

    fn check(&self, records: &[Vec<u8>], when: &str) {
        let records = text(records);
        let possible = [self.after(self.sure), self.after(self.tried)];
        assert!(possible.contains(&records), "{when}: {records:?} is none of {possible:?}");
    }
}

/// Two snapshots, each of several records, with other records in between. The first one is dropped
/// to in a frame of its own, the second one together with records; both free whole segments.
fn scenario(disk: &MemDisk) -> (History, Result<(), LogError>) {
    let mut history = History::default();
    let mut work = || -> Result<(), LogError> {
        let mut wal = recover(disk)?.wal;
        let mut mark = wal.mark();
        for i in 0..24 {
            if i % 12 == 4 {
                mark = wal.mark();
            }
            let chunk = (4..10).contains(&(i % 12)) && i % 2 == 0;
            history.append(
                &mut wal,
                if chunk { format!("chunk {i}") } else { format!("record {i}") },
            )?;
            if i == 10 {
                history.sync(&mut wal)?;
                history.discard_before(&mut wal, mark);
                history.sync(&mut wal)?;
            } else if i == 22 {
                history.discard_before(&mut wal, mark);
            } else if i % 3 != 0 {
                history.sync(&mut wal)?;
            }
        }
        history.sync(&mut wal)?;
        wal.close()
    };
    let result = work();
    (history, result)
}

#[test]
fn from_a_mark_on_nothing_is_lost_and_before_it_nothing_comes_back() {
    let disk = MemDisk::new();
    let (history, end) = scenario(&disk);
    end.unwrap();
    let first = files(&disk)[0].0.clone();
    assert!(first > segment_name(3), "{first} is the oldest segment that is left");
    let recovered = recover(&disk).unwrap();
    assert_eq!(text(&recovered.records), history.after(history.events.len()));
    assert_eq!(recovered.records[0], b"chunk 16");
}

#[test]
fn a_mark_and_what_is_dropped_cost_no_operation_and_one_fsync_makes_all_durable() {
    let disk = MemDisk::new();
    let roomy = Options { segment: 1 << 16, ..Options::default() };
    let mut wal = Wal::recover(Box::new(disk.clone()), US, roomy).unwrap().wal;
    wal.append(b"old").unwrap();
    wal.sync().unwrap();
    let (ops, syncs) = (disk.ops(), wal.syncs());
    let mark = wal.mark();
    assert!(!wal.is_dirty());
    wal.append(b"new").unwrap();
    wal.discard_before(mark);
    assert_eq!(disk.ops(), ops);
    wal.sync().unwrap();
    assert_eq!((disk.ops(), wal.syncs()), (ops + 2, syncs + 1));

    wal.discard_before(wal.mark());
    assert!(wal.is_dirty(), "that it is dropped is not durable yet");
    wal.discard_before(mark);
    wal.sync().unwrap();
    assert!(!wal.is_dirty());
    assert_eq!(recover(&disk).unwrap().records, [[0; 0]; 0], "an older mark changes nothing");
}

#[test]
fn a_power_cut_at_any_operation_keeps_everything_acknowledged() {
    let whole = MemDisk::new();
    scenario(&whole).1.unwrap();
    let mut starts = 0;
    for op in 1..=whole.ops() {
        for seed in 0..40 {
            let when = format!("op {op} seed {seed}");
            let disk = MemDisk::new();
            disk.cut_power_at(op);
            let (history, _) = scenario(&disk);
            disk.restart(seed);
            // A second cut, in the recovery from the first.
            disk.cut_power_at(disk.ops() + 1 + seed % 16);
            drop(recover(&disk));
            disk.restart(seed + 1000);
            let recovered = recover(&disk).unwrap_or_else(|e| panic!("{when}: {e}"));
            history.check(&recovered.records, &when);
            starts = starts.max(recovered.start);
            // It goes on as if nothing had been.
            let mut wal = recovered.wal;
            wal.discard_before(wal.mark());
            for _ in 0..10 {
                wal.append(b"after").unwrap();
                wal.sync().unwrap();
            }
            let records = recover(&disk).unwrap_or_else(|e| panic!("{when}, after: {e}")).records;
            assert_eq!(text(&records), ["after"; 10], "{when}");
        }
    }
    assert_eq!(starts, 3);
}

#[test]
fn a_failed_operation_stops_the_log_for_good() {
    let whole = MemDisk::new();
    scenario(&whole).1.unwrap();
    for op in 1..=whole.ops() {
        for seed in 0..10 {
            let disk = MemDisk::new();
            disk.fail_at(op);
            let (history, end) = scenario(&disk);
            assert!(end.is_err(), "no error is swallowed");
            disk.restart(seed);
            history.check(&recover(&disk).unwrap().records, &format!("op {op} seed {seed}"));
        }
    }
}

#[test]
fn a_flipped_bit_never_brings_back_a_part_of_what_was_dropped() {
    let disk = MemDisk::new();
    let (history, _) = scenario(&disk);
    let all = history.after(history.events.len());
    for (name, bytes) in files(&disk) {
        for bit in 0..bytes.len() * 8 {
            let disk = disk.copy();
            disk.damage(&name, |b| b[bit / 8] ^= 1 << (bit % 8));
            // The orderly end vouches for the last frame, so nothing of it can be lost.
            if let Ok(recovered) = recover(&disk) {
                assert_eq!(text(&recovered.records), all, "{name} bit {bit}");
            }
        }
    }
}

#[test]
fn a_segment_that_still_counts_is_missed_and_one_that_does_not_may_come_back() {
    let old = MemDisk::new();
    let mut wal = recover(&old).unwrap().wal;
    let mut kept = Vec::new();
    for i in 0..20 {
        if i == 10 {
            wal.discard_before(wal.mark());
        }
        wal.append(format!("record {i}").as_bytes()).unwrap();
        // As they were while their segment was written, for a crash to bring them back.
        kept.extend(files(&old));
        wal.sync().unwrap();
    }
    let there = files(&old);
    let before: Vec<_> = kept.into_iter().filter(|(n, _)| *n < there[0].0).collect();
    for (name, bytes) in &before {
        let disk = old.copy();
        disk.plant(name, bytes.clone());
        assert_eq!(text(&recover(&disk).unwrap().records), numbered(10..20), "{name} is back");
        assert!(files(&disk)[0].0 > *name, "and is removed");
    }
    assert!(!before.is_empty());
    for (name, _) in &there[..there.len() - 1] {
        let mut disk = old.copy();
        disk.remove(name).unwrap();
        let error = recover(&disk).err().expect("refused");
        assert!(matches!(&error, LogError::Missing { file } if file == name), "{error}");
    }
}

#[test]
fn a_log_that_is_dropped_behind_itself_stays_short() {
    let disk = MemDisk::new();
    let mut wal = recover(&disk).unwrap().wal;
    for round in 0..200 {
        let mark = wal.mark();
        for part in 0..4 {
            wal.append(format!("{round} {part}").as_bytes()).unwrap();
            wal.sync().unwrap();
        }
        wal.discard_before(mark);
        assert!(files(&disk).len() <= 6, "{:?}", files(&disk).len());
        if round % 50 == 49 {
            wal.sync().unwrap();
            let recovered = recover(&disk).unwrap();
            assert_eq!(recovered.records.len(), 4);
            wal = recovered.wal;
        }
    }
}

#[test]
fn what_one_start_was_given_survives_a_power_cut_before_the_next() {
    for seed in 0..40 {
        let disk = MemDisk::new();
        let mut wal = recover(&disk).unwrap().wal;
        wal.append(b"written, not synced").unwrap();
        // The process dies between its write and its sync; the kernel runs on and keeps the bytes.
        disk.cut_power_at(disk.ops() + 2);
        wal.sync().unwrap_err();
        disk.cut_power_at(u64::MAX);
        let given = recover(&disk).unwrap().records;
        assert_eq!(given.len(), 1);
        disk.restart(seed);
        assert_eq!(recover(&disk).unwrap().records, given);
    }
}

#[test]
fn a_start_number_is_never_given_twice() {
    let whole = MemDisk::new();
    drop(recover(&whole).unwrap());
    for op in 1..=whole.ops() + 1 {
        for seed in 0..20 {
            let disk = MemDisk::new();
            disk.cut_power_at(op);
            let first = recover(&disk).map_or(0, |r| r.start);
            disk.restart(seed);
            assert!(recover(&disk).unwrap().start > first);
        }
    }
}

//! What the log promises, tried at every byte, every bit and every operation.

use proptest::prelude::*;

use super::*;
use crate::run::disk::MemDisk;

const US: Identity = Identity { cluster: 7, node: 3 };
const SMALL: Options = Options { segment: 176 };

fn recover(disk: &MemDisk) -> Result<Recovered, LogError> {
    Wal::recover(Box::new(disk.clone()), US, SMALL)
}

fn text(records: &[Vec<u8>]) -> Vec<String> {
    records.iter().map(|r| String::from_utf8_lossy(r).into_owned()).collect()
}

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("record {i}")).collect()
}

/// Two starts; frames of one and of two records; several segments. Ten records, the last frame
/// holds the last two.
fn small_log() -> MemDisk {
    let disk = MemDisk::new();
    let mut wal = recover(&disk).unwrap().wal;
    for i in 0..6 {
        wal.append(format!("record {i}").as_bytes()).unwrap();
        wal.sync().unwrap();
    }
    drop(wal);
    let mut wal = recover(&disk).unwrap().wal;
    for i in 6..10 {
        wal.append(format!("record {i}").as_bytes()).unwrap();
        if i % 2 == 1 {
            wal.sync().unwrap();
        }
    }
    disk
}

fn files(disk: &MemDisk) -> Vec<(String, Vec<u8>)> {
    let mut disk = disk.clone();
    let names = disk.list().unwrap();
    names.into_iter().map(|n| (n.clone(), disk.read(&n).unwrap())).collect()
}

#[test]
fn what_was_synced_comes_back_in_order_and_starts_are_counted() {
    let disk = small_log();
    assert!(files(&disk).len() > 2, "the small log has several segments");
    let recovered = recover(&disk).unwrap();
    assert_eq!(text(&recovered.records), numbered(0..10));
    assert_eq!((recovered.start, recovered.torn), (3, None));
}

#[test]
fn one_sync_is_one_frame_however_many_records_wait() {
    let disk = MemDisk::new();
    let mut wal = recover(&disk).unwrap().wal;
    for i in 0..100 {
        wal.append(&[i]).unwrap();
    }
    wal.sync().unwrap();
    wal.sync().unwrap();
    assert_eq!(wal.syncs(), 1);
}

#[test]
fn a_tail_torn_at_any_byte_leaves_a_prefix() {
    let disk = small_log();
    let (last, bytes) = files(&disk).pop().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for cut in HEADER..bytes.len() {
        let disk = disk.copy();
        disk.damage(&last, |b| b[cut..].fill(0));
        let recovered = recover(&disk).unwrap();
        let n = recovered.records.len();
        assert_eq!(text(&recovered.records), numbered(0..n));
        seen.insert(n);
        // What one start has read, the next one reads as well, and calls it whole.
        drop(recovered.wal);
        let again = recover(&disk).unwrap();
        assert_eq!((again.records.len(), again.torn), (n, None));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [6, 8, 10]);
}

#[test]
fn a_file_that_got_shorter_is_refused_at_every_length() {
    let disk = small_log();
    let (last, bytes) = files(&disk).pop().unwrap();
    for len in 0..bytes.len() {
        let disk = disk.copy();
        disk.damage(&last, |b| b.truncate(len));
        let error = recover(&disk).err().expect("refused");
        assert!(matches!(error, LogError::Damaged { .. }), "{len}: {error}");
    }
}

#[test]
fn any_flipped_bit_is_refused_or_costs_only_the_last_frame() {
    let disk = small_log();
    let mut dropped = 0;
    let (last, _) = files(&disk).pop().unwrap();
    for (name, bytes) in files(&disk) {
        for bit in 0..bytes.len() * 8 {
            let disk = disk.copy();
            disk.damage(&name, |b| b[bit / 8] ^= 1 << (bit % 8));
            match recover(&disk) {
                Ok(recovered) => {
                    let n = recovered.records.len();
                    assert_eq!(text(&recovered.records), numbered(0..n));
                    if n < 10 {
                        // The documented exception: rot in the very last frame looks torn.
                        assert_eq!((n, &name), (8, &last), "bit {bit}");
                        assert!(recovered.torn.is_some());
                        dropped += 1;
                    }
                }
                Err(LogError::Damaged { file, .. }) => assert_eq!(file, name),
                Err(LogError::Version { .. } | LogError::Foreign { .. }) => {
                    panic!("the header's checksum comes first")
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert_eq!(dropped, 8 * (EMPTY + 2 * (4 + "record 8".len())));
}

#[test]
fn after_an_orderly_end_or_a_new_start_every_bit_of_every_record_is_guarded() {
    let closed = small_log();
    recover(&closed).unwrap().wal.close().unwrap();
    let restarted = small_log();
    drop(recover(&restarted).unwrap().wal);
    for disk in [closed, restarted] {
        for (name, bytes) in files(&disk) {
            for bit in 0..bytes.len() * 8 {
                let disk = disk.copy();
                disk.damage(&name, |b| b[bit / 8] ^= 1 << (bit % 8));
                if let Ok(recovered) = recover(&disk) {
                    assert_eq!(text(&recovered.records), numbered(0..10), "{name} bit {bit}");
                }
            }
        }
    }
}

#[test]
fn a_removed_segment_in_front_or_in_the_middle_is_missed() {
    let disk = small_log();
    let names: Vec<_> = files(&disk).into_iter().map(|(n, _)| n).collect();
    for name in &names[..names.len() - 1] {
        let mut disk = disk.copy();
        disk.remove(name).unwrap();
        let error = recover(&disk).err().expect("refused");
        assert!(matches!(&error, LogError::Missing { file } if file == name), "{error}");
    }
}

#[test]
fn the_directory_of_another_node_or_cluster_is_refused() {
    let disk = small_log();
    for theirs in [Identity { cluster: 8, ..US }, Identity { node: 4, ..US }] {
        let error = Wal::recover(Box::new(disk.clone()), theirs, SMALL).err().expect("refused");
        assert!(matches!(&error, LogError::Foreign { found, .. } if *found == US), "{error}");
    }
}

/// A life that appends, syncs, and checkpoints in the middle. Tells what was acknowledged: the
/// newest number that a restart must know, and the newest it may know.
fn live(disk: &MemDisk) -> (usize, usize, Result<(), LogError>) {
    let mut sure = 0;
    let mut possible = 0;
    let mut work = || -> Result<(), LogError> {
        let mut wal = recover(disk)?.wal;
        for i in 0..8 {
            possible = i + 1;
            if i % 5 == 3 {
                wal.checkpoint(format!("all below {}", i + 1).as_bytes())?;
            } else {
                wal.append(format!("record {i}").as_bytes())?;
                if i % 3 == 0 {
                    continue;
                }
                wal.sync()?;
            }
            sure = i + 1;
        }
        wal.close()
    };
    let result = work();
    (sure, possible, result)
}

/// What a fold over the records knows: the numbers below which everything is there.
fn known(records: &[Vec<u8>]) -> usize {
    let mut known = 0;
    for (i, record) in text(records).iter().enumerate() {
        if let Some(n) = record.strip_prefix("all below ") {
            assert_eq!(i, 0, "a checkpoint replaces what was before it");
            known = n.parse().unwrap();
        } else {
            assert_eq!(*record, format!("record {known}"));
            known += 1;
        }
    }
    known
}

#[test]
fn a_power_cut_at_any_operation_keeps_everything_acknowledged() {
    let whole = MemDisk::new();
    live(&whole).2.unwrap();
    let mut starts = 0;
    for op in 1..=whole.ops() {
        for seed in 0..40 {
            let disk = MemDisk::new();
            disk.cut_power_at(op);
            let (sure, possible, _) = live(&disk);
            disk.restart(seed);
            // A second cut, in the recovery from the first.
            disk.cut_power_at(disk.ops() + 1 + seed % 12);
            drop(recover(&disk));
            disk.restart(seed + 1000);
            let recovered = recover(&disk).unwrap_or_else(|e| panic!("op {op} seed {seed}: {e}"));
            let known = known(&recovered.records);
            assert!((sure..=possible).contains(&known), "{sure} <= {known} <= {possible}");
            starts = starts.max(recovered.start);
        }
    }
    assert_eq!(starts, 3);
}

#[test]
fn a_failed_operation_stops_the_log_for_good() {
    let whole = MemDisk::new();
    live(&whole).2.unwrap();
    for op in 1..=whole.ops() {
        for seed in 0..10 {
            let disk = MemDisk::new();
            disk.fail_at(op);
            let (sure, possible, end) = live(&disk);
            assert!(end.is_err(), "no error is swallowed");
            disk.restart(seed);
            let known = known(&recover(&disk).unwrap().records);
            assert!((sure..=possible).contains(&known), "{sure} <= {known} <= {possible}");
        }
    }
}

#[test]
fn after_a_failed_sync_not_even_a_working_disk_gets_another_try() {
    let disk = MemDisk::new();
    let mut wal = recover(&disk).unwrap().wal;
    wal.append(b"one").unwrap();
    disk.fail_at(disk.ops() + 2);
    assert!(matches!(wal.sync(), Err(LogError::Io { doing: "sync", .. })));
    assert!(matches!(wal.sync(), Err(LogError::Stopped)));
    assert!(matches!(wal.checkpoint(b"two"), Err(LogError::Stopped)));
}

#[test]
fn what_one_start_was_given_survives_a_power_cut_before_the_next() {
    for seed in 0..40 {
        let disk = MemDisk::new();
        let mut wal = recover(&disk).unwrap().wal;
        wal.append(b"written, not synced").unwrap();
        // The process dies between its write and its sync; the kernel lives and keeps the bytes.
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

#[test]
fn a_record_longer_than_a_segment_gets_one_of_its_size() {
    let disk = MemDisk::new();
    let mut wal = recover(&disk).unwrap().wal;
    let long = vec![b'x'; 5000];
    wal.append(&long).unwrap();
    wal.sync().unwrap();
    wal.checkpoint(&long).unwrap();
    assert!(matches!(wal.append(&vec![0; MAX_BODY]), Err(LogError::TooLong { .. })));
    assert_eq!(recover(&disk).unwrap().records, [long]);
}

proptest! {
    #[test]
    fn any_bytes_as_a_segment_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let disk = MemDisk::new();
        disk.plant(&segment_name(1), bytes);
        prop_assert!(recover(&disk).is_err());
    }

    #[test]
    fn any_bytes_behind_a_good_header_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        keep in HEADER..176usize,
    ) {
        let disk = small_log();
        let (last, _) = files(&disk).pop().unwrap();
        disk.damage(&last, |b| {
            b.truncate(keep);
            b.extend_from_slice(&bytes);
        });
        if let Ok(recovered) = recover(&disk) {
            let n = recovered.records.len();
            prop_assert_eq!(text(&recovered.records), numbered(0..n));
        }
    }
}

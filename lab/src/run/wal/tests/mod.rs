//! What the log promises, tried at every byte, every bit and every operation.

mod power;

use proptest::prelude::*;

use super::*;
use crate::run::disk::MemDisk;

const US: Identity = Identity { cluster: 7, node: 3 };
/// Room for four or five frames.
const SMALL: Options = Options { segment: 320, least_start: 1 };

fn recover(disk: &MemDisk) -> Result<Recovered, LogError> {
    Wal::recover(Box::new(disk.clone()), US, SMALL)
}

fn text(records: &[Vec<u8>]) -> Vec<String> {
    records.iter().map(|r| String::from_utf8_lossy(r).into_owned()).collect()
}

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| format!("record {i}")).collect()
}

/// Two starts; frames of one and of two records; several segments, and one that is prepared. Ten
/// records, the last frame holds the last two.
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

/// The last segment that is used, and the one that was prepared behind it.
fn ends(disk: &MemDisk) -> [(String, Vec<u8>); 2] {
    files(disk).into_iter().skip(2).collect::<Vec<_>>().try_into().expect("four segments")
}

#[test]
fn what_was_synced_comes_back_in_order_and_starts_are_counted() {
    let disk = small_log();
    let [_, (_, prepared)] = ends(&disk);
    assert!(prepared[HEADER..].iter().all(|&b| b == 0), "nothing is written there yet");
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
    let [(last, bytes), _] = ends(&disk);
    let mut seen = std::collections::BTreeSet::new();
    // The first frame of a start is the proof that it has begun.
    for cut in HEADER + EMPTY..bytes.len() {
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
fn a_first_frame_torn_at_any_byte_leaves_what_was_before_it() {
    let disk = small_log();
    let mut wal = recover(&disk).unwrap().wal;
    while wal.number == 4 {
        wal.append(b"the last write opens a segment").unwrap();
        wal.sync().unwrap();
    }
    let (last, bytes) = files(&disk).pop().unwrap();
    let all = recover(&disk.copy()).unwrap().records;
    for cut in HEADER..wal.at as usize {
        let disk = disk.copy();
        disk.damage(&last, |b| b[cut..].fill(0));
        let recovered = recover(&disk).unwrap();
        assert_eq!(recovered.records, all[..all.len() - 1]);
        assert_eq!(recovered.torn.is_some(), bytes[HEADER..cut].iter().any(|&b| b != 0));
        drop(recovered.wal);
        assert_eq!(recover(&disk).unwrap().torn, None);
    }
}

#[test]
fn a_file_that_got_shorter_is_refused_at_every_length() {
    let disk = small_log();
    for (name, bytes) in ends(&disk) {
        for len in 0..bytes.len() {
            let disk = disk.copy();
            disk.damage(&name, |b| b.truncate(len));
            let error = recover(&disk).err().expect("refused");
            assert!(matches!(error, LogError::Damaged { .. }), "{name} {len}: {error}");
        }
    }
}

#[test]
fn any_flipped_bit_is_refused_or_costs_only_the_last_frame() {
    let disk = small_log();
    let mut dropped = 0;
    let [(last, _), _] = ends(&disk);
    for (name, bytes) in files(&disk) {
        for bit in 0..bytes.len() * 8 {
            let disk = disk.copy();
            disk.damage(&name, |b| b[bit / 8] ^= 1 << (bit % 8));
            match recover(&disk) {
                Ok(recovered) => {
                    let n = recovered.records.len();
                    assert_eq!(text(&recovered.records), numbered(0..n));
                    assert_eq!(recovered.start, 3, "no rot gives a start number twice");
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
                    assert_eq!(recovered.start, 4, "{name} bit {bit}");
                }
            }
        }
    }
}

/// Damage that reaches from a byte to the end of all that was written, whatever it consists of.
#[test]
fn after_an_orderly_end_a_damaged_end_is_refused_from_every_byte_on() {
    let disk = small_log();
    recover(&disk).unwrap().wal.close().unwrap();
    let (last, bytes) =
        files(&disk).into_iter().rfind(|(_, b)| b[HEADER..].iter().any(|&b| b != 0)).unwrap();
    for from in HEADER..bytes.len() {
        for how in [0, 0xaa, 0xff] {
            let disk = disk.copy();
            disk.damage(&last, |b| b[from..].fill(how));
            if files(&disk).iter().any(|(name, now)| *name == last && *now == bytes) {
                continue;
            }
            let error = recover(&disk).err().unwrap_or_else(|| panic!("byte {from}, {how:#x}"));
            assert!(matches!(error, LogError::Damaged { .. }), "byte {from}: {error}");
        }
        let disk = disk.copy();
        disk.damage(&last, |b| b.truncate(from));
        assert!(recover(&disk).is_err(), "cut at {from}");
    }
}

/// Without an orderly end a torn write looks like damage at its end. Behind it there are zeros, though.
#[test]
fn after_a_kill_damage_that_reaches_beyond_its_frame_is_refused() {
    let disk = small_log();
    let [(last, bytes), _] = ends(&disk);
    let written = bytes.iter().rposition(|&b| b != 0).unwrap() + 1;
    let tail = EMPTY + 2 * (4 + "record 8".len());
    for from in written - tail + FRAME..written {
        let disk = disk.copy();
        disk.damage(&last, |b| b[from..written + 1].fill(0xaa));
        let error = recover(&disk).err().unwrap_or_else(|| panic!("byte {from}"));
        assert!(matches!(error, LogError::Damaged { .. }), "byte {from}: {error}");
    }
}

#[test]
fn no_flipped_bit_gives_a_start_number_twice() {
    let disk = MemDisk::new();
    for start in 1..4 {
        assert_eq!(recover(&disk).unwrap().start, start);
        for (name, bytes) in files(&disk) {
            for bit in 0..bytes.len() * 8 {
                let disk = disk.copy();
                disk.damage(&name, |b| b[bit / 8] ^= 1 << (bit % 8));
                if let Ok(recovered) = recover(&disk) {
                    assert_eq!(recovered.start, start + 1, "{name} bit {bit}");
                }
            }
        }
    }
}

#[test]
fn a_removed_segment_is_missed() {
    let disk = small_log();
    let names: Vec<_> = files(&disk).into_iter().map(|(n, _)| n).collect();
    // Even the last one that is used: the one prepared behind it misses it.
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

#[test]
fn after_a_failed_sync_not_even_a_working_disk_gets_another_try() {
    let disk = MemDisk::new();
    let mut wal = recover(&disk).unwrap().wal;
    wal.append(b"one").unwrap();
    disk.fail_at(disk.ops() + 2);
    assert!(matches!(wal.sync(), Err(LogError::Io { doing: "sync", .. })));
    assert!(matches!(wal.sync(), Err(LogError::Stopped)));
    wal.append(b"two").unwrap();
    assert!(matches!(wal.close(), Err(LogError::Stopped)));
}

#[test]
fn a_record_longer_than_a_segment_gets_one_of_its_size() {
    let disk = MemDisk::new();
    let mut wal = recover(&disk).unwrap().wal;
    let long = vec![b'x'; 5000];
    for record in [&long[..], b"short", &long[..]] {
        wal.append(record).unwrap();
        wal.sync().unwrap();
    }
    assert_eq!(recover(&disk).unwrap().records, [&long[..], b"short", &long[..]]);
}

#[test]
fn the_longest_record_fits_and_a_longer_one_is_refused() {
    let disk = MemDisk::new();
    let mut wal = recover(&disk).unwrap().wal;
    wal.append(&vec![1; MAX_ENTRY]).unwrap();
    wal.append(b"in a frame of its own").unwrap();
    assert!(matches!(wal.append(&vec![0; MAX_ENTRY + 1]), Err(LogError::TooLong { .. })));
    wal.sync().unwrap();
    let lens: Vec<_> = recover(&disk).unwrap().records.iter().map(Vec::len).collect();
    assert_eq!(lens, [MAX_ENTRY, 21]);
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
        keep in HEADER..320usize,
        which in 0..2usize,
    ) {
        let disk = small_log();
        let (last, _) = ends(&disk)[which].clone();
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

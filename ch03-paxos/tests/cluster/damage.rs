//! Damage on the disk of a replica: what it wrote in a run, with the power cut at every operation and
//! every byte changed.

use std::sync::Arc;

use ch03_paxos::client::{COUNTER, StoreClient};
use ch03_paxos::group::{AnyNode, Group, Paxos};
use ch03_paxos::replicated_kv::{Config, Replica};
use ch03_paxos::types::kv::{Blob, Op, Record as Kept};
use ch03_paxos::types::log::Slot;
use ch03_paxos::types::{Ballot, Record};
use ch03_paxos::worlds::{PROPOSERS, REPLICAS};
use lab::NodeId;
use lab::explore::Model;
use lab::run::disk::{Disk, MemDisk};
use lab::run::wal::{Identity, LogError, Options, Recovered, Wal};
use lab::sim::{self, Fault, FaultSchedule};
use lab::world::{Event, Role};

/// Whose log it is.
const AT: NodeId = REPLICAS[1];
const IDENTITY: Identity = Identity { cluster: 7, node: AT.0 };
/// Several segments, in a run as short as this one.
const LOG: Options = Options { segment: 1024, least_start: 1 };
/// How many draws of what is left of unsynced sectors, for each operation.
const DRAWS: u64 = 12;

/// The records of one replica, in the order in which they became durable.
fn observe(records: &mut Arc<Vec<Record>>, at: NodeId, event: &Event<'_, Paxos>) {
    if let (AT, Event::Persist(record)) = (at, event) {
        Arc::make_mut(records).push((*record).clone());
    }
}

/// What `replica-2` writes in a run with two leaders: a follower's records, and a leader's.
fn recorded() -> Vec<Record> {
    let group = Group::new(&REPLICAS);
    let clients = (0..2).map(|i| {
        let ops = (0..12).map(|_| Op::Increment { key: Blob::new(COUNTER) });
        let client = StoreClient::new(&group, 1, ops).in_a_session();
        Role::new(PROPOSERS[i], ["web-1", "web-2"][i], "client", AnyNode::new(client))
    });
    let names = ["replica-1", "replica-2", "replica-3"];
    let replicas = REPLICAS.into_iter().zip(names).map(|(id, name)| {
        let replica = Replica::new(group.clone(), Config::default());
        Role::new(id, name, "replica", AnyNode::new(replica)).may_crash()
    });
    let roles = clients.chain(replicas).collect();
    let world: Model<Paxos, Vec<Record>> = Model { observe, goal: |_| false, ..Model::new(roles) };
    let crash = |node, at| Fault::Crash { node, at, back: None, wiped: false, forget: 0 };
    let faults = vec![crash(REPLICAS[0], 40_000)];
    let schedule = FaultSchedule { faults, end: 2_000_000, ..FaultSchedule::none() };
    let records = sim::run(&world, &schedule, 1).world.ghost().clone();
    let other =
        |record: &Record| matches!(record, Record::Promised(ballot) if ballot.node != REPLICAS[0]);
    assert!(records.len() > 25 && records.iter().any(other), "{} records", records.len());
    records
}

/// Writes records into a log, one fsync for some of them. Gives how many were acknowledged: their fsync
/// returned.
fn write(disk: &MemDisk, records: &[Record], closes: bool) -> (usize, Result<(), LogError>) {
    let mut acknowledged = 0;
    let mut work = || {
        let mut wal = recover(disk)?.wal;
        for group in records.chunks(3) {
            for record in group {
                wal.append(&postcard::to_allocvec(record).expect("a record"))?;
            }
            wal.sync()?;
            acknowledged += group.len();
        }
        if closes { wal.close() } else { Ok(()) }
    };
    let end = work();
    (acknowledged, end)
}

fn recover(disk: &MemDisk) -> Result<Recovered, LogError> {
    Wal::recover(Box::new(disk.clone()), IDENTITY, LOG)
}

/// The records that a log gives back.
fn read(recovered: &Recovered) -> Vec<Record> {
    let record = |bytes: &Vec<u8>| postcard::from_bytes(bytes).expect("a record is whole");
    recovered.records.iter().map(record).collect()
}

/// What binds a replica: its promises, and the entries that it accepted.
fn binds(records: &[Record]) -> (Option<Ballot>, Vec<(Slot, Ballot)>) {
    let ballot = |record: &Record| match record {
        Record::Promised(ballot) | Record::Kv(Kept::Accepted { ballot, .. }) => Some(*ballot),
        _ => None,
    };
    let accepted = |record: &Record| match record {
        Record::Kv(Kept::Accepted { slot, ballot, .. }) => Some((*slot, *ballot)),
        _ => None,
    };
    (records.iter().filter_map(ballot).max(), records.iter().filter_map(accepted).collect())
}

#[test]
fn a_power_cut_at_any_write_loses_no_acknowledged_entry() {
    let records = recorded();
    let whole = MemDisk::new();
    write(&whole, &records, true).1.expect("nothing fails");
    let mut torn = 0;
    for op in 1..=whole.ops() {
        for draw in 0..DRAWS {
            let disk = MemDisk::new();
            disk.cut_power_at(op);
            let (acknowledged, _) = write(&disk, &records, true);
            disk.restart(draw);
            let recovered = recover(&disk).unwrap_or_else(|why| panic!("{op}, {draw}: {why}"));
            torn += usize::from(recovered.torn.is_some());
            let found = read(&recovered);
            assert!(found.len() >= acknowledged, "{op}, {draw}: an acknowledged record is gone");
            assert_eq!(found, records[..found.len()], "{op}, {draw}: no prefix");
            let ((promised, accepted), (least, all)) =
                (binds(&found), binds(&records[..acknowledged]));
            assert!(promised >= least && accepted.starts_with(&all), "{op}, {draw}: it is free");
        }
    }
    assert!(torn > 0, "no write was torn: then nothing was tried");
}

/// After an orderly end the log vouches for all that is in it. Room that is not used holds nothing.
#[test]
fn a_changed_byte_is_refused_or_changes_nothing() {
    let records = recorded();
    let disk = MemDisk::new();
    write(&disk, &records, true).1.expect("nothing fails");
    let (mut refused, mut harmless) = (0, 0);
    for (file, len) in files(&disk) {
        for byte in 0..len {
            let disk = disk.copy();
            disk.damage(&file, |bytes| bytes[byte] ^= 1 << (byte % 8));
            match recover(&disk) {
                Ok(recovered) => {
                    assert_eq!(read(&recovered), records, "{file}, byte {byte}: cut short");
                    harmless += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > harmless, "refused {refused} times, harmless {harmless} times");
}

/// After a kill, one frame is left for which nothing vouches: rot there looks like a torn write. All
/// before it is refused.
#[test]
fn after_a_kill_only_the_last_write_can_be_mistaken_for_a_torn_one() {
    let records = recorded();
    let disk = MemDisk::new();
    write(&disk, &records, false).1.expect("nothing fails");
    let before_the_last = (records.len() - 1) / 3 * 3;
    let (mut refused, mut mistaken) = (0, 0);
    for (file, len) in files(&disk) {
        for byte in 0..len {
            let disk = disk.copy();
            disk.damage(&file, |bytes| bytes[byte] ^= 1 << (byte % 8));
            match recover(&disk) {
                Ok(recovered) => {
                    let found = read(&recovered);
                    assert!(found.len() >= before_the_last, "{file}, byte {byte}: {}", found.len());
                    assert_eq!(found, records[..found.len()], "{file}, byte {byte}: no prefix");
                    mistaken += usize::from(found.len() < records.len());
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(mistaken > 0 && refused > mistaken, "mistaken {mistaken} times, refused {refused}");
}

/// What most programs do: cuts the log where its first damage is, and goes on with what is before.
fn recover_by_cutting(disk: &MemDisk) -> Option<Recovered> {
    let Err(LogError::Damaged { file, at, .. }) = recover(disk) else { return None };
    let behind = files(disk).into_iter().filter(|(name, _)| *name > file);
    let mut cut = disk.clone();
    behind.for_each(|(name, _)| cut.remove(&name).expect("it is there"));
    disk.damage(&file, |bytes| bytes[usize::try_from(at).expect("a place")..].fill(0));
    recover(disk).ok()
}

/// The mutant of a log: it takes bit rot for a torn tail. An entry that this replica said it had accepted
/// is gone, and its next promise does not tell of it.
#[test]
fn a_log_that_is_cut_at_its_damage_forgets_votes_that_were_counted() {
    let records = recorded();
    let disk = MemDisk::new();
    write(&disk, &records, false).1.expect("nothing fails");
    let (_, all) = binds(&records);
    let (mut tried, mut forgot) = (0, 0);
    for (file, len) in files(&disk) {
        for byte in 0..len {
            let disk = disk.copy();
            disk.damage(&file, |bytes| bytes[byte] ^= 1 << (byte % 8));
            let Some(recovered) = recover_by_cutting(&disk) else { continue };
            tried += 1;
            forgot += usize::from(binds(&read(&recovered)).1.len() < all.len());
        }
    }
    assert!(forgot > 100 && tried >= forgot, "forgot {forgot} times of {tried}");
}

/// What an operator reads.
#[test]
fn a_refusal_names_the_file_the_byte_and_what_to_do() {
    let disk = MemDisk::new();
    write(&disk, &recorded(), true).1.expect("nothing fails");
    let (file, _) = files(&disk).remove(0);
    disk.damage(&file, |bytes| bytes[200] ^= 1);
    let why = recover(&disk).err().expect("refused").to_string();
    for part in [&file, "is damaged at byte", "acknowledged records may be lost", "from a copy"] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

fn files(disk: &MemDisk) -> Vec<(String, usize)> {
    let mut disk = disk.clone();
    let names = disk.list().expect("a list");
    names.into_iter().map(|name| (name.clone(), disk.read(&name).expect("a file").len())).collect()
}

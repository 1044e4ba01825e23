//! What the three logs say when all is over: every answer that was given has to stand there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ch02_two_phase_commit::deeper;
use ch02_two_phase_commit::system::Role;
use ch02_two_phase_commit::types::{Key, Order, Outcome, Record, TxId};
use lab::NodeId;
use lab::run::Context;
use lab::run::disk::FileDisk;
use lab::run::wal::{Identity, Options, Wal};
use serde_json::Value;

/// What a client was told about a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Done,
    Declined,
}

/// One participant's log.
#[derive(Default)]
struct Side {
    key_of: BTreeMap<TxId, Key>,
    committed: BTreeSet<TxId>,
    open: BTreeSet<TxId>,
}

pub(crate) fn records(data: &Path, role: Role) -> Vec<Record> {
    let memory: Value =
        serde_json::from_str(&std::fs::read_to_string(data.join("cluster.json")).unwrap()).unwrap();
    let cluster = memory["cluster"].as_u64().unwrap();
    let disk = Box::new(FileDisk::open(&data.join(role.name())).unwrap());
    let identity = Identity { cluster, node: role.id().0 };
    let recovered = Wal::recover(disk, identity, Options::default()).unwrap();
    let read = |bytes: Vec<u8>| postcard::from_bytes::<(Context, Record)>(&bytes).unwrap().1;
    recovered.records.into_iter().map(read).collect()
}

fn side(data: &Path, role: Role) -> Side {
    let mut side = Side::default();
    for record in records(data, role) {
        match record {
            Record::Prepared { tx, key, .. }
            | Record::Deeper(deeper::Record::Prepared { tx, key, .. }) => {
                side.key_of.insert(tx, key);
                side.open.insert(tx);
            }
            Record::Committed { tx } => {
                assert!(side.open.remove(&tx), "AC2: {tx} commits twice, or after its abort");
                side.committed.insert(tx);
            }
            Record::Aborted { tx } => {
                assert!(!side.committed.contains(&tx), "AC2: {tx} aborts after its commit");
                side.open.remove(&tx);
            }
            other => panic!("{} wrote {other}", role.name()),
        }
    }
    side
}

/// What the coordinator decided: for each key the attempt, the order, and whether by commit.
type Decided = BTreeMap<Key, (TxId, Order, bool)>;

fn decided(data: &Path) -> Decided {
    let mut decided = Decided::new();
    for record in records(data, Role::Coord) {
        if let Record::Decided { tx, key, order, outcome } = record {
            let commit = outcome == Outcome::done();
            let before = decided.insert(key.clone(), (tx, order, commit));
            assert!(before.is_none(), "ONCE: {key} was decided twice");
        }
    }
    decided
}

/// What a participant that keeps no log of ours reports as committed.
pub(crate) type Elsewhere = BTreeMap<Role, BTreeSet<TxId>>;

/// Holds the logs of a cluster that has ended against each other and against the answers.
pub(crate) fn check(data: &Path, told: &BTreeMap<String, Told>, elsewhere: &Elsewhere) {
    let decided = decided(data);
    let sides = [Role::Stock, Role::Pay].map(|role| {
        let side = match elsewhere.get(&role) {
            Some(committed) => foreign(&decided, committed.clone()),
            None => side(data, role),
        };
        (role.id(), side)
    });
    agree(&decided, &sides.into(), told);
}

fn foreign(decided: &Decided, committed: BTreeSet<TxId>) -> Side {
    let keys: BTreeMap<TxId, &Key> = decided.iter().map(|(key, (tx, ..))| (*tx, key)).collect();
    let unknown = |tx: &TxId| Key::new(&format!("no decision on {tx}"));
    let key = |tx: &TxId| (*tx, keys.get(tx).map_or_else(|| unknown(tx), |key| (*key).clone()));
    Side { key_of: committed.iter().map(key).collect(), committed, open: BTreeSet::new() }
}

fn agree(decided: &Decided, sides: &BTreeMap<NodeId, Side>, told: &BTreeMap<String, Told>) {
    for (key, (tx, order, commit)) in decided {
        for id in order.participants() {
            let has = sides[&id].committed.contains(tx);
            assert_eq!(has, *commit, "AC1: {key} ({tx}) at {id}");
        }
    }
    for (id, side) in sides {
        assert!(side.open.is_empty(), "in doubt at the end at {id}: {:?}", side.open);
        let mut seen = BTreeSet::new();
        for tx in &side.committed {
            let key = &side.key_of[tx];
            assert!(seen.insert(key.clone()), "ONCE: {key} was done twice at {id}");
            let agreed = decided.get(key).is_some_and(|(by, _, commit)| by == tx && *commit);
            assert!(agreed, "AC3: {key} ({tx}) was done at {id} and never decided");
        }
    }
    for (key, told) in told {
        let commit = decided.get(&Key::new(key)).map(|(_, _, commit)| *commit);
        match told {
            Told::Done => assert_eq!(commit, Some(true), "ACK: {key} was said to be done"),
            Told::Declined => assert_eq!(commit, Some(false), "NACK: {key} was declined"),
        }
    }
}

//! A log that does not grow: snapshots of real replicas, and one that pulls another's.

use lab::measure::stored;
use lab::resp::{Client, Reply};

use crate::kit::{DEADLINE, TestCluster, bulk, options};

/// A snapshot is due after this many bytes.
const LOG: u64 = 16 << 10;
/// Segments of a log have this many bytes.
const SEGMENT: u64 = 4 << 20;

/// A number that a replica reports.
fn number(cluster: &TestCluster, replica: &str, field: &str) -> Option<u64> {
    let found = cluster.statuses().into_iter().find(|(name, _)| name == replica);
    found?.1?.own[field].as_u64()
}

/// Gives this key one value after the other.
fn write(cluster: &TestCluster, replica: &str, key: &str, values: impl Iterator<Item = String>) {
    let redis = cluster.redis(replica);
    cluster.runtime.block_on(async {
        let mut client = Client::connect(redis, DEADLINE).await.unwrap();
        for value in values {
            let said = client.call(&["SET", key, value.as_str()]).await.unwrap();
            assert_eq!(said, Reply::Simple("OK".into()));
        }
    });
}

#[test]
fn a_replica_that_was_away_pulls_a_snapshot_and_can_take_over() {
    let mut cluster = TestCluster::with(options().with_value("log-size", LOG.to_string()));
    let leader = cluster.leader();
    cluster.ask_any("INCR visits");
    let away = ["replica-1", "replica-2", "replica-3"].into_iter().find(|one| *one != leader);
    let away = away.unwrap();
    cluster.cluster.kill(away).unwrap();
    // More than one chunk of a snapshot, and many times the log.
    for n in 0..100 {
        write(&cluster, &leader, &format!("key-{n}"), std::iter::once("x".repeat(2_000)));
    }
    write(&cluster, &leader, "umbrella", (0..500).map(|n| format!("v{n}")));
    cluster.until("a snapshot is taken", || {
        number(&cluster, &leader, "snapshot").filter(|slot| *slot > 100)
    });
    cluster.cluster.restart(away, None).unwrap();
    let chosen = number(&cluster, &leader, "open").unwrap();
    cluster.until("it has caught up", || {
        number(&cluster, away, "open").filter(|open| *open >= chosen)
    });
    assert!(number(&cluster, away, "snapshot").unwrap() > 1, "it began with a snapshot");
    cluster.cluster.kill(&leader).unwrap();
    assert_eq!(cluster.ask_any("GET umbrella"), bulk("v499"));
    assert_eq!(cluster.ask_any("GET key-57"), bulk(&"x".repeat(2_000)));
    assert_eq!(cluster.ask_any("INCR visits"), Reply::Integer(2));
    // What it pulled is on its disk.
    cluster.cluster.kill(away).unwrap();
    cluster.cluster.restart(away, None).unwrap();
    assert_eq!(cluster.ask_any("GET umbrella"), bulk("v499"));
    assert_eq!(cluster.ask_any("INCR visits"), Reply::Integer(3));
}

#[test]
fn logs_in_memory_and_on_disk_do_not_grow_with_what_is_written() {
    let mut cluster = TestCluster::with(options().with_value("log-size", LOG.to_string()));
    let leader = cluster.leader();
    let (long, times) = ("x".repeat(256 << 10), 120);
    write(&cluster, &leader, "umbrella", (0..times).map(|n| format!("{n}{long}")));
    let written = times * (256 << 10);
    for replica in ["replica-1", "replica-2", "replica-3"] {
        let kept = cluster.until("its log is short", || {
            number(&cluster, replica, "slots").filter(|slots| *slots < 10)
        });
        assert!(kept < 10);
        let folder = cluster._dir.path().join("data").join(replica);
        let used = cluster.until("old segments are removed", || {
            Some(stored(&folder)).filter(|used| *used <= 4 * SEGMENT)
        });
        assert!(used < written, "{used} of {written} bytes");
    }
    cluster.cluster.kill(&leader).unwrap();
    assert_eq!(cluster.ask_any("GET umbrella"), bulk(&format!("119{long}")));
}

//! A replica of a running store is replaced.

use lab::resp::Reply;

use crate::kit::{TestCluster, bulk, options};

const REPLICAS: [&str; 3] = ["replica-1", "replica-2", "replica-3"];
const SPARE: &str = "replica-4";

/// Whether a replica says of itself that it belongs to the group.
fn is_member(cluster: &TestCluster, replica: &str) -> bool {
    let found = cluster.statuses().into_iter().find(|(name, _)| name == replica);
    let role = found.and_then(|(_, status)| Some(status?.own["role"].clone()));
    role.is_some_and(|role| role != "is no member")
}

/// The dead one may be the leader or not; the log is so short that who comes in pulls a snapshot.
fn replaced(dead: impl Fn(&TestCluster) -> String) {
    let chosen = options().with_value("spares", "1").with_value("log-size", "4096");
    let mut cluster = TestCluster::with(chosen);
    assert!(!is_member(&cluster, SPARE));
    for n in 0..100 {
        cluster.ask_any(&format!("SET key-{n} {}", "x".repeat(200)));
    }
    let dead = dead(&cluster);
    cluster.cluster.kill(&dead).unwrap();
    let said = cluster.ask_any(&format!("REPLACE {dead} {SPARE}"));
    assert_eq!(said, Reply::Simple("OK".into()));
    assert_eq!(cluster.ask_any(&format!("REPLACE {dead} {SPARE}")), Reply::Nil);
    cluster.until("the new one knows", || is_member(&cluster, SPARE).then_some(()));
    // Two are left of the old group, and one of them dies: the new one is needed, and enough.
    let next = REPLICAS.into_iter().find(|one| *one != dead).unwrap();
    cluster.cluster.kill(next).unwrap();
    assert_eq!(cluster.ask_any("GET key-42"), bulk(&"x".repeat(200)));
    assert_eq!(cluster.ask_any("INCR visits"), Reply::Integer(1));
    // All of them again: what the group is, is on their disks.
    let left = REPLICAS.into_iter().find(|one| *one != dead && *one != next).unwrap();
    cluster.cluster.kill(left).unwrap();
    cluster.cluster.kill(SPARE).unwrap();
    cluster.cluster.restart(SPARE, None).unwrap();
    cluster.cluster.restart(left, None).unwrap();
    assert_eq!(cluster.ask_any("INCR visits"), Reply::Integer(2));
    assert!(is_member(&cluster, SPARE));
    // The old one comes back, and finds that it has been replaced.
    cluster.cluster.restart(&dead, None).unwrap();
    cluster.until("it knows", || (!is_member(&cluster, &dead)).then_some(()));
    assert_eq!(cluster.ask_any("INCR visits"), Reply::Integer(3));
}

#[test]
fn a_dead_follower_is_replaced_and_the_new_replica_counts() {
    replaced(|cluster| {
        let leader = cluster.leader();
        REPLICAS.into_iter().find(|one| *one != leader).unwrap().to_owned()
    });
}

#[test]
fn a_dead_leader_is_replaced_and_the_new_replica_counts() {
    replaced(TestCluster::leader);
}

#[test]
fn a_replica_without_a_process_takes_no_place() {
    let cluster = TestCluster::new();
    let leader = cluster.leader();
    let said = cluster.ask(&leader, "REPLACE replica-1 replica-7");
    assert!(matches!(&said, Reply::Error(why) if why.contains("no process")), "{said:?}");
    let said = cluster.ask(&leader, "REPLACE replica-1 somebody");
    assert!(matches!(&said, Reply::Error(why) if why.contains("'somebody'")), "{said:?}");
    assert_eq!(cluster.ask_any("INCR visits"), Reply::Integer(1));
}

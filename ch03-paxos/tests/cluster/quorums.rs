//! Quorums of other sizes than majorities, with real processes.

use lab::resp::Reply;

use crate::kit::{TestCluster, bulk, options};

/// Two votes of four are enough as long as there is a leader, and three promises for another one.
#[test]
fn two_votes_of_four_are_enough_with_a_leader_and_three_promises_without() {
    let chosen = options().with_value("nodes", "4").with_value("quorums", "3,2");
    let mut cluster = TestCluster::with(chosen);
    assert_eq!(cluster.ask_any("SET umbrella alice"), Reply::Simple("OK".into()));
    let leader = cluster.leader();
    let names = ["replica-1", "replica-2", "replica-3", "replica-4"];
    let followers: Vec<&str> = names.into_iter().filter(|name| *name != leader).collect();
    // Two of four are no majority, and go on.
    cluster.cluster.kill(followers[0]).unwrap();
    cluster.cluster.kill(followers[1]).unwrap();
    assert_eq!(cluster.ask(&leader, "INCR visits"), Reply::Integer(1));
    cluster.cluster.restart(followers[0], None).unwrap();
    cluster.cluster.restart(followers[1], None).unwrap();
    // Three are left, and all of them promise to one.
    cluster.cluster.kill(&leader).unwrap();
    assert_eq!(cluster.ask_any("INCR visits"), Reply::Integer(2));
    assert_eq!(cluster.ask_any("GET umbrella"), bulk("alice"));
}

//! Five replicas: any two of them may be down.

use lab::resp::Reply;

use crate::kit::{TestCluster, bulk, options};

#[test]
fn five_replicas_go_on_without_the_leader_and_another_one() {
    let mut cluster = TestCluster::with(options().with_value("nodes", "5"));
    for n in 0..20 {
        let said = cluster.ask_any(&format!("SET k{n} v{n}"));
        assert_eq!(said, Reply::Simple("OK".into()));
    }
    let mut down = Vec::new();
    for _ in 0..2 {
        let leader = cluster.leader();
        cluster.cluster.kill(&leader).unwrap();
        down.push(leader);
        assert_eq!(cluster.ask_any("GET k7"), bulk("v7"));
    }
    assert_eq!(cluster.ask_any("INCR visits"), Reply::Integer(1));
    for replica in &down {
        cluster.cluster.restart(replica, None).unwrap();
    }
    for n in 0..20 {
        assert_eq!(cluster.ask_any(&format!("GET k{n}")), bulk(&format!("v{n}")));
    }
    assert_eq!(cluster.ask_any("GET visits"), bulk("1"));
}

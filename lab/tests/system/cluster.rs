//! A cluster is started, asked, killed, started again and ended; and refuses what would cost data.

use std::time::Duration;

use lab::system::{Cluster, Config, Options, report};
use serde_json::json;

use crate::pair::config;

const DEADLINE: Duration = Duration::from_secs(30);

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, work).await.expect("in time") })
}

fn refusal(config: Config) -> String {
    match Cluster::start(config) {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn roles_are_killed_and_come_back_with_their_port_and_their_log() {
    let keep = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(config(&keep.path().join("data"))).unwrap();
    let before = wait(report(&cluster.endpoints(), Some(cluster.id())));
    assert_eq!(
        before.iter().map(|(role, _)| role.as_str()).collect::<Vec<_>>(),
        ["primary", "backup"]
    );
    assert!(before.iter().all(|(_, status)| {
        status.as_ref().is_some_and(|s| s.start == 1 && s.own["entries"] == json!(0))
    }));
    let (front, pid) = (cluster.front(), cluster.pid("primary"));
    let killed = cluster.kill("primary").unwrap();
    assert_eq!((killed.pid, killed.power_cut), (pid, false));
    assert!(!cluster.is_up("primary") && cluster.is_up("backup"));
    assert!(cluster.died().is_empty(), "the caller killed it and knows");
    assert_eq!(wait(report(&cluster.endpoints(), Some(cluster.id())))[0].1, None);
    let restarted = cluster.restart("primary", None).unwrap();
    assert_eq!((restarted.http, cluster.front()), (front, front));
    let after = wait(report(&cluster.endpoints(), Some(cluster.id())));
    assert_eq!(after[0].1.as_ref().map(|status| status.start), Some(2));
    let absent = cluster.kill("third").unwrap_err().to_string();
    assert!(absent.contains("no third here"), "{absent}");
    cluster.stop().unwrap();
    let again = Cluster::start(config(&keep.path().join("data"))).unwrap();
    assert_eq!(again.front(), front, "users find it where it was");
    again.stop().unwrap();
}

#[test]
fn a_directory_belongs_to_one_cluster_at_a_time_and_to_its_first_options() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("data");
    let cluster = Cluster::start(config(&dir)).unwrap();
    let refused = refusal(config(&dir));
    assert!(refused.contains("already runs on"), "{refused}");
    cluster.stop().unwrap();
    let small = Options::default().with_flag("small");
    let refused = refusal(Config { options: small, ..config(&dir) });
    assert!(refused.contains("without options"), "{refused}");
    let file = dir.join("cluster.json");
    std::fs::write(&file, "{}").unwrap();
    let refused = refusal(config(&dir));
    assert!(refused.contains("put the file back from a copy"), "{refused}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}", "nothing was changed");
}

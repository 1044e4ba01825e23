//! Other stores under the same judge, with the one that leads killed under load.

use std::net::SocketAddr;
use std::time::Duration;

use ch03_paxos::system::engines::target::{Loaded, Target, load};
use lab::check::Verdict;
use lab::engines::{EtcdClient, EtcdCluster, EtcdOptions, redis};
use lab::resp::{Client, Reply};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::kit::{DEADLINE, TestCluster};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn begin(runtime: &Runtime, url: &str, seconds: u64) -> JoinHandle<Loaded> {
    let target = Target::at(url).unwrap();
    runtime.spawn(async move { load(&target, 8, Duration::from_secs(seconds)).await.unwrap() })
}

/// Waits until a count that grows has grown by so much.
async fn grows(by: u64, mut count: impl AsyncFnMut() -> u64) {
    let enough = count().await + by;
    let growing = async { while count().await < enough {} };
    tokio::time::timeout(DEADLINE, growing).await.expect("the load goes on");
}

#[test]
fn an_etcd_whose_leader_is_killed_stays_linearizable() {
    let (heartbeat, election) = (Duration::from_millis(100), Duration::from_millis(500));
    let options = EtcdOptions { members: 3, heartbeat, election, parent: None };
    let mut etcd = EtcdCluster::start(&options).unwrap();
    let runtime = runtime();
    let mut members: Vec<SocketAddr> = etcd.members().iter().map(|member| member.addr()).collect();
    let client = |member| EtcdClient::connect(member, DEADLINE);
    let leads = |member: &SocketAddr| {
        runtime.block_on(async { client(*member).await.unwrap().status().await.unwrap().is_leader })
    };
    let leader = members.iter().position(leads).unwrap();
    let other = members[(leader + 1) % 3];
    members.rotate_left(leader);
    let url = members.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let loading = begin(&runtime, &format!("etcd://{url}"), 8);
    let revisions = async |by| {
        let mut client = client(other).await.unwrap();
        grows(by, async || client.status().await.unwrap().revision).await;
    };
    runtime.block_on(revisions(100));
    etcd.crash(leader);
    runtime.block_on(revisions(100));
    let loaded = runtime.block_on(loading).unwrap();
    assert_eq!(loaded.verdict, Verdict::Ok, "{loaded:?}");
    assert!(loaded.judged.0 >= 400, "{:?}", loaded.judged);
    assert!(loaded.measured.failed() > 0, "the leader's clients had to go elsewhere");
}

/// A copy that is promoted by hand does not have what the old one acknowledged since.
#[test]
fn a_redis_with_a_promoted_copy_loses_an_acknowledged_write() {
    let (primary, copy) = (redis().unwrap(), redis().unwrap());
    let (old, new) = (primary.addr(), copy.addr());
    let runtime = runtime();
    let ask = async |server, words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        let mut client = Client::connect(server, DEADLINE).await.unwrap();
        client.call(&words).await.unwrap()
    };
    // What it has executed as a primary or as a copy; nothing while a copy is not linked.
    let count = async |server| match ask(server, "INFO replication").await {
        Reply::Bulk(text) => {
            let text = String::from_utf8_lossy(&text).into_owned();
            let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
            let is_linked = field("master_link_status:").is_none_or(|status| status == "up");
            let offset = field("master_repl_offset:").and_then(|text| text.parse().ok());
            offset.filter(|_| is_linked).unwrap_or_default()
        }
        other => panic!("{other:?}"),
    };
    runtime.block_on(async {
        ask(old, "CONFIG SET repl-diskless-sync-delay 0").await;
        ask(new, &format!("REPLICAOF {} {}", old.ip(), old.port())).await;
        ask(old, "SET linked yes").await;
        grows(1, async || count(new).await).await;
    });
    let loading = begin(&runtime, &format!("redis://{old},{new}"), 4);
    runtime.block_on(async {
        grows(10_000, async || count(new).await).await;
        assert_eq!(ask(new, "REPLICAOF NO ONE").await, Reply::Simple("OK".into()));
        grows(10_000, async || count(old).await).await;
    });
    drop(primary);
    let loaded = runtime.block_on(loading).unwrap();
    let Verdict::Violation { why, window } = loaded.verdict else { panic!("{loaded:?}") };
    assert!(!window.is_empty(), "{why}");
}

/// Our replicas speak the protocol of Redis.
#[test]
fn our_replicas_under_the_same_load_are_linearizable() {
    let mut cluster = TestCluster::new();
    let leader = cluster.leader();
    let mut replicas = cluster.replicas();
    replicas.sort_by_key(|(name, _)| *name != leader);
    let all: Vec<String> = replicas.iter().map(|(_, redis)| redis.to_string()).collect();
    let runtime = runtime();
    let loading = begin(&runtime, &format!("redis://{}", all.join(",")), 6);
    let other = replicas[1].0.clone();
    let chosen = |cluster: &TestCluster| {
        let up = cluster.statuses().into_iter().find(|(name, _)| *name == other);
        up.and_then(|(_, status)| status?.own["open"].as_u64()).unwrap_or_default()
    };
    let grown = |cluster: &TestCluster, by| {
        let enough = chosen(cluster) + by;
        cluster.until("the load goes on", || (chosen(cluster) >= enough).then_some(()));
    };
    grown(&cluster, 50);
    cluster.cluster.kill(&leader).unwrap();
    grown(&cluster, 50);
    let loaded = runtime.block_on(loading).unwrap();
    assert_eq!(loaded.verdict, Verdict::Ok, "{loaded:?}");
    assert!(loaded.judged.0 >= 200, "{:?}", loaded.judged);
}

#[test]
fn an_address_names_one_server_or_several() {
    for good in ["etcd://127.0.0.1:2379", "redis://127.0.0.1:1,127.0.0.1:2/"] {
        assert!(Target::at(good).is_ok(), "{good}");
    }
    for bad in
        ["", "127.0.0.1:1", "http://127.0.0.1:1", "redis://", "etcd://127.0.0.1", "redis://a:b"]
    {
        let why = Target::at(bad).unwrap_err().to_string();
        assert!(why.contains("write etcd://HOST:PORT or redis://HOST:PORT"), "{why}");
    }
}

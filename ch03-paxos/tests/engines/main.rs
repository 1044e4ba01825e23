//! The programs of Redis as clients of the store, and the store beside etcd and Redis.

mod compare;
#[allow(dead_code, reason = "the tests of the cluster use all of it")]
#[path = "../cluster/kit.rs"]
mod kit;
mod target;

use std::net::SocketAddr;
use std::process::Command;

use kit::TestCluster;
use lab::engines::REDIS;

/// A program that is installed with Redis.
fn of_redis(name: &str, at: SocketAddr, args: &[&str]) -> String {
    let server = REDIS.find().unwrap_or_else(|missing| panic!("{missing}"));
    let program = server.with_file_name(name);
    // Debian keeps clients where users look, and servers where only root does.
    let program = if program.is_file() { program } else { name.into() };
    let output = Command::new(program)
        .args(["-h", "127.0.0.1", "-p", &at.port().to_string()])
        .args(args)
        .output()
        .unwrap_or_else(|why| panic!("{name}: {why}"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn redis_cli_is_a_client() {
    let cluster = TestCluster::new();
    let [one, two] = ["replica-1", "replica-2"].map(|replica| cluster.redis(replica));
    let cli = |at, words: &[&str]| of_redis("redis-cli", at, words).trim().to_owned();
    assert_eq!(cli(one, &["ping"]), "PONG");
    assert_eq!(cli(one, &["set", "umbrella", "alice"]), "OK");
    assert_eq!(cli(two, &["get", "umbrella"]), "alice");
    assert_eq!(cli(two, &["incr", "visits"]), "1");
    assert_eq!(cli(one, &["cas", "umbrella", "alice", "bob"]), "1");
    assert_eq!(cli(one, &["config", "get", "save"]), "");
    assert!(cli(one, &["lpush", "list", "x"]).starts_with("ERR unknown command 'LPUSH'"));
    let info = cli(two, &["info"]);
    assert!(info.contains("keys:2") && info.contains("leader:"), "{info}");
}

/// A redirection is followed without a word of ours.
#[test]
fn redis_cli_follows_to_the_leader() {
    let cluster = TestCluster::with(kit::options().with_flag("redirect"));
    let leader = cluster.leader();
    let follower = cluster.replicas().into_iter().find(|(name, _)| *name != leader).unwrap().1;
    assert_eq!(of_redis("redis-cli", follower, &["-c", "set", "umbrella", "alice"]).trim(), "OK");
    assert_eq!(of_redis("redis-cli", follower, &["-c", "get", "umbrella"]).trim(), "alice");
}

#[test]
fn redis_benchmark_is_a_client() {
    let cluster = TestCluster::new();
    for (pipelined, replica) in [("1", "replica-1"), ("16", "replica-2")] {
        let args = ["-t", "set,get", "-n", "2000", "-c", "20", "-P", pipelined, "--csv"];
        let said = of_redis("redis-benchmark", cluster.redis(replica), &args);
        assert!(said.contains("\"SET\"") && said.contains("\"GET\""), "{said}");
    }
}

//! Connections that send nothing, to every port of the shop, while orders go on and roles come back.

use std::net::{SocketAddr, TcpStream};

use ch02_two_phase_commit::system::Role;
use lab::run::most_open_files;

use crate::kit::{PROGRAM, TestCluster};

/// Fewer than there are silent connections.
const FEW_FILES: &str = "ulimit -n 128; exec \"$0\" role \"$@\"";

fn silent(addr: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(addr).unwrap()).collect()
}

fn shop() -> TestCluster {
    // This process holds the other ends.
    most_open_files();
    TestCluster::with(|config| {
        config.program = "/bin/sh".into();
        config.prefix = vec!["-c".into(), FEW_FILES.into(), PROGRAM.into()];
    })
}

#[test]
fn silent_clients_keep_no_order_out_and_no_log_from_its_next_file() {
    let mut test = shop();
    let keep: Vec<_> = [Role::Coord, Role::Stock, Role::Pay]
        .map(|role| silent(test.cluster.endpoint(role), 200))
        .into_iter()
        .flatten()
        .collect();
    let pay = test.cluster.dir().join("pay");
    let files = || std::fs::read_dir(&pay).unwrap().count();
    let before = files();
    let mut reads = 0;
    while files() == before {
        // Each of these is a long record for `pay`: soon its log needs another file.
        assert_eq!(test.get("/balances?of=all").status, 200, "read {reads}");
        reads += 1;
        assert!(reads < 5_000, "the log of pay never needs another file");
    }
    assert_eq!(test.checkout("k", "candle", 1, "alice").status, 200);
    for role in [Role::Coord, Role::Stock, Role::Pay] {
        assert!(test.cluster.is_up(role), "{role:?}");
    }
    drop(keep);
}

#[test]
fn silent_connections_to_the_ports_of_peers_keep_no_role_out_that_comes_back() {
    let mut test = shop();
    let roles = [Role::Coord, Role::Stock, Role::Pay];
    for (round, back) in roles.into_iter().enumerate() {
        let others = roles.into_iter().filter(|role| *role != back);
        let keep: Vec<_> = others.map(|role| silent(test.cluster.peer_port(role), 256)).collect();
        test.cluster.restart(back, None).unwrap();
        let key = format!("k{round}");
        let bought = test.checkout(&key, "candle", 1, "alice");
        assert_eq!(bought.status, 200, "{back:?}: {}", bought.body);
        drop(keep);
    }
}

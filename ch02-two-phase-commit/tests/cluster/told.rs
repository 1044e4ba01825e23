//! What an operator reads: commands to paste, refusals, exit codes.

use std::path::Path;

use ch02_two_phase_commit::system::{Role, SYSTEM};
use lab::system::{Cluster, Config};

use crate::kit::{PROGRAM, TestCluster};
use crate::story::{Running, ch02, until};

/// Pastes a line that was printed, in another folder, and gives what it printed.
fn paste(line: &str) -> String {
    let line = line.replacen("cargo ch02", &format!("'{PROGRAM}'"), 1);
    let run = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    String::from_utf8(run.stdout).unwrap() + &String::from_utf8(run.stderr).unwrap()
}

#[test]
fn what_is_printed_to_be_pasted_means_the_same_cluster_also_in_a_folder_with_spaces() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("my shop's data");
    let quoted = lab::system::quoted(&dir.display().to_string());
    let (none, code) = ch02(&dir, &["status"]);
    assert!(none.contains(&format!("`cargo ch02 cluster --dir {quoted}`")) && code == 2, "{none}");

    let _cluster = Running::start(&dir);
    let (killed, code) = ch02(&dir, &["kill", "pay"]);
    let then = killed.lines().find_map(|line| line.strip_prefix("then:  ")).unwrap();
    let then: Vec<&str> = then.split(", ").collect();
    assert_eq!((then.len(), code), (2, 0), "{killed}");
    assert!(paste(then[0]).contains("pay    down"), "{then:?}");
    assert!(paste(then[1]).contains("pay is back"), "{then:?}");

    ch02(&dir, &["restart", "coord", "--crash-after-effect", "5"]);
    let (pending, code) = ch02(&dir, &["client", "buy", "boots", "--key", "it's;mine"]);
    let again = r"--key 'it'\''s;mine' --dir ".to_owned() + &quoted;
    assert!(pending.contains(&again) && code == 3, "{pending}");
    let (gone, code) = ch02(&dir, &["client", "balances"]);
    assert!(gone.contains(&format!("`cargo ch02 status --dir {quoted}`")) && code == 2, "{gone}");
    paste(&format!("cargo ch02 restart coord --dir {quoted}"));
    let bought = paste(&format!("cargo ch02 client buy boots {again}"));
    assert!(bought.contains("done"), "{bought}");
}

#[test]
fn a_crash_that_was_asked_for_is_told_as_that_also_before_the_role_serves() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("shop");
    let _cluster = Running::start(&dir);
    ch02(&dir, &["restart", "coord", "--crash-after-effect", "5"]);
    ch02(&dir, &["client", "buy", "umbrella", "--key", "mine"]);
    until(&dir, &["client", "in-doubt"], "stock  in doubt: tx 2.1");
    // In doubt, its first effect is a question: before it serves, or right afterwards.
    for _ in 0..8 {
        let (text, code) = ch02(&dir, &["restart", "stock", "--crash-after-effect", "1"]);
        let before = text.contains("stock died by itself right after effect 1");
        let after = text.contains("it will die by itself right after effect 1");
        assert!((before || after) && code == 0, "{text}");
        until(&dir, &["client", "in-doubt"], "stock  down");
    }
    for role in ["stock", "coord"] {
        assert!(ch02(&dir, &["restart", role]).0.contains("is back"));
    }
    until(&dir, &["client", "buy", "umbrella", "--key", "mine"], "done");
}

#[test]
fn a_decision_by_hand_that_is_refused_exits_1_and_one_that_cannot_be_asked_2() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("shop");
    let (none, code) = ch02(&dir, &["resolve", "pay", "1.1", "abort"]);
    assert!(none.contains("no cluster runs") && code == 2, "{none}");
    let _cluster = Running::start(&dir);
    for (command, wanted, expected) in [
        (["resolve", "pay", "7.1", "commit"], "not done: tx 7.1 is not in doubt here", 1),
        (["resolve", "coord", "7.1", "commit"], "not done: no operator can decide", 1),
        (["resolve", "coord-2", "7.1", "commit"], "there is no coord-2 here", 2),
        (["resolve", "pay", "seven", "commit"], "is no transaction", 2),
        (["resolve", "pay", "7.1", "maybe"], "possible values: commit, abort", 2),
        (["resolve", "till", "7.1", "abort"], "invalid value", 2),
    ] {
        let (text, code) = ch02(&dir, &command);
        assert!(text.contains(wanted) && code == expected, "{command:?}: {code}, {text}");
    }
    let (text, code) = ch02(&dir, &["client", "buy", "spoon"]);
    assert!(text.contains("not understood") && code == 1, "{text}");
}

fn on(dir: &Path, port: u16) -> Result<Cluster, lab::system::Error> {
    let config = Config::new(SYSTEM, dir.to_owned()).unwrap();
    Cluster::start(Config { program: PROGRAM.into(), port, ..config })
}

#[test]
fn a_port_that_is_asked_for_and_taken_is_refused_and_one_of_last_time_is_only_preferred() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("shop");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let Err(refused) = on(&dir, port) else { panic!("it starts") };
    let refused = refused.to_string();
    assert!(refused.contains(&format!("port {port} is taken")), "{refused}");
    assert!(refused.contains("leave --port out"), "{refused}");
    assert!(!dir.join("cluster.json").exists(), "nothing was begun");
    drop(taken);
    let (cluster, port) = on_some_port(&dir);
    assert_eq!(cluster.front().port(), port);
    cluster.stop().unwrap();
    // Taken now: by this test, or by another one that was faster.
    let taken = std::net::TcpListener::bind(("127.0.0.1", port));
    let cluster = on(&dir, 0).unwrap();
    assert_ne!(cluster.front().port(), port, "the one of last time is taken");
    cluster.stop().unwrap();
    drop(taken);
}

/// A cluster on a port that was asked for. Other tests open ports meanwhile, so that one that is free
/// now may be taken a moment later: then another one is asked for.
fn on_some_port(dir: &Path) -> (Cluster, u16) {
    for _ in 0..20 {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        match on(dir, port) {
            Ok(cluster) => return (cluster, port),
            Err(lab::system::Error::PortTaken { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    panic!("20 ports in a row were taken");
}

#[test]
fn a_role_comes_back_on_the_port_that_was_asked_for() {
    let mut test = TestCluster::new();
    // Another test may take the port while the role is down: not five times in a row.
    let mut comes_back = || {
        let front = test.cluster.front();
        let back = test.cluster.restart(Role::Coord, None).unwrap();
        assert!(!back.crashed);
        back.http == front
    };
    assert!((0..5).any(|_| comes_back()));
    assert_eq!(test.checkout("k", "candle", 1, "alice").status, 200);
}

//! What must not keep an operator from ending a cluster, or cost its data when it starts again.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;

use ch02_two_phase_commit::system::SYSTEM;
use lab::event::{Kind, Log};
use lab::system::{Cluster, Config};
use serde_json::Value;

use crate::kit::{DEADLINE, PROGRAM, TestCluster};
use crate::story::{Running, ch02, until};

fn manifest(dir: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(dir.join("cluster.json")).unwrap()).unwrap()
}

#[test]
fn ctrl_c_ends_a_cluster_that_has_half_a_request() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("shop");
    let mut cluster = Running::start(&dir);
    let control: SocketAddr = manifest(&dir)["control"].as_str().unwrap().parse().unwrap();
    let half = [
        "POST /kill HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{",
        "GET /sta",
        "",
    ];
    let open = half.map(|bytes| {
        let mut stream = TcpStream::connect(control).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        stream
    });
    cluster.interrupt();
    let deadline = tokio::time::Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = cluster.status() {
            break status;
        }
        assert!(tokio::time::Instant::now() < deadline, "it has not ended within {DEADLINE:?}");
        std::thread::yield_now();
    };
    assert!(status.success(), "{status}");
    drop(open);
}

#[test]
fn as_many_client_ids_are_used_as_there_are_requests_at_once() {
    let keep = tempfile::tempdir().unwrap();
    let events = keep.path().join("events");
    let test = TestCluster::with(|config| config.events = Some(events.clone()));
    for order in 0..20 {
        assert_eq!(test.checkout(&format!("k{order}"), "candle", 1, "alice").status, 200);
        test.get("/status");
    }
    test.cluster.stop().unwrap();
    let text = std::fs::read_to_string(events.join("run.jsonl")).unwrap();
    let log = Log::from_json_lines(&text).unwrap();
    let received = log.events.iter().filter(|event| event.kind == Kind::Receive);
    let clients = received.filter_map(|event| event.peer.clone()).filter(|p| p.contains("@coord"));
    let clients: std::collections::BTreeSet<_> = clients.collect();
    assert_eq!(clients.len(), 1, "one customer, one after the other: {clients:?}");
}

#[test]
fn a_damaged_manifest_is_refused_and_stays_as_it_is() {
    let test = TestCluster::new();
    let TestCluster { cluster, dir: keep, .. } = test;
    let dir = cluster.dir().to_owned();
    cluster.stop().unwrap();
    let file = dir.join("cluster.json");
    let whole = std::fs::read(&file).unwrap();
    let id = manifest(&dir)["cluster"].to_string();
    let at = whole.windows(id.len()).position(|branch| branch == id.as_bytes()).unwrap();
    let other_digit = if whole[at] == b'7' { b"8" } else { b"7" };
    let other_id = [&whole[..at], other_digit, &whole[at + 1..]].concat();
    let not_text = [&whole[..at], b"\xff", &whole[at + 1..]].concat();
    for damaged in [other_id, not_text, whole[..at].to_vec(), Vec::new()] {
        std::fs::write(&file, &damaged).unwrap();
        let config =
            Config { program: PROGRAM.into(), ..Config::new(SYSTEM, dir.clone()).unwrap() };
        let Err(refused) = Cluster::start(config) else { panic!("it starts with {damaged:?}") };
        let refused = refused.to_string();
        assert!(refused.contains("cluster.json") && refused.contains("copy"), "{refused}");
        assert_eq!(std::fs::read(&file).unwrap(), damaged, "and it is as it was");
    }
    drop(keep);
}

fn signal(pid: u64, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.unwrap().success(), "kill {name} {pid}");
}

/// The process of a role, as `status` prints it.
fn pid_of(dir: &Path, role: &str) -> u64 {
    let (text, _) = ch02(dir, &["status"]);
    let own = text.lines().skip_while(|line| !line.starts_with(role));
    let pid = own.into_iter().find_map(|line| line.trim().strip_prefix("pid ")?.split(',').next());
    pid.and_then(|pid| pid.parse().ok()).unwrap_or_else(|| panic!("no pid of {role}: {text}"))
}

#[test]
fn a_frozen_role_is_named_can_be_killed_and_keeps_no_operator_waiting() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("shop");
    let mut cluster = Running::start(&dir);
    let pid = pid_of(&dir, "pay");
    signal(pid, "-STOP");
    let (text, code) = ch02(&dir, &["status"]);
    assert!(text.contains(&format!("pay    does not answer; its process {pid} runs")), "{text}");
    assert!(text.contains("coord") && !text.contains("no cluster") && code == 0, "{text}");
    let (text, code) = ch02(&dir, &["kill", "pay"]);
    assert!(text.contains(&format!("killed pay (SIGKILL), pid {pid}")) && code == 0, "{text}");
    let (text, code) = ch02(&dir, &["restart", "pay"]);
    assert!(text.contains("pay is back") && code == 0, "{text}");
    signal(pid_of(&dir, "stock"), "-STOP");
    let said = cluster.ends_and_says();
    assert!(said.contains("stock  did not end by itself and was killed"), "{said}");
    assert!(!said.contains("pay    did not end"), "{said}");
}

#[test]
fn a_cluster_on_the_port_of_another_one_takes_none_of_its_orders() {
    let (one, other) = (TestCluster::new(), TestCluster::new());
    let port = one.cluster.front().port();
    let (one_dir, keep) = (one.cluster.dir().to_owned(), one.dir);
    one.cluster.stop().unwrap();
    let other_dir = other.cluster.dir().to_owned();
    other.cluster.stop().unwrap();
    let config =
        Config { program: PROGRAM.into(), port, ..Config::new(SYSTEM, other_dir.clone()).unwrap() };
    let other_again = Cluster::start(config).unwrap();
    assert_eq!(other_again.front().port(), port, "the port was free");
    for command in [
        &["client", "buy", "candle"][..],
        &["client", "balances"],
        &["status"],
        &["load", "--clients", "1", "--seconds", "1"],
    ] {
        let (text, code) = ch02(&one_dir, command);
        assert_ne!(code, 0, "{command:?}: {text}");
        let refused = text.contains("another cluster") || text.contains("no cluster runs");
        assert!(refused, "{command:?}: {text}");
    }
    other_again.stop().unwrap();
    drop((keep, other.dir));
}

#[test]
fn a_load_goes_on_beside_restarts_and_has_a_verdict() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("shop");
    let _cluster = Running::start(&dir);
    let mut load = std::process::Command::new(PROGRAM);
    load.args(["load", "--clients", "4", "--seconds", "4", "--dir"]).arg(&dir);
    let load = load.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(&dir, &["client", "balances"], "till");
    for role in ["pay", "coord"] {
        let (text, code) = ch02(&dir, &["restart", role]);
        assert_eq!(code, 0, "{text}");
    }
    let output = load.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("verdict: ok") && output.status.success(), "{text}{said}");
}

/// A cluster on a directory of its own, so that the directory can be changed while it does not run.
fn on(dir: &Path) -> Result<Cluster, lab::system::Error> {
    Cluster::start(Config {
        program: PROGRAM.into(),
        ..Config::new(SYSTEM, dir.to_owned()).unwrap()
    })
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn a_role_whose_log_is_gone_is_refused_at_the_start_and_at_a_restart() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("shop");
    let mut cluster = on(&dir).unwrap();
    let (pay, away) = (dir.join("pay"), keep.path().join("away"));
    cluster.kill("pay").unwrap();
    std::fs::rename(&pay, &away).unwrap();
    let refused = cluster.restart("pay", None).unwrap_err().to_string();
    assert!(refused.contains("pay has run in this cluster before"), "{refused}");
    cluster.stop().unwrap();
    let Err(refused) = on(&dir) else { panic!("it starts without the log of pay") };
    assert!(refused.to_string().contains("put the folder back"), "{refused}");
    std::fs::rename(&away, &pay).unwrap();
    on(&dir).unwrap().stop().unwrap();
}

#[test]
fn a_restored_older_copy_of_a_log_gives_no_start_number_again() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("shop");
    on(&dir).unwrap().stop().unwrap();
    let (coord, older) = (dir.join("coord"), keep.path().join("older"));
    copy(&coord, &older);
    for _ in 0..2 {
        on(&dir).unwrap().stop().unwrap();
    }
    std::fs::remove_dir_all(&coord).unwrap();
    copy(&older, &coord);
    let cluster = on(&dir).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let all = runtime.block_on(lab::system::report(&cluster.endpoints(), Some(cluster.id())));
    let own = all.into_iter().find(|(role, _)| role == "coord").and_then(|(_, status)| status);
    assert_eq!(own.unwrap().start, 4, "three starts before, one of them in the copy");
}

#[test]
fn a_reader_that_closes_its_end_changes_no_exit_code() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("shop");
    let _cluster = Running::start(&dir);
    for (args, code) in [
        (&["status"][..], 0),
        (&["client", "balances"], 0),
        (&["client", "buy", "candle"], 0),
        (&["client", "buy", "nothing-like-it"], 1),
        (&["kill", "stock"], 0),
        (&["kill", "stock"], 1),
    ] {
        let mut command = std::process::Command::new(PROGRAM);
        command.args(args).arg("--dir").arg(&dir);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert_eq!(said.contains("key k"), args.contains(&"buy"), "{args:?}: {said}");
    }
}

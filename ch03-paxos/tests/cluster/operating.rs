//! The command line, as its README tells it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use lab::resp::{Client, Reply};
use lab::system::report;

use crate::kit::{DEADLINE, PROGRAM, bulk};

/// `cluster`, or one `node`, in a terminal of its own.
struct Running(Child, BufReader<ChildStdout>);

impl Running {
    fn start(dir: &Path) -> (Self, String) {
        Self::start_with(dir, &[])
    }

    fn start_with(dir: &Path, args: &[&str]) -> (Self, String) {
        let mut running = Self::spawn(dir, &[&["cluster"], args].concat());
        let said = running.until("Ctrl-C ends it").unwrap_or_else(|said| panic!("{said}"));
        (running, said)
    }

    fn spawn(dir: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(args).args(["--redis-port", "0", "--dir"]).arg(dir).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self(child, stdout)
    }

    /// What it says until a line begins so, or until it ends.
    fn until(&mut self, last: &str) -> Result<String, String> {
        let mut said = String::new();
        for line in self.1.by_ref().lines().map_while(Result::ok) {
            said += &line;
            said.push('\n');
            if line.starts_with(last) {
                return Ok(said);
            }
        }
        Err(said)
    }

    /// Ctrl-C, and whether it ends in order.
    fn ends(&mut self) -> bool {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut rest = String::new();
        self.1.read_to_string(&mut rest).unwrap();
        self.0.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.try_wait().unwrap().is_none() {
            self.ends();
        }
    }
}

/// What a command printed, and its exit code.
fn ch03(dir: &Path, args: &[&str]) -> (String, i32) {
    let output = Command::new(PROGRAM).args(args).arg("--dir").arg(dir).output().unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (text, output.status.code().unwrap())
}

/// Runs a client until it is answered this.
fn client(dir: &Path, words: &[&str], wanted: &str) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    let mut args = vec!["client", "--dir", dir.to_str().unwrap()];
    args.extend(words);
    loop {
        let output = Command::new(PROGRAM).args(&args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        if text.trim() == wanted {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{words:?} is never {wanted:?}: {text}");
    }
}

#[test]
fn the_readme_tells_what_happens() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("store");
    let (mut running, said) = Running::start(&dir);
    assert!(said.contains("replica-1 leads") && said.contains("redis-cli -p "), "{said}");
    client(&dir, &["set", "umbrella", "alice"], "OK");
    let (said, code) = ch03(&dir, &["kill", "replica-1"]);
    assert!(code == 0 && said.contains("killed replica-1 (SIGKILL)"), "{said}");
    // At once, and without another try: it waits for the election itself.
    let get = ["client", "--dir", dir.to_str().unwrap(), "get", "umbrella"];
    let said = Command::new(PROGRAM).args(get).output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap().trim(), "\"alice\"");
    client(&dir, &["incr", "visits"], "(integer) 1");
    let (said, code) = ch03(&dir, &["restart", "replica-1"]);
    assert!(code == 0 && said.contains("replica-1 is back"), "{said}");
    let (said, code) = ch03(&dir, &["status"]);
    assert!(code == 0 && said.contains("leads; ") && said.contains("follows; "), "{said}");
    let (said, code) = ch03(&dir, &["load", "--clients", "4", "--seconds", "1"]);
    assert!(code == 0 && said.contains("verdict: ok, the counters grew by "), "{said}");
    assert!(running.ends());
    let (mut running, _) = Running::start(&dir);
    client(&dir, &["get", "umbrella"], "\"alice\"");
    client(&dir, &["get", "visits"], "\"1\"");
    assert!(running.ends());
}

#[test]
fn a_directory_keeps_its_number_of_replicas() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("store");
    let (mut running, _) = Running::start(&dir);
    assert!(running.ends());
    let (said, code) = ch03(&dir, &["cluster", "--nodes", "5"]);
    assert!(code == 2 && said.contains("--nodes=3"), "{said}");
}

#[test]
fn a_directory_keeps_its_quorums_and_bad_ones_are_refused() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("store");
    for (quorums, why) in [
        ("2,2", "choose two sizes whose sum is more than 4"),
        ("0,4", "choose from 1 to 4"),
        ("5,2", "choose from 1 to 4"),
        ("3", "give two numbers with a comma between them"),
        ("3,2,1", "give two numbers with a comma between them"),
    ] {
        let (said, code) = ch03(&dir, &["cluster", "--nodes", "4", "--quorums", quorums]);
        assert!(code == 2 && said.contains(why), "{quorums}: {said}");
    }
    let begin = |quorums: &[&str]| {
        let args = [&["--nodes", "4"], quorums].concat();
        Running::start_with(&dir, &args)
    };
    let (mut running, _) = begin(&["--quorums", "3,2"]);
    client(&dir, &["incr", "visits"], "(integer) 1");
    assert!(running.ends());
    for other in [&["--quorums", "2,3"][..], &[]] {
        let args = [&["cluster", "--nodes", "4"], other].concat();
        let (said, code) = ch03(&dir, &args);
        assert!(code == 2 && said.contains("--quorums=3,2"), "{said}");
    }
    let (mut running, _) = begin(&["--quorums", "03,2"]);
    client(&dir, &["get", "visits"], "\"1\"");
    assert!(running.ends());
}

#[test]
fn a_client_without_a_store_says_how_to_start_one() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM)
        .args(["client", "--dir", dir.path().to_str().unwrap(), "get", "umbrella"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("cargo ch03 cluster"), "{said}");
}

/// The three replicas as `node`s. Their ports follow from the first one, so no port can be left to the
/// operating system; these are below those that it gives to others. If one is taken, all are started elsewhere.
fn three_nodes(dir: &Path) -> (Vec<Running>, u16) {
    for attempt in 0..20 {
        let place = (std::process::id() + 97 * attempt) % 1_000;
        let first = 12_000 + 16 * u16::try_from(place).unwrap();
        let start = |n: u8| node(dir, &format!("replica-{n}"), first);
        let mut nodes: Vec<Running> = (1..=3).map(start).collect();
        if nodes.iter_mut().all(|node| node.until("replica-").is_ok()) {
            nodes.iter_mut().for_each(|node| drop(node.until("  ").unwrap()));
            return (nodes, first);
        }
    }
    panic!("no free ports");
}

fn node(dir: &Path, replica: &str, first: u16) -> Running {
    Running::spawn(dir, &["node", replica, "--ports", &first.to_string()])
}

/// What a replica reports over HTTP, as its redis port.
fn redis_port(first: u16, place: u16) -> String {
    let at = SocketAddr::from(([127, 0, 0, 1], first + 2 * place + 1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_, status) = runtime.block_on(report(&vec![("it".into(), at)], None)).remove(0);
    status.unwrap().own["redis"].as_str().unwrap().to_owned()
}

#[test]
fn replicas_that_are_started_one_by_one_find_each_other_and_keep_what_they_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let (mut nodes, first) = three_nodes(dir.path());
    let ask = |at: &str, words: &[&str]| {
        let at = at.parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            Client::connect(at, DEADLINE).await.unwrap().call(words).await.unwrap()
        })
    };
    let said = ask(&redis_port(first, 0), &["SET", "umbrella", "alice"]);
    assert_eq!(said, Reply::Simple("OK".into()));
    assert!(nodes[0].ends(), "Ctrl-C ends it in order");
    nodes[0] = node(dir.path(), "replica-1", first);
    nodes[0].until("  ").unwrap();
    assert_eq!(ask(&redis_port(first, 0), &["GET", "umbrella"]), bulk("alice"));
    let twice = Command::new(PROGRAM)
        .args(["node", "replica-1", "--ports", &first.to_string(), "--redis-port", "0", "--dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(!twice.status.success(), "the directory is taken");
}

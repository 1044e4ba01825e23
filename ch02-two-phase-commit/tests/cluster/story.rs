//! The README's story, command by command.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use crate::kit::{DEADLINE, PROGRAM};

/// `cluster` in a terminal of its own.
pub(crate) struct Running(Child, BufReader<ChildStdout>);

impl Running {
    pub(crate) fn start(dir: &Path) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg("cluster").arg("--dir").arg(dir).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut running = Self(child, stdout);
        let mut lines = running.1.by_ref().lines().map_while(Result::ok);
        assert!(lines.any(|line| line.starts_with("Ctrl-C ends it")), "it said why above");
        running
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    /// How it ended, if it has.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Ctrl-C; what it prints until it has ended.
    pub(crate) fn ends_and_says(&mut self) -> String {
        self.interrupt();
        let mut said = String::new();
        self.1.read_to_string(&mut said).unwrap();
        assert!(self.0.wait().unwrap().success(), "{said}");
        said
    }

    fn ends_in_order(&mut self) -> bool {
        self.interrupt();
        self.0.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.try_wait().unwrap().is_none() {
            self.ends_in_order();
        }
    }
}

/// What a command printed, and its exit code.
pub(crate) fn ch02(dir: &Path, args: &[&str]) -> (String, i32) {
    let output = Command::new(PROGRAM).args(args).arg("--dir").arg(dir).output().unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (text, output.status.code().unwrap())
}

/// Runs a command until it prints this.
pub(crate) fn until(dir: &Path, args: &[&str], wanted: &str) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let (text, _) = ch02(dir, args);
        if text.contains(wanted) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{args:?} never says {wanted:?}: {text}");
    }
}

#[test]
fn the_readme_tells_what_happens() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("shop");
    let (text, code) = ch02(&dir, &["status"]);
    assert!(code == 2 && text.contains("cargo ch02 cluster --dir"), "{text}");

    let mut cluster = Running::start(&dir);
    let says = |text: &str, wanted: &str| assert!(text.contains(wanted), "{wanted:?} in {text:?}");

    let (text, code) = ch02(&dir, &["client", "buy", "umbrella"]);
    says(&text, "done");
    assert_eq!(code, 0);
    let (text, _) = ch02(&dir, &["restart", "coord", "--crash-after-effect", "5"]);
    says(&text, "it will die by itself right after effect 5");
    let (text, code) = ch02(&dir, &["client", "buy", "umbrella", "--key", "mine"]);
    says(&text, "ask again with the same key, --key mine");
    assert_eq!(code, 3);
    let (text, _) = ch02(&dir, &["client", "in-doubt"]);
    says(&text, "coord  down");
    says(&text, "stock  in doubt: tx 2.1; locked: umbrella");
    says(&text, "pay    in doubt: tx 2.1; locked: alice, till");
    let (text, _) = ch02(&dir, &["restart", "coord"]);
    says(&text, "coord is back");
    until(&dir, &["client", "in-doubt"], "stock  in doubt: nothing; locked: nothing");
    let (text, code) = ch02(&dir, &["client", "buy", "umbrella", "--key", "mine"]);
    says(&text, "done, key mine");
    assert_eq!(code, 0);
    until(&dir, &["client", "balances"], "umbrella 298");
    until(&dir, &["client", "balances"], "alice 476");

    let (text, _) = ch02(&dir, &["kill", "stock"]);
    says(&text, "kept:  its log");
    let (text, code) = ch02(&dir, &["client", "buy", "boots"]);
    says(&text, "nothing was done, use a new key");
    assert_eq!(code, 1);
    says(&ch02(&dir, &["restart", "stock"]).0, "stock is back");
    says(&ch02(&dir, &["client", "buy", "boots"]).0, "done");
    let (text, code) = ch02(&dir, &["load", "--clients", "2", "--seconds", "1"]);
    says(&text, "verdict: ok");
    assert_eq!(code, 0);

    assert!(cluster.ends_in_order(), "Ctrl-C ends it");
    assert_eq!(ch02(&dir, &["status"]).1, 2);
}

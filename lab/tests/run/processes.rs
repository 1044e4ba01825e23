//! Drivers in processes of their own, killed the hard way. The children are this test program,
//! started again for one ignored test that is a role, not a test.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use lab::NodeId;
use lab::run::children::{self, Child};
use lab::run::{Config, Data, Driver};

use crate::toy::{Ledger, Msg, Words};

const DEADLINE: Duration = Duration::from_secs(30);
const PRIMARY: NodeId = NodeId(1);
const BACKUP: NodeId = NodeId(2);

/// Lines in: `peer ID ADDRESS`, `add N`. Lines out: `ready ADDRESS`, `added AT`, `sum ENTRIES SUM`.
#[test]
#[ignore = "a role that the other tests start as a process"]
fn role() {
    let var = |name: &str| std::env::var(name).ok();
    let Some(me) = var("LEDGER_NODE") else { return };
    let me = NodeId(me.parse().unwrap());
    let dir = var("LEDGER_DIR").unwrap().into();
    let data = if var("LEDGER_POWER").is_some() { Data::PowerCut(dir) } else { Data::Dir(dir) };
    let mut config = Config::new(7, me, data);
    config.crash_after_effect = var("LEDGER_CRASH").map(|k| k.parse().unwrap());
    let other = if me == PRIMARY { BACKUP } else { PRIMARY };
    let driver = Arc::new(Driver::start(config, Ledger::new(other), ()).unwrap());
    println!();
    children::say_ready(driver.addr());
    let (for_lines, for_end) = (Arc::clone(&driver), Arc::clone(&driver));
    children::watch_stdin(move |line| obey(&for_lines, &line), move || for_end.stop());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(driver.ended());
}

fn obey(driver: &Driver<Words>, line: &str) {
    let words: Vec<_> = line.split(' ').collect();
    match words[..] {
        ["peer", id, addr] => {
            let id = NodeId(id.parse().unwrap());
            driver.set_peers(BTreeMap::from([(id, addr.parse::<SocketAddr>().unwrap())]));
        }
        ["add", number] => {
            let number = number.parse().unwrap();
            let clients = driver.clients();
            driver.runtime().spawn(async move {
                let mut client = clients.connect().unwrap();
                client.send(Msg::Add(number)).await.unwrap();
                if let Some(Msg::Added { at }) = client.recv().await {
                    println!("added {at}");
                }
            });
        }
        ["sum"] => {
            let clients = driver.clients();
            driver.runtime().spawn(async move {
                let mut client = clients.connect().unwrap();
                client.send(Msg::Ask).await.unwrap();
                if let Some(Msg::Sum { entries, sum }) = client.recv().await {
                    println!("sum {entries} {sum}");
                }
            });
        }
        _ => panic!("what does {line:?} mean?"),
    }
}

fn command(me: NodeId, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "processes::role", "--ignored", "--nocapture", "--test-threads=1"]);
    let mut name = String::new();
    write!(name, "{me}").unwrap();
    command.env("LEDGER_NODE", me.0.to_string()).env("LEDGER_DIR", dir.join(name));
    command
}

fn start(me: NodeId, dir: &Path) -> Child {
    Child::start(&me.to_string(), command(me, dir), DEADLINE).unwrap()
}

fn introduce(primary: &mut Child, backup: &mut Child) {
    let (a, b) = (primary.addr(), backup.addr());
    primary.tell(&format!("peer 2 {b}")).unwrap();
    backup.tell(&format!("peer 1 {a}")).unwrap();
}

fn wait_for(child: &mut Child, prefix: &str) -> String {
    loop {
        let line = child.line(DEADLINE).expect("a line in time");
        if let Some(rest) = line.strip_prefix(prefix) {
            return rest.to_owned();
        }
    }
}

#[test]
fn what_was_acknowledged_survives_kill_nine_even_when_the_power_goes_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let powered = |me| {
        let mut command = command(me, dir.path());
        command.env("LEDGER_POWER", "cut");
        Child::start(&me.to_string(), command, DEADLINE).unwrap()
    };
    let mut primary = powered(PRIMARY);
    let mut backup = powered(BACKUP);
    for round in 0..4 {
        introduce(&mut primary, &mut backup);
        primary.tell("add 10").unwrap();
        assert_eq!(wait_for(&mut primary, "added "), round.to_string());
        let victim = if round % 2 == 0 { &mut primary } else { &mut backup };
        victim.kill().unwrap();
        victim.restart().unwrap();
        for node in [&mut primary, &mut backup] {
            node.tell("sum").unwrap();
            assert_eq!(wait_for(node, "sum "), format!("{} {}", round + 1, 10 * (round + 1)));
        }
    }
    assert!(primary.stop().unwrap().success());
}

#[test]
fn a_crash_after_any_effect_of_the_backup_keeps_the_promise() {
    let dir = tempfile::tempdir().unwrap();
    let mut primary = start(PRIMARY, dir.path());
    // Its effects in each start: 1 keep the entry, 2 acknowledge it.
    for (round, crash) in [1, 2].into_iter().enumerate() {
        let mut command = command(BACKUP, dir.path());
        command.env("LEDGER_CRASH", crash.to_string());
        let mut backup = Child::start("backup", command, DEADLINE).unwrap();
        introduce(&mut primary, &mut backup);
        primary.tell("add 1").unwrap();
        assert!(!backup.wait().unwrap().success(), "it aborts");
        backup.command().env_remove("LEDGER_CRASH");
        backup.restart().unwrap();
        // The persist was carried out, so the record is there, acknowledged or not.
        backup.tell("sum").unwrap();
        assert_eq!(wait_for(&mut backup, "sum "), format!("{0} {0}", round + 1));
        introduce(&mut primary, &mut backup);
        assert_eq!(wait_for(&mut primary, "added "), round.to_string());
    }
}

#[test]
fn a_child_ends_in_order_when_its_parent_stops_it() {
    let dir = tempfile::tempdir().unwrap();
    let child = start(PRIMARY, dir.path());
    assert!(child.stop().unwrap().success());
}

#[test]
fn a_child_that_ends_early_or_is_never_ready_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut unnamed = command(PRIMARY, dir.path());
    unnamed.env_remove("LEDGER_NODE");
    let error = Child::start("unnamed", unnamed, DEADLINE).unwrap_err();
    assert!(matches!(error, children::ChildError::Ended { .. }), "{error}");
}

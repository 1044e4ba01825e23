//! What single parts of the kit cost, each beside a floor: a step of a node, the search of all
//! states, the judge of histories, and the log's group commit.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

#[path = "../tests/kit/numbers.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod numbers;
#[path = "../tests/kit/classic/party.rs"]
mod party;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::check::linear::{self, Budget, Model};
use lab::check::{Entry, History, Type, Verdict};
use lab::explore::{Limits, explore};
use lab::node::react;
use lab::pump::Pump;
use lab::run::disk::FileDisk;
use lab::run::wal::{Identity, Options, Wal};
use lab::{Input, NodeId, fingerprint};
use serde_json::{Value, json};

const ROUNDS: usize = 7;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    steps(if quick { 100 } else { 200_000 });
    pump(if quick { 1_000 } else { 20_000_000 });
    states(if quick { 1 } else { ROUNDS });
    histories(if quick { 10 } else { 1_000 });
    group_commit(if quick { (1, 4) } else { (ROUNDS, 100) });
}

/// A step that changes nothing and asks for nothing, beside a copy and a fingerprint of the node.
fn steps(count: u32) {
    println!("A step without effects should cost less than a copy of its node.");
    let mut node = party::model(5).roles.remove(0).program;
    let each = |work: &mut dyn FnMut()| {
        let began = Instant::now();
        (0..count).for_each(|_| work());
        began.elapsed().as_nanos() as f64 / f64::from(count)
    };
    let said = || Input::Message { from: NodeId(1), msg: party::Msg::Prepared };
    let step = each(&mut || drop(black_box(react(&mut node, NodeId(0), Duration::ZERO, said()))));
    let copy = each(&mut || drop(black_box(node.clone())));
    let print = each(&mut || {
        black_box(fingerprint(&node));
    });
    println!("step {step:.0} ns, copy {copy:.0} ns, fingerprint {print:.0} ns\n");
}

/// Two nodes that count and answer each other; what a step costs when nothing stands between nodes.
fn pump(count: usize) {
    const SERVER: NodeId = NodeId(1);
    const CLIENT: NodeId = NodeId(2);
    let answers: numbers::Rule = |number, input, cx| {
        if let Input::Message { from, msg } = input {
            *number += 1;
            cx.send(from, numbers::Number(msg.0 + 1));
        }
    };
    let nodes = [SERVER, CLIENT].map(|id| (id, numbers::keeper(answers)));
    let mut pump = Pump::new(nodes, &mut ());
    pump.send(CLIENT, SERVER, numbers::Number(0));
    pump.run(1_000, &mut ());
    let began = Instant::now();
    let counted = allocation_counter::measure(|| assert_eq!(pump.run(count, &mut ()), count));
    let rate = count as f64 / began.elapsed().as_secs_f64() / 1e6;
    println!("The pump: {rate:.0} million steps a second (aim: 25), and no allocation.\n");
    assert_eq!(counted.count_total, 0, "a step in steady state allocates nothing");
}

fn states(rounds: usize) {
    println!("Unique states a second of the classic two-phase commit, on all cores.");
    for (managers, states) in [(3, 288), (5, 8_832), (7, 296_448)] {
        let model = party::model(managers);
        let mut times: Vec<Duration> = (0..rounds)
            .map(|_| {
                let began = Instant::now();
                assert_eq!(explore(&model, &Limits::safety(0)).graph.states(), states);
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!("{states:>6} {:>10.0}/s", states as f64 / times[rounds / 2].as_secs_f64());
    }
    println!();
}

/// Is it linearizable? A long history that is, and a short one that is not.
fn histories(rounds: u64) {
    println!("Histories of a register, judged with all orders that the clients cannot exclude.");
    let mut all = History::default();
    // Ten clients at a time: they ask, and are answered in the order in which it was done.
    for round in 0..rounds {
        let value = |client| json!(round * 10 + client);
        let key = |client| json!((round + client) % 10);
        for client in 0..10 {
            line(&mut all, client, (Type::Invoke, "write"), key(client), value(client));
        }
        for client in 0..10 {
            line(&mut all, client, (Type::Ok, "write"), key(client), Value::Null);
        }
    }
    judge("over ten keys", &all, true);
    let mut all = History::default();
    let key = || json!("umbrella");
    for client in 0..10 {
        line(&mut all, client, (Type::Invoke, "write"), key(), json!(client));
    }
    for client in 0..10 {
        line(&mut all, client, (Type::Ok, "write"), key(), Value::Null);
    }
    // One value, and later another one: the writes were over.
    for value in 0..2 {
        line(&mut all, 10, (Type::Invoke, "read"), key(), Value::Null);
        line(&mut all, 10, (Type::Ok, "read"), key(), json!(value));
    }
    judge("ten writes at once, refuted", &all, false);
    println!();
}

fn line(all: &mut History, process: u64, (kind, f): (Type, &str), key: Value, value: Value) {
    let time = all.entries.len() as u64;
    all.entries.push(Entry { process, kind, f: f.into(), key, value, time });
}

fn judge(name: &str, history: &History, is_right: bool) {
    let began = Instant::now();
    let judged = linear::check(history, &Model::Register.into(), &mut Budget::states(10_000_000));
    let took = began.elapsed();
    let judged = judged.expect("a history");
    assert_eq!(matches!(judged.verdict, Verdict::Ok), is_right, "{:?}", judged.verdict);
    println!(
        "{:>6} operations {name}: {:.1} ms",
        judged.counts.operations,
        took.as_secs_f64() * 1e3
    );
}

/// So many writers wait at a time; one fsync serves them all. The sizes take turns.
fn group_commit((rounds, syncs): (usize, u32)) {
    println!("Writers that wait together share an fsync: records grow with them, writes do not.");
    println!("{:>8} {:>12} {:>16}", "writers", "records/s", "fsyncs/s");
    let dir = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("a folder");
    let disk = FileDisk::open(dir.path()).expect("the disk works");
    let identity = Identity { cluster: 1, node: 1 };
    let recovered = Wal::recover(Box::new(disk), identity, Options::default());
    let mut wal = recovered.expect("an empty log").wal;
    let mut rows = [1, 2, 4, 8, 16, 32, 64].map(|writers| (writers, Vec::new()));
    for _ in 0..rounds {
        for (writers, times) in &mut rows {
            let began = Instant::now();
            for _ in 0..syncs {
                for _ in 0..*writers {
                    wal.append(&[7; 100]).expect("a short record");
                }
                wal.sync().expect("the disk works");
            }
            times.push(began.elapsed());
        }
    }
    for (writers, mut times) in rows {
        times.sort_unstable();
        let fsyncs = f64::from(syncs) / times[rounds / 2].as_secs_f64();
        println!("{writers:>8} {:>12.0} {fsyncs:>16.0}", fsyncs * f64::from(writers));
    }
}

//! What single parts of the chapter cost, each beside a floor: a step of the store, the search of small
//! worlds, and an entry of many commands in the log on disk.
//!
//! # Left out
//!
//! A whole put: that is `ch03_steps`. Many of them in memory: that is `ch03_peers`.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ch03_paxos::designs::row;
use ch03_paxos::group::{Group, Input};
use ch03_paxos::replicated_kv::{Config, Replica};
use ch03_paxos::types::kv::{Blob, Command, Entry, Msg as Kv, Op, Origin, Record as Kept};
use ch03_paxos::types::log::Slot;
use ch03_paxos::types::{Ballot, Msg, Record};
use ch03_paxos::worlds::{REPLICAS, Scope};
use lab::explore::{Limits, explore};
use lab::fingerprint;
use lab::node::react;
use lab::run::disk::FileDisk;
use lab::run::wal::{Identity, Options, Wal};

const ROUNDS: usize = 7;
/// Bytes of a value.
const VALUE: usize = 256;
const LEADER: Ballot = Ballot { round: 1, node: REPLICAS[0], start: 1 };

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    steps(if quick { 100 } else { 20_000 });
    states(if quick { 1 } else { ROUNDS });
    entries(if quick { (1, 4) } else { (ROUNDS, 100) });
}

/// So many writes as one entry.
fn entry(commands: u64) -> Entry {
    let command = |number| {
        let (key, value) = (Blob::new("umbrella"), Blob(Bytes::from(vec![7; VALUE])));
        let origin = Origin { replica: REPLICAS[0], start: 1, number };
        Command { origin, id: None, op: Op::Set { key, value, only_new: false } }
    };
    Entry::Batch((1..=commands).map(command).collect())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

/// A follower accepts and executes slot after slot, and takes a question that changes nothing.
fn steps(slots: u64) {
    println!("A step of a follower of the store. The floor is a step that changes nothing.");
    let mut node = Replica::new(Group::new(&REPLICAS), Config::default());
    let mut takes = |input: Input| black_box(react(&mut node, REPLICAS[1], Duration::ZERO, input));
    let from_leader = |msg| Input::Message { from: REPLICAS[0], msg: Msg::Kv(msg) };
    takes(Input::Boot { start: 1 });
    let of_one = entry(1);
    let mut times = [Duration::ZERO; 3];
    for slot in (1..=slots).map(Slot) {
        let changes = 0;
        let accept = Kv::Accept { ballot: LEADER, changes, slot, entry: of_one.clone() };
        let commit = Kv::Commit { ballot: LEADER, open: slot.next() };
        let confirm = Kv::Confirm { ballot: LEADER, round: slot.0 };
        for (time, msg) in times.iter_mut().zip([accept, commit, confirm]) {
            let input = from_leader(msg);
            let began = Instant::now();
            takes(input);
            *time += began.elapsed();
        }
    }
    let [accept, commit, confirm] = times.map(|time| time.as_nanos() as f64 / slots as f64);
    println!("accept {accept:.0} ns, commit and execute {commit:.0} ns, floor {confirm:.0} ns\n");
}

/// Unique states a second, beside a step with a copy and a fingerprint of the node: less no search can do.
fn states(rounds: usize) {
    println!("Unique states a second of single-decree Paxos, on all cores.");
    let world = row("step4").model(Scope::TWO);
    for (crashes, states) in [(0, 14_032), (1, 151_174)] {
        let limits = Limits { timeouts: Some(0), ..Limits::safety(crashes) };
        let times = (0..rounds).map(|_| {
            let began = Instant::now();
            assert_eq!(explore(&world, &limits).graph.states(), states);
            began.elapsed()
        });
        println!("{states:>8} {:>10.0}/s", states as f64 / median(times.collect()));
    }
    let acceptor = world.roles.iter().find(|role| role.id == REPLICAS[0]).expect("a replica");
    let count = 1_000 * u32::try_from(rounds).expect("a few");
    let began = Instant::now();
    for round in 1..=count {
        let mut node = acceptor.program.clone();
        let ballot = Ballot { round, ..LEADER };
        let input = Input::Message { from: LEADER.node, msg: Msg::Prepare { ballot } };
        black_box(react(&mut node, REPLICAS[0], Duration::ZERO, input));
        black_box(fingerprint(&node));
    }
    let floor = f64::from(count) / began.elapsed().as_secs_f64();
    println!("floor: {floor:.0} steps with a copy and a fingerprint a second, on one core\n");
}

/// One entry a fsync, of more and more commands. The sizes take turns.
fn entries((rounds, syncs): (usize, u32)) {
    println!("Writes of {VALUE} bytes that share an entry share its fsync.");
    println!("{:>8} {:>12} {:>12}", "commands", "commands/s", "fsyncs/s");
    let dir = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("a folder");
    let disk = FileDisk::open(dir.path()).expect("the disk works");
    let identity = Identity { cluster: 1, node: REPLICAS[0].0 };
    let recovered = Wal::recover(Box::new(disk), identity, Options::default());
    let mut wal = recovered.expect("an empty log").wal;
    let record = |commands| {
        let (slot, ballot, entry) = (Slot::FIRST, LEADER, entry(commands));
        postcard::to_allocvec(&Record::Kv(Kept::Accepted { slot, ballot, entry })).expect("data")
    };
    let mut rows = [1, 4, 16, 64, 256].map(|commands| (commands, record(commands), Vec::new()));
    for _ in 0..rounds {
        for (_, bytes, times) in &mut rows {
            let began = Instant::now();
            for _ in 0..syncs {
                wal.append(bytes).expect("a short record");
                wal.sync().expect("the disk works");
            }
            times.push(began.elapsed());
        }
    }
    for (commands, _, times) in rows {
        let fsyncs = f64::from(syncs) / median(times);
        println!("{commands:>8} {:>12.0} {fsyncs:>12.0}", fsyncs * commands as f64);
    }
}

//! Stepping goes on while the disk works, and nothing leaves before what it waits for is durable.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use lab::Input;
use lab::run::disk::{Disk, MemDisk};
use lab::run::{Client, Config, Context, Data, Driver, Observer};

use crate::cluster::{BACKUP, JoinAfterStop, PRIMARY, ask, introduce, run, start};
use crate::toy::{Ledger, Msg, Note, Record, Words};

/// A disk in memory that does something before each fsync.
struct Before<F>(MemDisk, F);

impl<F: FnMut() + Send> Disk for Before<F> {
    fn list(&mut self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn read(&mut self, file: &str) -> io::Result<Vec<u8>> {
        self.0.read(file)
    }

    fn create(&mut self, file: &str) -> io::Result<()> {
        self.0.create(file)
    }

    fn write(&mut self, file: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write(file, at, bytes)
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        (self.1)();
        self.0.sync(file)
    }

    fn truncate(&mut self, file: &str, len: u64) -> io::Result<()> {
        self.0.truncate(file, len)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        self.0.remove(file)
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.0.sync_dir()
    }
}

#[test]
fn a_node_is_stepped_while_its_disk_works_and_what_waits_for_the_disk_does() {
    let stalls = Arc::new(AtomicBool::new(false));
    let (begun, fsync_begins) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let is_stalling = Arc::clone(&stalls);
    let stall = move || {
        if is_stalling.load(SeqCst) {
            begun.send(()).unwrap();
            // An error: the test is over.
            let _ = may_go_on.recv();
        }
    };
    let disk = Box::new(Before(MemDisk::new(), stall));
    let (notes, noted) = mpsc::channel();
    run(async {
        let config = Config::new(7, PRIMARY, Data::Disk(disk));
        let config = Config { max_sync_delay: Duration::ZERO, ..config };
        let driver = Driver::start(config, Ledger::new(BACKUP), Notes(notes)).unwrap();
        // Dropped before the driver is: where an assertion fails, the disk goes on.
        let go_on = go_on;
        let clients = driver.clients();
        let [one, two, three] = [(); 3].map(|()| clients.connect().unwrap());
        let mut asking = clients.connect().unwrap();
        // Connected, all of them: the next input is alone.
        assert_eq!(ask(&mut asking, Msg::Ask).await, Msg::Sum { entries: 0, sum: 0 });
        stalls.store(true, SeqCst);
        one.send(Msg::Jot(1)).await.unwrap();
        fsync_begins.recv().unwrap();
        // One input: the node's own thread is in that fsync, and two more inputs come.
        two.send(Msg::Jot(2)).await.unwrap();
        three.send(Msg::Jot(3)).await.unwrap();
        go_on.send(()).unwrap();
        fsync_begins.recv().unwrap();
        for (entries, sum, number) in [(3, 6, 4), (4, 10, 5)] {
            let answer = ask(&mut asking, Msg::Ask).await;
            assert_eq!(answer, Msg::Sum { entries, sum }, "while the disk works");
            one.send(Msg::Jot(number)).await.unwrap();
        }
        assert_eq!(ask(&mut asking, Msg::Ask).await, Msg::Sum { entries: 5, sum: 15 });
        assert_eq!(noted.try_iter().collect::<Vec<_>>(), [Note::Jotted(0)], "what is durable");
        go_on.send(()).unwrap();
        fsync_begins.recv().unwrap();
        let covered = [Note::Jotted(1), Note::Jotted(2)];
        assert_eq!(noted.try_iter().collect::<Vec<_>>(), covered, "the others came too late");
        go_on.send(()).unwrap();
        assert_eq!([(); 2].map(|()| noted.recv().unwrap()), [3, 4].map(Note::Jotted));
        assert_eq!(driver.counts().syncs, 3);
        drop(go_on);
        driver.join_after_stop();
    });
}

/// Passes on what the node notes.
struct Notes(mpsc::Sender<Note>);

impl Observer<Words> for Notes {
    fn note(&mut self, note: &Note, _: &Context) {
        let _ = self.0.send(note.clone());
    }
}

/// Collects what a log held.
#[derive(Clone, Default)]
struct Replayed(Arc<Mutex<BTreeSet<u64>>>);

impl Observer<Words> for Replayed {
    fn input(&mut self, input: &Input<Words>, context: Context) -> Context {
        if let Input::Replay(Record { number, .. }) = input {
            self.0.lock().unwrap().insert(*number);
        }
        context
    }
}

/// Adds numbers until its connection ends; gives those that were acknowledged.
async fn add_until_the_end(mut client: Client<Words>, first: u64) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    for number in first..first + 1000 {
        if client.send(Msg::Add(number)).await.is_err() {
            break;
        }
        match client.recv().await {
            Some(Msg::Added { .. }) => acknowledged.push(number),
            Some(other) => panic!("{other}"),
            None => break,
        }
    }
    acknowledged
}

fn powered(disk: &MemDisk) -> Config {
    // Other threads get a turn: more comes in while the disk works.
    let slow = || (0..100).for_each(|_| std::thread::yield_now());
    let data = Data::Disk(Box::new(Before(disk.clone(), slow)));
    Config { exit_on_fatal: false, ..Config::new(7, PRIMARY, data) }
}

#[test]
fn what_many_clients_were_acknowledged_survives_a_power_cut() {
    for round in 0..20 {
        let disk = MemDisk::new();
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let backup = start(crate::cluster::config(BACKUP, dir.path()));
            let primary = start(powered(&disk));
            introduce(&primary, &backup).await;
            disk.cut_power_at(disk.ops() + 20 + 3 * round);
            let clients = primary.clients();
            let adding: Vec<_> = (0..8)
                .map(|n| tokio::spawn(add_until_the_end(clients.connect().unwrap(), 1000 * n)))
                .collect();
            primary.ended().await;
            let mut acknowledged = Vec::new();
            for client in adding {
                acknowledged.extend(client.await.unwrap());
            }
            assert!(!acknowledged.is_empty());
            drop(primary);
            disk.restart(round);
            let replayed = Replayed::default();
            let node = Ledger::new(BACKUP);
            let again = Driver::start(powered(&disk), node, replayed.clone()).unwrap();
            let kept = replayed.0.lock().unwrap().clone();
            let lost: Vec<_> = acknowledged.iter().filter(|n| !kept.contains(n)).collect();
            assert!(lost.is_empty(), "{lost:?} of {}", acknowledged.len());
            again.join_after_stop();
        });
    }
}

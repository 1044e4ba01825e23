//! Two drivers in one process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use lab::run::disk::MemDisk;
use lab::run::wal::Options;
use lab::run::{
    Client, Clients, Config, Context, Data, Driver, Fatal, Observer, Refused, server_of,
};
use lab::{Input, NodeId};

use crate::toy::{Ledger, Msg, Note, Record, Words};

pub(crate) const PRIMARY: NodeId = NodeId(1);
pub(crate) const BACKUP: NodeId = NodeId(2);
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn other(me: NodeId) -> NodeId {
    if me == PRIMARY { BACKUP } else { PRIMARY }
}

pub(crate) fn config(me: NodeId, dir: &Path) -> Config {
    Config::new(7, me, Data::Dir(dir.join(me.to_string())))
}

pub(crate) fn start(config: Config) -> Driver<Words> {
    let node = Ledger::new(other(config.me));
    Driver::start(config, node, ()).unwrap()
}

/// Tells each of the two the address of the other, and waits until they are connected.
pub(crate) async fn introduce(primary: &Driver<Words>, backup: &Driver<Words>) {
    let book = BTreeMap::from([(PRIMARY, primary.addr()), (BACKUP, backup.addr())]);
    primary.set_peers(book.clone());
    backup.set_peers(book);
    primary.linked_to(&[BACKUP]).await;
    backup.linked_to(&[PRIMARY]).await;
}

pub(crate) async fn ask(client: &mut Client<Words>, msg: Msg) -> Msg {
    client.send(msg).await.unwrap();
    client.recv().await.expect("answered")
}

pub(crate) async fn add(clients: &Clients<Words>, range: std::ops::Range<u64>) {
    let mut client = clients.connect().unwrap();
    for number in range {
        assert!(matches!(ask(&mut client, Msg::Add(number)).await, Msg::Added { .. }));
    }
}

pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, test).await.expect("in time") });
}

#[test]
fn two_nodes_keep_what_they_acknowledged_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        for round in 0..3u64 {
            let primary = start(config(PRIMARY, dir.path()));
            let backup = start(config(BACKUP, dir.path()));
            assert_eq!(primary.start_count(), round + 1);
            introduce(&primary, &backup).await;
            add(&primary.clients(), 0..10).await;
            let expected = Msg::Sum { entries: 10 * (round as usize + 1), sum: 45 * (round + 1) };
            for node in [&primary, &backup] {
                let mut client = node.clients().connect().unwrap();
                assert_eq!(ask(&mut client, Msg::Ask).await, expected);
            }
            primary.join_after_stop();
            backup.join_after_stop();
        }
    });
}

/// For tests in which an orderly end is not the point.
pub(crate) trait JoinAfterStop {
    fn join_after_stop(self);
}

impl JoinAfterStop for Driver<Words> {
    fn join_after_stop(self) {
        self.stop();
        self.join().unwrap();
    }
}

#[test]
fn one_client_costs_one_fsync_a_record_and_many_share_them() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let primary = start(config(PRIMARY, dir.path()));
        let backup = start(config(BACKUP, dir.path()));
        introduce(&primary, &backup).await;
        add(&primary.clients(), 0..20).await;
        let alone = primary.counts();
        assert_eq!((alone.records, alone.syncs), (20, 20));

        let clients = primary.clients();
        let load = (0..32).map(|_| {
            let clients = clients.clone();
            tokio::spawn(async move { add(&clients, 0..20).await })
        });
        for task in load.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let crowd = primary.counts();
        let (records, syncs) = (crowd.records - alone.records, crowd.syncs - alone.syncs);
        assert_eq!(records, 32 * 20);
        assert!(syncs * 2 < records, "{syncs} fsyncs for {records} records");
        assert!(crowd.writes < crowd.frames_out, "frames released together leave together");
    });
}

#[test]
fn a_peer_that_was_away_gets_the_message_again_from_the_node_and_not_from_the_driver() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let primary = start(config(PRIMARY, dir.path()));
        let mut client = primary.clients().connect().unwrap();
        client.send(Msg::Add(5)).await.unwrap();
        // No node listens: the frame is dropped and counted.
        while primary.counts().dropped == 0 {
            tokio::task::yield_now().await;
        }
        let backup = start(config(BACKUP, dir.path()));
        introduce(&primary, &backup).await;
        assert_eq!(client.recv().await, Some(Msg::Added { at: 0 }));
    });
}

#[test]
fn another_node_answers_a_client_that_is_connected_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let primary = start(config(PRIMARY, dir.path()));
        let backup = start(config(BACKUP, dir.path()));
        introduce(&primary, &backup).await;
        add(&primary.clients(), 3..5).await;
        let mut client = primary.clients().connect().unwrap();
        assert_eq!(server_of(client.id()), Some(PRIMARY));
        let sum = Msg::Sum { entries: 2, sum: 7 };
        assert_eq!(ask(&mut client, Msg::AskBackup).await, sum);
    });
}

struct Watch(mpsc::Sender<(String, Vec<u8>)>);

impl Observer<Words> for Watch {
    fn input(&mut self, input: &Input<Words>, context: Context) -> Context {
        let words = match input {
            Input::Replay(record) => record.to_string(),
            Input::Message { msg, .. } => msg.to_string(),
            Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => return context,
        };
        let _ = self.0.send((words, context.as_bytes().to_vec()));
        context
    }

    fn note(&mut self, note: &Note, _: &Context) {
        let _ = self.0.send((note.to_string(), Vec::new()));
    }
}

#[test]
fn a_context_travels_with_messages_records_and_answers() {
    let dir = tempfile::tempdir().unwrap();
    let (seen, at_backup) = mpsc::channel();
    run(async {
        let primary = start(config(PRIMARY, dir.path()));
        let watch = Watch(seen.clone());
        let backup =
            Driver::start(config(BACKUP, dir.path()), Ledger::new(PRIMARY), watch).unwrap();
        introduce(&primary, &backup).await;
        let mut client = primary.clients().connect().unwrap();
        let context = Context::new(b"trace 1").unwrap();
        client.send_with(Msg::Add(9), context).await.unwrap();
        assert_eq!(client.recv_with().await.unwrap().context, context);
        drop(backup);
        // A second start reads it from the log.
        let watch = Watch(seen);
        drop(Driver::start(config(BACKUP, dir.path()), Ledger::new(PRIMARY), watch).unwrap());
    });
    let copy = Msg::Copy { at: 0, number: 9 }.to_string();
    let entry = Record { at: 0, number: 9 }.to_string();
    let received: Vec<_> = at_backup.iter().collect();
    for words in [copy, entry] {
        assert!(received.contains(&(words, b"trace 1".to_vec())), "{received:?}");
    }
}

#[test]
fn a_dropped_client_is_gone_after_everything_it_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (seen, inputs) = mpsc::channel();
    run(async {
        let node = Ledger::new(BACKUP);
        let driver = Driver::start(config(PRIMARY, dir.path()), node, Watch(seen)).unwrap();
        let client = driver.clients().connect().unwrap();
        for _ in 0..3 {
            client.send(Msg::Ask).await.unwrap();
        }
        let left = Note::Left(client.id()).to_string();
        drop(client);
        driver.join_after_stop();
        let received: Vec<_> = inputs.iter().map(|(words, _)| words).collect();
        assert_eq!(received, ["Ask", "Ask", "Ask", left.as_str()]);
    });
}

#[test]
fn a_client_that_does_not_receive_loses_its_connection_and_no_other_does() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let driver = start(Config { client_queue: 2, clients: 2, ..config(PRIMARY, dir.path()) });
        let clients = driver.clients();
        let mut slow = clients.connect().unwrap();
        let mut other = clients.connect().unwrap();
        assert!(matches!(clients.connect(), Err(Refused::Full { limit: 2 })));
        for _ in 0..3 {
            slow.send(Msg::Ask).await.unwrap();
        }
        let sum = Msg::Sum { entries: 0, sum: 0 };
        assert_eq!(ask(&mut other, Msg::Ask).await, sum);
        let mut answers = 0;
        while slow.recv().await.is_some() {
            answers += 1;
        }
        assert_eq!(answers, 2);
        drop(slow);
        assert!(clients.connect().is_ok());
    });
}

#[test]
fn the_last_handle_may_be_dropped_on_the_node_s_own_thread() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        for _ in 0..2 {
            let driver = start(config(PRIMARY, dir.path()));
            let mut client = driver.clients().connect().unwrap();
            client.send(Msg::Jot(1)).await.unwrap();
            let on_its_thread = driver.runtime().spawn(async move { drop(driver) });
            on_its_thread.await.expect("nothing panics");
            // It ends in order, and gives its directory back.
            assert_eq!(client.recv().await, None);
        }
        let driver = start(config(PRIMARY, dir.path()));
        let mut client = driver.clients().connect().unwrap();
        assert_eq!(ask(&mut client, Msg::Ask).await, Msg::Sum { entries: 2, sum: 2 });

        let joining = driver.runtime().spawn(async move { driver.join() });
        assert!(joining.await.unwrap_err().is_panic(), "it says that this cannot be");
        assert_eq!(client.recv().await, None);
    });
}

#[test]
fn a_failed_sync_ends_the_driver_before_anything_is_acknowledged() {
    let disk = MemDisk::new();
    run(async {
        let data = Data::Disk(Box::new(disk.clone()));
        let mut config = Config::new(7, PRIMARY, data);
        config.exit_on_fatal = false;
        let driver = start(config);
        // The next two operations are the write and the sync of the first record.
        let before = disk.ops();
        disk.fail_at(before + 2);
        let mut client = driver.clients().connect().unwrap();
        client.send(Msg::Add(1)).await.unwrap();
        assert_eq!(client.recv().await, None);
        driver.ended().await;
        assert!(client.send(Msg::Ask).await.is_err());
        assert!(matches!(driver.join(), Err(Fatal::Log(_))));
        assert_eq!(disk.ops(), before + 2, "nothing was tried again");
    });
}

#[test]
fn a_data_directory_belongs_to_one_process_one_node_and_one_cluster() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let path = dir.path().join(PRIMARY.to_string());
        let try_start = |cluster, me| {
            let config = Config::new(cluster, me, Data::Dir(path.clone()));
            Driver::start(config, Ledger::new(BACKUP), ()).map(|_| ()).unwrap_err().to_string()
        };
        let running = start(config(PRIMARY, dir.path()));
        let error = try_start(7, PRIMARY);
        assert!(error.contains("still running"), "{error}");
        running.join_after_stop();
        for (cluster, me) in [(8, PRIMARY), (7, BACKUP)] {
            let error = try_start(cluster, me);
            assert!(error.contains("choose the right data directory"), "{error}");
        }
    });
}

#[test]
fn snapshots_shorten_the_log_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        for round in 1..=2u64 {
            let node = Ledger::new(BACKUP).with_snapshots(4);
            let small = Config {
                log: Options { segment: 512, ..Options::default() },
                ..config(PRIMARY, dir.path())
            };
            let primary = Driver::start(small, node, ()).unwrap();
            let backup = start(config(BACKUP, dir.path()));
            introduce(&primary, &backup).await;
            add(&primary.clients(), 0..10).await;
            assert_eq!(primary.counts().syncs, 10, "a snapshot needs no fsync of its own");
            let mut client = primary.clients().connect().unwrap();
            let sum = Msg::Sum { entries: 10 * round as usize, sum: 45 * round };
            assert_eq!(ask(&mut client, Msg::Ask).await, sum);
        }
    });
    let first = dir.path().join(PRIMARY.to_string()).join("000000000001.log");
    assert!(!first.exists(), "what is dropped is removed");
}

#[test]
fn bytes_that_are_no_frames_close_that_connection_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let primary = start(config(PRIMARY, dir.path()));
        let backup = start(config(BACKUP, dir.path()));
        introduce(&primary, &backup).await;
        let mut stranger = tokio::net::TcpStream::connect(primary.addr()).await.unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(matches!(stranger.read(&mut [0]).await, Ok(0) | Err(_)));
        add(&primary.clients(), 0..3).await;
    });
}

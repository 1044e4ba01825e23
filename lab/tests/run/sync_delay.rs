//! Records that nothing waits for.

use std::sync::mpsc;
use std::time::Duration;

use lab::run::{Config, Context, Driver, Observer};

use crate::cluster::{BACKUP, JoinAfterStop, PRIMARY, ask, config, introduce, run, start};
use crate::toy::{Ledger, Msg, Note, Words};

const NEVER: Duration = Duration::from_secs(1 << 20);

#[test]
fn a_record_that_nothing_waits_for_goes_with_the_next_fsync() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let primary = start(Config { max_sync_delay: NEVER, ..config(PRIMARY, dir.path()) });
        let backup = start(config(BACKUP, dir.path()));
        introduce(&primary, &backup).await;
        let mut client = primary.clients().connect().unwrap();
        client.send(Msg::Jot(1)).await.unwrap();
        let sum = ask(&mut client, Msg::Ask).await;
        assert_eq!(sum, Msg::Sum { entries: 1, sum: 1 }, "an answer ahead does not wait for it");
        let waiting = primary.counts();
        assert_eq!((waiting.records, waiting.syncs), (1, 0));
        assert_eq!(ask(&mut client, Msg::Add(2)).await, Msg::Added { at: 1 });
        let synced = primary.counts();
        assert_eq!((synced.records, synced.syncs), (2, 1), "what waits is not overtaken");
        client.send(Msg::Jot(3)).await.unwrap();
        assert_eq!(ask(&mut client, Msg::Ask).await, Msg::Sum { entries: 3, sum: 6 });
        primary.join_after_stop();
        let primary = start(config(PRIMARY, dir.path()));
        let mut client = primary.clients().connect().unwrap();
        let sum = ask(&mut client, Msg::Ask).await;
        assert_eq!(sum, Msg::Sum { entries: 3, sum: 6 }, "an orderly end syncs what waits");
    });
}

#[test]
fn a_record_waits_for_another_fsync_only_for_a_while() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let driver = start(config(PRIMARY, dir.path()));
        let client = driver.clients().connect().unwrap();
        client.send(Msg::Jot(1)).await.unwrap();
        while driver.counts().syncs == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(driver.counts().records, 1);
    });
}

/// Observes notes only.
struct Notes(mpsc::Sender<Note>);

impl Observer<Words> for Notes {
    fn note(&mut self, note: &Note, _: &Context) {
        let _ = self.0.send(note.clone());
    }
}

#[test]
fn an_observer_gets_a_note_when_the_records_before_it_are_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (notes, noted) = mpsc::channel();
    run(async {
        let waiting = Config { max_sync_delay: NEVER, ..config(PRIMARY, dir.path()) };
        let primary = Driver::start(waiting, Ledger::new(BACKUP), Notes(notes)).unwrap();
        let mut client = primary.clients().connect().unwrap();
        client.send(Msg::Jot(1)).await.unwrap();
        ask(&mut client, Msg::Ask).await;
        assert_eq!(primary.counts().syncs, 0);
        assert_eq!(noted.try_recv(), Err(mpsc::TryRecvError::Empty), "its record is not durable");
        client.send(Msg::Add(2)).await.unwrap();
        while primary.counts().syncs == 0 {
            tokio::task::yield_now().await;
        }
        primary.join_after_stop();
        assert_eq!(noted.recv(), Ok(Note::Jotted(0)));
    });
}

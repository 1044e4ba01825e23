//! Records that nothing waits for.

use std::time::Duration;

use lab::run::Config;

use crate::cluster::{BACKUP, JoinAfterStop, PRIMARY, ask, config, introduce, run, start};
use crate::toy::Msg;

const NEVER: Duration = Duration::from_secs(1 << 20);

#[test]
fn a_record_that_nothing_waits_for_rides_with_the_next_forced_write() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let primary = start(Config { ride: NEVER, ..config(PRIMARY, dir.path()) });
        let backup = start(config(BACKUP, dir.path()));
        introduce(&primary, &backup).await;
        let mut client = primary.clients().connect().unwrap();
        client.send(Msg::Jot(1)).await.unwrap();
        let sum = ask(&mut client, Msg::Ask).await;
        assert_eq!(sum, Msg::Sum { entries: 1, sum: 1 }, "an answer ahead does not wait for it");
        let riding = primary.counts();
        assert_eq!((riding.records, riding.syncs), (1, 0));
        assert_eq!(ask(&mut client, Msg::Add(2)).await, Msg::Added { at: 1 });
        let forced = primary.counts();
        assert_eq!((forced.records, forced.syncs), (2, 1), "what waits is not overtaken");
        client.send(Msg::Jot(3)).await.unwrap();
        assert_eq!(ask(&mut client, Msg::Ask).await, Msg::Sum { entries: 3, sum: 6 });
        primary.join_after_stop();
        let primary = start(config(PRIMARY, dir.path()));
        let mut client = primary.clients().connect().unwrap();
        let sum = ask(&mut client, Msg::Ask).await;
        assert_eq!(sum, Msg::Sum { entries: 3, sum: 6 }, "an orderly end forces what rides");
    });
}

#[test]
fn a_record_rides_for_a_while_only() {
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

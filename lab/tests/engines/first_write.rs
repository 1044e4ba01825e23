//! A real etcd keeps the first value of each key, whoever asks and however often.

use std::sync::Arc;
use std::time::Duration;

use lab::engines;
use lab::system::{Etcd, FirstWrite, Kept};

const DEADLINE: Duration = Duration::from_secs(60);

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let in_time = async { tokio::time::timeout(DEADLINE, test).await.expect("in time") };
    runtime.unwrap().block_on(in_time)
}

#[test]
fn of_two_that_ask_for_the_same_key_at_once_one_is_first_and_both_are_told_the_same() {
    let etcd = engines::Etcd::start().unwrap();
    let two = [(), ()].map(|()| Arc::new(Etcd::at(&etcd.url(), "test/").unwrap()));
    run(async {
        for round in 0..50 {
            let asking = two.each_ref().map(|store| {
                let store = Arc::clone(store);
                let own = format!("{:p} \u{0} ä", Arc::as_ptr(&store));
                tokio::spawn(async move {
                    store.create(&format!("key {round}"), own.as_bytes()).await.unwrap()
                })
            });
            let [one, other] = asking;
            let (one, other) = (one.await.unwrap(), other.await.unwrap());
            assert_eq!(one.value, other.value, "round {round}");
            assert_ne!(one.is_new, other.is_new, "round {round}");
        }
    });
}

#[test]
fn what_is_kept_survives_a_crash_and_an_etcd_that_is_away_is_an_error_in_words() {
    let mut etcd = engines::Etcd::start().unwrap();
    let away = "127.0.0.1:1";
    let both = etcd.url().replace("etcd://", &format!("etcd://{away},"));
    let (store, only_away) =
        (Etcd::at(&both, "test/").unwrap(), Etcd::at(&format!("etcd://{away}"), "").unwrap());
    let mine = Kept { value: b"mine".to_vec(), is_new: true };
    assert_eq!(run(store.create("k", b"mine")), Ok(mine.clone()), "the other member answers");
    assert!(run(only_away.create("k", b"mine")).unwrap_err().to_string().contains(away));
    etcd.crash();
    assert!(run(store.create("k", b"theirs")).is_err());
    etcd.restart_after_crash().unwrap();
    let kept = Kept { is_new: false, ..mine };
    assert_eq!(run(store.create("k", b"theirs")), Ok(kept));
}

//! A store that serves SET with NX and GET keeps the first value of each key, whichever of its servers is
//! asked and however often.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lab::system::{FirstWrite, Kept, RespStore};
use lab::testing::Rows;

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let in_time =
        async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("in time") };
    runtime.unwrap().block_on(in_time)
}

fn store(servers: &[SocketAddr]) -> RespStore {
    let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
    RespStore::at(&format!("redis://{}", names.join(",")), "test/").unwrap()
}

#[test]
fn of_two_that_ask_for_the_same_key_at_once_one_is_first_and_both_are_told_the_same() {
    run(async {
        let server = Rows::default().serve().await;
        let two = [(), ()].map(|()| Arc::new(store(&[server])));
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
fn a_server_that_refuses_is_down_or_drops_its_answer_leaves_the_question_to_the_next_one() {
    run(async {
        let all = Rows::default();
        let healthy = all.clone().serve().await;
        let refuses = all.refusing("TRYAGAIN no leader").serve().await;
        let drops = all.dropping_replies().serve().await;
        let down = SocketAddr::from(([127, 0, 0, 1], 1));
        for (key, other) in [("a", refuses), ("b", down)] {
            let kept = store(&[other, healthy]).create(key, b"mine").await;
            assert_eq!(kept, Ok(Kept { value: b"mine".to_vec(), is_new: true }), "{other}");
        }
        // It kept the row before it closed: the next server has it.
        let kept = store(&[drops, healthy]).create("c", b"mine").await;
        assert_eq!(kept, Ok(Kept { value: b"mine".to_vec(), is_new: false }));
        assert_eq!(all.all().len(), 3);
        assert!(all.all().contains_key(&b"test/a"[..]), "with its prefix");
    });
}

#[test]
fn why_no_server_answers_is_said_with_its_own_words() {
    run(async {
        let refuses = Rows::default().refusing("MISCONF disk is full").serve().await;
        let away = store(&[refuses]).create("k", b"v").await.unwrap_err().to_string();
        assert!(away.contains("MISCONF disk is full"), "{away}");
        assert!(away.contains(&refuses.to_string()), "{away}");
    });
}

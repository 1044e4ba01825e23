//! A store that serves SET with NX and GET keeps the first value of each key, whichever of its servers is
//! asked and however often.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use lab::resp::{Handler, Reply, Request, serve};
use lab::system::{FirstWrite, Kept, RespStore};
use tokio::net::TcpListener;

use crate::resp::PATIENT;

/// One of several servers of the same rows.
#[derive(Clone)]
struct Rows {
    rows: Arc<Mutex<BTreeMap<Bytes, Bytes>>>,
    /// What it answers to every request instead.
    only: Option<&'static str>,
    /// Keeps what is asked, and then closes the connection without a reply.
    drops: bool,
}

impl Handler for Rows {
    async fn handle(&mut self, requests: Vec<Request>) -> Vec<Reply> {
        let replies = requests.iter().map(|request| self.answer(request)).collect();
        if self.drops { Vec::new() } else { replies }
    }
}

impl Rows {
    fn answer(&self, request: &[Bytes]) -> Reply {
        let mut rows = self.rows.lock().unwrap();
        match (self.only, &request[0][..], request) {
            (Some(error), ..) => Reply::Error(error.into()),
            (None, b"SET", [_, key, value, nx]) if nx == "NX" => {
                if rows.contains_key(key) {
                    return Reply::Nil;
                }
                rows.insert(key.clone(), value.clone());
                Reply::Simple("OK".into())
            }
            (None, b"GET", [_, key]) => rows.get(key).cloned().map_or(Reply::Nil, Reply::Bulk),
            _ => Reply::error(&"unknown command"),
        }
    }

    async fn serve(self) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, PATIENT, move || self.clone(), std::future::pending()));
        addr
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let in_time =
        async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("in time") };
    runtime.unwrap().block_on(in_time)
}

fn rows() -> Rows {
    Rows { rows: Arc::default(), only: None, drops: false }
}

fn store(servers: &[SocketAddr]) -> RespStore {
    let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
    RespStore::at(&format!("redis://{}", names.join(",")), "test/").unwrap()
}

#[test]
fn of_two_that_ask_for_the_same_key_at_once_one_is_first_and_both_are_told_the_same() {
    run(async {
        let server = rows().serve().await;
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
        let all = rows();
        let healthy = all.clone().serve().await;
        let refuses = Rows { only: Some("TRYAGAIN no leader"), ..all.clone() }.serve().await;
        let drops = Rows { drops: true, ..all.clone() }.serve().await;
        let down = SocketAddr::from(([127, 0, 0, 1], 1));
        for (key, other) in [("a", refuses), ("b", down)] {
            let kept = store(&[other, healthy]).create(key, b"mine").await;
            assert_eq!(kept, Ok(Kept { value: b"mine".to_vec(), is_new: true }), "{other}");
        }
        // It kept the row before it closed: the next server has it.
        let kept = store(&[drops, healthy]).create("c", b"mine").await;
        assert_eq!(kept, Ok(Kept { value: b"mine".to_vec(), is_new: false }));
        assert_eq!(all.rows.lock().unwrap().len(), 3);
        assert!(all.rows.lock().unwrap().contains_key(&b"test/a"[..]), "with its prefix");
    });
}

#[test]
fn why_no_server_answers_is_said_with_its_own_words() {
    run(async {
        let refuses = Rows { only: Some("MISCONF disk is full"), ..rows() }.serve().await;
        let away = store(&[refuses]).create("k", b"v").await.unwrap_err().to_string();
        assert!(away.contains("MISCONF disk is full"), "{away}");
        assert!(away.contains(&refuses.to_string()), "{away}");
    });
}

//! A Redis as the session store, which is stopped and started again.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use lab::engines::REDIS;
use lab::resp::{Reply, Servers};
use serde_json::json;
use tempfile::TempDir;

use crate::kit::TestShop;

/// A Redis that is started again where it was, with what it has on disk. Dropping it ends it.
struct Redis {
    at: SocketAddr,
    dir: TempDir,
    process: Child,
}

impl Redis {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, dir) = (listener.local_addr().unwrap(), tempfile::tempdir().unwrap());
        drop(listener);
        let process = run(at, &dir);
        Self { at, dir, process }
    }

    fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.process = run(self.at, &self.dir);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(at: SocketAddr, dir: &TempDir) -> Child {
    let program = REDIS.find().unwrap_or_else(|missing| panic!("{missing}"));
    Command::new(program)
        .args(["--bind", "127.0.0.1", "--port", &at.port().to_string(), "--save", ""])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
        .arg(dir.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_session_in_redis_ends_a_day_after_its_last_change_and_an_epoch_never() {
    let redis = Redis::start();
    let shop = TestShop::with(7, |options| {
        options.with_value("sessions", format!("redis://{}", redis.at))
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let left = |key: String| {
        let servers =
            Servers::at(&format!("redis://{}", redis.at), Duration::from_secs(5)).unwrap();
        match runtime.block_on(servers.call(&[b"TTL", key.as_bytes()])).unwrap() {
            Reply::Integer(left) => left,
            other => panic!("{other:?}"),
        }
    };
    let is_a_day = |left| (86_000..=86_400).contains(&left);
    let (mut alice, mut bob) = (shop.alice(), shop.browser());
    shop.post(&mut bob, "/sign-in?user=bob");
    for (user, why) in [(&alice, "changed"), (&bob, "begun")] {
        assert!(is_a_day(left(format!("session/{}", shop.name_of(user)))), "{why}");
    }
    shop.post(&mut alice, "/sign-out-everywhere");
    assert_eq!(left("epoch/alice".into()), -1, "no end");
}

#[test]
fn while_redis_is_stopped_the_answer_is_later_and_after_that_nobody_was_signed_out() {
    for design in [5, 7] {
        let mut redis = Redis::start();
        let shop = TestShop::with(design, |options| {
            options.with_value("sessions", format!("redis://{}", redis.at))
        });
        let mut alice = shop.alice();
        let sid = alice.cookie("sid").expect("she is signed in");
        redis.stop();
        // A copy is used for a while with design 7; a change is not.
        let page =
            shop.until("an answer", || shop.try_once(&mut alice, Method::POST, "/cart?item=boots"));
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "design {design}");
        assert_eq!(
            alice.cookie("sid").as_deref(),
            Some(&*sid),
            "design {design}: the cookie is kept"
        );
        let answer = shop.raw(&format!("POST /cart?item=boots HTTP/1.1\r\nCookie: sid={sid}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 503 "), "design {design}: {answer}");
        assert!(answer.to_ascii_lowercase().contains("\r\nretry-after: 1\r\n"), "{answer}");
        let anonymous = shop.try_once(&mut shop.browser(), Method::GET, "/cart").unwrap();
        assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED, "no session, no question");

        redis.start_again();
        let cart = json!({ "user": "alice", "cart": ["umbrella"] });
        assert_eq!(shop.get(&mut alice).body, cart, "design {design}");
        assert_eq!(shop.post(&mut alice, "/cart?item=candle").status, StatusCode::OK);
    }
}

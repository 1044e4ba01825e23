//! The same four questions to each of the five.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use lab::engines::{EngineError, Etcd, Haproxy, Nginx, Postgres, Redis, postgres};

use crate::kit::{ask, gone, processes};

trait Engine: Sized {
    const QUESTION: &'static [u8];
    const ANSWER: &'static str;
    fn begin() -> Result<Self, EngineError>;
    fn address(&self) -> SocketAddr;
    fn folder(&self) -> &Path;
}

macro_rules! engine {
    ($engine:ty, $start:expr, $question:expr, $answer:expr) => {
        impl Engine for $engine {
            const QUESTION: &'static [u8] = $question;
            const ANSWER: &'static str = $answer;
            fn begin() -> Result<Self, EngineError> {
                $start
            }
            fn address(&self) -> SocketAddr {
                self.addr()
            }
            fn folder(&self) -> &Path {
                self.dir()
            }
        }
    };
}

const HAPROXY: &str = "
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend web
  bind {addr}
  http-request return status 200 content-type text/plain string here
";
const GET: &[u8] = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n";
// A question to be let in without a name: PostgreSQL refuses it in words of its own.
const NAMELESS: &[u8] = b"\0\0\0\x09\0\x03\0\0\0";

engine!(Postgres, Self::start(&postgres::Options::default()), NAMELESS, "no PostgreSQL user name");
engine!(Redis, Self::start(), b"SET a 1\r\nGET a\r\n", "$1\r\n1");
engine!(Etcd, Self::start(), b"GET /version HTTP/1.0\r\nHost: localhost\r\n\r\n", "etcdserver");
engine!(Haproxy, Self::start(HAPROXY), GET, "here");
engine!(
    Nginx,
    Self::start("server { listen {addr}; location / { return 200 here; } }"),
    GET,
    "here"
);

/// Two at once, each answers, and neither leaves anything behind.
fn comes_and_goes<E: Engine>() {
    let (one, two) = (E::begin().unwrap(), E::begin().unwrap());
    assert_ne!(one.address(), two.address());
    for engine in [&one, &two] {
        let said = ask(engine.address(), E::QUESTION, E::ANSWER);
        assert!(said.contains(E::ANSWER), "{said:?}");
        assert!(engine.address().ip().is_loopback());
        assert!(!processes(engine.folder()).is_empty());
    }
    let folders: Vec<PathBuf> = [&one, &two].map(|engine| engine.folder().to_owned()).into();
    drop(one);
    gone(&folders[0]);
    assert!(ask(two.address(), E::QUESTION, E::ANSWER).contains(E::ANSWER), "the other one stays");
    // A panic is an end like any other.
    let thrown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _two = two;
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(thrown.is_err());
    gone(&folders[1]);
}

#[test]
fn postgres_comes_and_goes() {
    comes_and_goes::<Postgres>();
}

#[test]
fn redis_comes_and_goes() {
    comes_and_goes::<Redis>();
}

#[test]
fn etcd_comes_and_goes() {
    comes_and_goes::<Etcd>();
}

#[test]
fn haproxy_comes_and_goes() {
    comes_and_goes::<Haproxy>();
}

#[test]
fn nginx_comes_and_goes() {
    comes_and_goes::<Nginx>();
}

#[test]
fn an_engine_that_refuses_to_start_says_why_and_leaves_nothing_behind() {
    let error = Haproxy::start("frontend without a bind\n").unwrap_err();
    assert!(matches!(error, EngineError::Ended { .. }), "{error}");
    assert!(error.to_string().contains("use the 'bind' keyword"), "{error}");
    let bad = [("wal_level".to_owned(), "nonsense".to_owned())];
    let options = postgres::Options { settings: bad.into(), ..postgres::Options::default() };
    let error = Postgres::start(&options).unwrap_err();
    assert!(error.to_string().contains("wal_level"), "{error}");
}

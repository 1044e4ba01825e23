//! The same four questions to each of the five.

use lab::engines::{self, Engine, EngineError, Etcd, Postgres, postgres};

use crate::kit::{ask, gone, processes};

/// How to start one, where it is in the value, what to ask, and what it says.
struct Kind<T> {
    start: fn() -> Result<T, EngineError>,
    engine: fn(&T) -> &Engine,
    question: &'static [u8],
    answer: &'static str,
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

/// Two at once, each answers, and neither leaves anything behind.
fn comes_and_goes<T>(kind: &Kind<T>) {
    let Kind { start, engine, question, answer } = kind;
    let (one, two) = (start().unwrap(), start().unwrap());
    assert_ne!(engine(&one).addr(), engine(&two).addr());
    for engine in [&one, &two].map(engine) {
        let said = ask(engine.addr(), question, answer);
        assert!(said.contains(answer), "{said:?}");
        assert!(engine.addr().ip().is_loopback());
        assert!(!processes(engine.dir()).is_empty());
    }
    let folders = [&one, &two].map(|value| engine(value).dir().to_owned());
    drop(one);
    gone(&folders[0]);
    assert!(ask(engine(&two).addr(), question, answer).contains(answer), "the other one stays");
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
    comes_and_goes(&Kind {
        start: || Postgres::start(&postgres::Options::default()),
        engine: Postgres::engine,
        question: NAMELESS,
        answer: "no PostgreSQL user name",
    });
}

#[test]
fn redis_comes_and_goes() {
    let question = b"SET a 1\r\nGET a\r\n";
    comes_and_goes(&Kind { start: engines::redis, engine: itself, question, answer: "$1\r\n1" });
}

#[test]
fn etcd_comes_and_goes() {
    let question = b"GET /version HTTP/1.0\r\nHost: localhost\r\n\r\n";
    comes_and_goes(&Kind {
        start: Etcd::start,
        engine: Etcd::engine,
        question,
        answer: "etcdserver",
    });
}

#[test]
fn haproxy_comes_and_goes() {
    let start = || engines::haproxy(HAPROXY);
    comes_and_goes(&Kind { start, engine: itself, question: GET, answer: "here" });
}

#[test]
fn nginx_comes_and_goes() {
    let start = || engines::nginx("server { listen {addr}; location / { return 200 here; } }");
    comes_and_goes(&Kind { start, engine: itself, question: GET, answer: "here" });
}

fn itself(engine: &Engine) -> &Engine {
    engine
}

#[test]
fn an_engine_that_refuses_to_start_says_why_and_leaves_nothing_behind() {
    let error = engines::haproxy("frontend without a bind\n").unwrap_err();
    assert!(matches!(error, EngineError::Ended { .. }), "{error}");
    assert!(error.to_string().contains("use the 'bind' keyword"), "{error}");
    let bad = [("wal_level".to_owned(), "nonsense".to_owned())];
    let options = postgres::Options { settings: bad.into(), ..postgres::Options::default() };
    let error = Postgres::start(&options).unwrap_err();
    assert!(error.to_string().contains("wal_level"), "{error}");
}

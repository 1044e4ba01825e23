//! The clients of a run: each asks one thing after another, and writes down what it sees.
//!
//! A client whose request may have been done goes on as a new process under a new name: the old request
//! stays open for ever.
//!
//! # Left out
//!
//! Asking again: a request is sent once, so what it did it did once.

#![expect(clippy::disallowed_methods, reason = "a driver is where the real clock is read")]

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::RunError;
use super::ledger::{End, Ledger, Question};
use super::nodes::name;
use super::router::{Body, Event};
use crate::maelstrom::Code;
use crate::rng::Rng;

/// So many requests are about one key.
const REQUESTS_OF_KEY: usize = 300;
/// So many of them may be open for ever: each doubles the orders that may explain the history.
const UNKNOWN_OF_KEY: usize = 12;
/// How many answers may wait for a client: late ones to what it no longer waits for.
const REPLIES: usize = 16;

/// The key that some clients share.
pub(super) struct Key {
    number: u64,
    /// From one key of this group to the next.
    step: u64,
    requests: usize,
    unknown: usize,
    /// What it was last seen to be.
    seen: Value,
}

impl Key {
    pub(super) fn shared(first: usize, step: usize) -> Arc<Mutex<Self>> {
        let (number, step) = (first as u64, step as u64);
        Arc::new(Mutex::new(Self { number, step, requests: 0, unknown: 0, seen: Value::Null }))
    }

    /// The key for one more request.
    fn for_request(&mut self) -> u64 {
        if self.requests >= REQUESTS_OF_KEY || self.unknown >= UNKNOWN_OF_KEY {
            let number = self.number + self.step;
            *self = Self { number, step: self.step, requests: 0, unknown: 0, seen: Value::Null };
        }
        self.requests += 1;
        self.number
    }
}

/// One client.
pub(super) struct Worker<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) key: Arc<Mutex<Key>>,
    pub(super) events: SyncSender<Event>,
    pub(super) rng: Rng,
    pub(super) process: usize,
    /// How many processes there are at a time.
    pub(super) processes: usize,
    /// Where it sends.
    pub(super) node: usize,
    pub(super) reads: bool,
    /// Between two requests, on average.
    pub(super) pause: Duration,
    pub(super) timeout: Duration,
}

impl Worker<'_> {
    /// Until the run is over.
    pub(super) fn work(mut self) {
        let mut msg_id = 0;
        let micros = u64::try_from(2 * self.pause.as_micros()).unwrap_or(u64::MAX);
        let (mut replies, mut answers) = sync_channel(REPLIES);
        while self.ledger.pause(Duration::from_micros(self.rng.pick(0..micros.max(1)))) {
            msg_id += 1;
            let (number, f, value) = self.draw();
            let process = self.process;
            let question = Question { process, f, key: number, value: &value };
            self.ledger.ask(question);
            let client = format!("c{}", process + 1);
            let body = body(f, number, &value, msg_id);
            let ask = Event::Ask {
                client: client.clone(),
                node: self.node,
                body,
                replies: replies.clone(),
            };
            let end = match self.events.send(ask) {
                Ok(()) => self.end(f, msg_id, &answers),
                Err(_) => End::Fail("the run is over".into()),
            };
            self.ledger.answer(question, &end);
            self.learn(number, f, &value, &end);
            if matches!(end, End::Info(_)) {
                // A router that has ended has forgotten all.
                let _ = self.events.send(Event::Forget(client));
                self.process += self.processes;
                (replies, answers) = sync_channel(REPLIES);
            }
        }
    }

    fn key(&self) -> std::sync::MutexGuard<'_, Key> {
        self.key.lock().expect("no thread panics with this lock held")
    }

    /// What is asked next: about which key, what, and with what.
    fn draw(&mut self) -> (u64, &'static str, Value) {
        let (number, seen) = {
            let mut key = self.key();
            (key.for_request(), key.seen.clone())
        };
        if self.reads {
            return (number, "read", Value::Null);
        }
        let value = self.ledger.new_value();
        // Two of three compare, as in Maelstrom.
        if seen.is_null() || self.rng.pick(0..3) == 0 {
            (number, "write", value.into())
        } else {
            (number, "cas", json!([seen, value]))
        }
    }

    /// Waits for the answer.
    fn end(&self, f: &str, msg_id: u64, answers: &Receiver<Body>) -> End {
        let by = Instant::now() + self.timeout;
        loop {
            let left = by.saturating_duration_since(Instant::now());
            let Ok(body) = answers.recv_timeout(left) else {
                let why = format!("no answer within {:?}", self.timeout);
                return if f == "read" { End::Fail(why) } else { End::Info(why) };
            };
            // A late answer is to another question.
            if body.get("in_reply_to").and_then(Value::as_u64) == Some(msg_id) {
                return understand(f, &body).unwrap_or_else(|why| {
                    let (name, line) = (name(self.node), Value::Object(body).to_string());
                    self.ledger.fail(RunError::Malformed { name, line, why: why.clone() });
                    End::Info(why)
                });
            }
        }
    }

    /// What the next cas may compare with, and whether the key is used up.
    fn learn(&self, number: u64, f: &str, asked: &Value, end: &End) {
        let mut key = self.key();
        if key.number != number {
            return;
        }
        match (f, end) {
            (_, End::Info(_)) => key.unknown += 1,
            ("read", End::Ok(Some(value))) => key.seen = value.clone(),
            ("write", End::Ok(_)) => key.seen = asked.clone(),
            ("cas", End::Ok(_)) => key.seen = asked[1].clone(),
            _ => {}
        }
    }
}

fn body(f: &str, key: u64, value: &Value, msg_id: u64) -> Value {
    match f {
        "read" => json!({ "type": f, "key": key, "msg_id": msg_id }),
        "write" => json!({ "type": f, "key": key, "value": value, "msg_id": msg_id }),
        _ => json!({ "type": f, "key": key, "from": value[0], "to": value[1], "msg_id": msg_id }),
    }
}

/// What an answer says about a request, or what is wrong with it. A read that finds no key has read that
/// there is none; Maelstrom takes it for a failure.
fn understand(f: &str, body: &Body) -> Result<End, String> {
    let kind = body.get("type").and_then(Value::as_str).unwrap_or_default();
    match (f, kind) {
        ("read", "read_ok") => {
            let value = body.get("value").cloned();
            Ok(End::Ok(Some(value.ok_or("a read_ok without `value`; add it")?)))
        }
        ("write", "write_ok") | ("cas", "cas_ok") => Ok(End::Ok(None)),
        (_, "error") => {
            let number = body.get("code").and_then(Value::as_u64);
            let number = number.ok_or("an error without a number as `code`; add it")?;
            let text = body.get("text").and_then(Value::as_str).unwrap_or_default();
            let why = format!("{number}: {text}");
            Ok(match (f, Code::of(number)) {
                ("read", Some(Code::KeyDoesNotExist)) => End::Ok(Some(Value::Null)),
                ("cas", Some(Code::KeyDoesNotExist | Code::PreconditionFailed)) => End::Mismatch,
                ("read", _) => End::Fail(why),
                (_, Some(code)) if code.is_definite() => End::Fail(why),
                _ => End::Info(why),
            })
        }
        _ => Err(format!("{kind:?} is no answer to a {f}; send {f}_ok or error")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(f: &str, code: u64) -> Result<End, String> {
        understand(f, json!({ "type": "error", "code": code }).as_object().unwrap())
    }

    #[test]
    fn what_may_be_done_is_no_failure_and_what_is_not_done_is_one() {
        for code in 0..1_100 {
            let is_known = matches!(code, 1 | 10 | 11 | 12 | 14 | 20 | 21 | 22 | 30);
            for f in ["write", "cas"] {
                let end = error(f, code).unwrap();
                match code {
                    20 | 22 if f == "cas" => assert_eq!(end, End::Mismatch),
                    _ if is_known => assert!(matches!(end, End::Fail(_)), "{f} {code}"),
                    _ => assert!(matches!(end, End::Info(_)), "{f} {code}"),
                }
            }
            let read = error("read", code).unwrap();
            match code {
                20 => assert_eq!(read, End::Ok(Some(Value::Null))),
                _ => assert!(matches!(read, End::Fail(_)), "a read has no effect: {code}"),
            }
        }
    }

    #[test]
    fn a_key_is_left_when_it_was_asked_often_or_much_is_unknown() {
        let key = Key::shared(1, 4);
        let mut key = key.lock().unwrap();
        let numbers: Vec<u64> = (0..=REQUESTS_OF_KEY).map(|_| key.for_request()).collect();
        assert_eq!((numbers[0], numbers[REQUESTS_OF_KEY - 1], numbers[REQUESTS_OF_KEY]), (1, 1, 5));
        key.unknown = UNKNOWN_OF_KEY;
        assert_eq!((key.for_request(), key.unknown), (9, 0));
    }

    proptest! {
        #[test]
        fn no_body_makes_a_client_panic(
            f in prop::sample::select(vec!["read", "write", "cas"]),
            kind in prop::sample::select(vec!["read_ok", "write_ok", "cas_ok", "error", "", "x"]),
            code in prop_oneof![any::<u64>().prop_map(Value::from), ".{0,4}".prop_map(Value::from)],
            absent in prop::sample::select(vec!["type", "code", "value", "text"]),
        ) {
            let mut body = json!({ "type": kind, "code": code, "value": code, "text": code });
            let body = body.as_object_mut().unwrap();
            let _ = understand(f, body);
            body.remove(absent);
            let _ = understand(f, body);
        }
    }
}

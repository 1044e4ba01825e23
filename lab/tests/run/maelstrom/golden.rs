//! Lines in and out, byte for byte.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::path::Path;
use std::thread::JoinHandle;

use lab::maelstrom::{MAX_LINE, MAX_REQUEST, Refused, Storage, run_over};
use serde_json::json;

use super::register::{Form, Interface, Register};

/// A program whose standard input and output are pipes. It runs in a thread of this process.
pub(super) struct Program {
    input: PipeWriter,
    output: BufReader<PipeReader>,
    thread: JoinHandle<Result<(), Refused>>,
}

impl Program {
    pub(super) fn start(storage: Storage) -> Self {
        Self::of(Form::Correct, storage)
    }

    fn of(form: Form, storage: Storage) -> Self {
        let (theirs, input) = std::io::pipe().unwrap();
        let (output, answers) = std::io::pipe().unwrap();
        let run = move || {
            let make = |group: &_| Register::of(form, group);
            run_over::<Interface>(BufReader::new(theirs), answers, storage, make)
        };
        let thread = std::thread::Builder::new().spawn(run).unwrap();
        Self { input, output: BufReader::new(output), thread }
    }

    pub(super) fn send(&mut self, line: &[u8]) {
        self.input.write_all(line).unwrap();
        self.input.write_all(b"\n").unwrap();
    }

    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "the program ended");
        line.pop();
        line
    }

    fn exchange(&mut self, line: &str, answer: &str) {
        self.send(line.as_bytes());
        assert_eq!(self.line(), answer, "to {line}");
    }

    /// Ends in order, and gives what it wrote until then.
    pub(super) fn end(self) -> Vec<String> {
        drop(self.input);
        let rest = self.output.lines().map(Result::unwrap).collect();
        self.thread.join().expect("no panic").unwrap();
        rest
    }
}

const INIT: &str = r#"{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1","n2"]}}"#;
const INIT_OK: &str = r#"{"src":"n1","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}"#;

fn ask(body: &str) -> String {
    format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#)
}

fn answer(body: &str) -> String {
    format!(r#"{{"src":"n1","dest":"c1","body":{body}}}"#)
}

fn exchange(program: &mut Program, pairs: &[(&str, &str)]) {
    for (body, reply) in pairs {
        program.exchange(&ask(body), &answer(reply));
    }
}

#[test]
fn init_read_write_and_cas_are_answered_byte_for_byte() {
    let mut program = Program::start(Storage::Memory);
    program.exchange(INIT, INIT_OK);
    let pairs = [
        (
            r#"{"type":"read","key":7,"msg_id":1}"#,
            r#"{"type":"error","in_reply_to":1,"code":20,"text":"no such key"}"#,
        ),
        (
            r#"{"type":"cas","key":7,"from":1,"to":2,"msg_id":2}"#,
            r#"{"type":"error","in_reply_to":2,"code":20,"text":"no such key"}"#,
        ),
        (
            r#"{"type":"write","key":7,"value":3,"msg_id":3}"#,
            r#"{"type":"write_ok","in_reply_to":3}"#,
        ),
        (
            r#"{"type":"read","key":7,"msg_id":4}"#,
            r#"{"type":"read_ok","value":3,"in_reply_to":4}"#,
        ),
        (
            r#"{"type":"cas","key":7,"from":4,"to":5,"msg_id":5}"#,
            r#"{"type":"error","in_reply_to":5,"code":22,"text":"it has another value"}"#,
        ),
        (
            r#"{"type":"cas","key":7,"from":3,"to":5,"msg_id":6}"#,
            r#"{"type":"cas_ok","in_reply_to":6}"#,
        ),
        // Equal as JSON is equal as a key, and a value comes back as it is.
        (
            r#"{"type":"write","key":{"b":1,"a":[ 2 ]},"value":{"x":"é"},"msg_id":7}"#,
            r#"{"type":"write_ok","in_reply_to":7}"#,
        ),
        (
            r#"{"type":"read","key":{"a":[2],"b":1},"msg_id":8}"#,
            r#"{"type":"read_ok","value":{"x":"é"},"in_reply_to":8}"#,
        ),
    ];
    exchange(&mut program, &pairs);
    assert_eq!(program.end(), [""; 0]);
}

#[test]
fn what_cannot_be_done_is_answered_with_the_code_that_says_so() {
    let mut program = Program::start(Storage::Memory);
    let early = r#"{"type":"error","in_reply_to":1,"code":11,"text":"no `init` has come yet; send it first"}"#;
    exchange(&mut program, &[(r#"{"type":"read","key":7,"msg_id":1}"#, early)]);
    let unnamed = INIT.replace(r#""node_id":"n1""#, r#""node_id":"n3""#);
    let refused = r#"{"type":"error","in_reply_to":1,"code":12,"text":"`node_id` is not among `node_ids`; add it"}"#;
    program.exchange(&unnamed, &answer(refused).replace("c1", "c0"));
    program.exchange(INIT, INIT_OK);
    let error = |code: u64, text: &str| {
        format!(r#"{{"type":"error","in_reply_to":9,"code":{code},"text":"{text}"}}"#)
    };
    for (body, code, text) in [
        (r#"{"type":"txn","msg_id":9}"#, 10, "this node serves read, write and cas, not txn"),
        (r#"{"type":"read","msg_id":9}"#, 12, "no `key`; every read has one"),
        (r#"{"type":"write","key":1,"msg_id":9}"#, 12, "no `value`; every write has one"),
        (r#"{"type":"cas","key":1,"from":2,"msg_id":9}"#, 12, "no `to`; every cas has one"),
        (r#"{"type":3,"msg_id":9}"#, 12, "`type` is not a word; say which request this is"),
        (r#"{"msg_id":9}"#, 12, "`type` is not a word; say which request this is"),
        (r#"{"type":"node","msg":"x","msg_id":9}"#, 12, "`node` is for the nodes among themselves"),
        (r#"{"type":"init","msg_id":9}"#, 12, "this node has a name; start another program"),
    ] {
        program.exchange(&ask(body), &answer(&error(code, text)));
    }
    let stray = ask(r#"{"type":"read","key":1,"msg_id":9}"#);
    let stray = stray.replace(r#""dest":"n1""#, r#""dest":"n2""#);
    program.exchange(&stray, &answer(&error(12, "this is n1; send it to n2")));
    let answer_here = json!({ "Answer": { "number": 1, "outcome": "Done" } });
    let elsewhere = json!({ "type": "node", "to": 3, "msg": answer_here, "msg_id": 9 });
    let elsewhere = json!({ "src": "n2", "dest": "n1", "body": elsewhere }).to_string();
    let refused = answer(&error(12, "n3 is not here; send it to its node")).replace("c1", "n2");
    program.send(elsewhere.as_bytes());
    let no_dest = r#"{"src":"c1","body":{"type":"read","key":1,"msg_id":9}}"#;
    let text = "`dest` is not a name of 1 to 64 bytes, such as n1 or c1";
    program.send(no_dest.as_bytes());
    assert_eq!([program.line(), program.line()], [refused, answer(&error(12, text))]);
    assert_eq!(program.end(), [""; 0]);
}

#[test]
fn a_line_that_cannot_be_answered_is_not_and_the_next_one_is_served() {
    let mut program = Program::start(Storage::Memory);
    program.exchange(INIT, INIT_OK);
    for line in [
        &b"{"[..],
        b"\xff\xfe",
        b"",
        b"[]",
        b"7",
        br#"{"src":"c1","dest":"n1"}"#,
        br#"{"dest":"n1","body":{"type":"read","key":1,"msg_id":1}}"#,
        br#"{"src":"","dest":"n1","body":{"type":"read","key":1,"msg_id":1}}"#,
        br#"{"src":"c1","dest":"n1","body":{"type":"read","key":1}}"#,
        br#"{"src":"c1","dest":"n1","body":{"type":"read","key":1,"msg_id":-1}}"#,
        br#"{"src":"n2","dest":"n1","body":{"type":"node","msg":{"Unknown":1}}}"#,
        br#"{"src":"n2","dest":"n1","body":{"type":"node","to":3,"msg":{"Copy":{"key":"1","value":"2"}}}}"#,
        br#"{"src":"c1","dest":"n1","body":{"type":"read_ok","value":1,"in_reply_to":4}}"#,
    ] {
        program.send(line);
    }
    let deep = [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat();
    program.send(&deep);
    let read = (
        r#"{"type":"read","key":1,"msg_id":2}"#,
        r#"{"type":"error","in_reply_to":2,"code":20,"text":"no such key"}"#,
    );
    exchange(&mut program, &[read]);
    assert_eq!(program.end(), [""; 0]);
}

#[test]
fn what_is_too_long_is_refused_and_the_next_line_is_served() {
    let mut program = Program::start(Storage::Memory);
    program.exchange(INIT, INIT_OK);
    let write = |value: &str, id: u64| {
        ask(&format!(r#"{{"type":"write","key":1,"value":{value},"msg_id":{id}}}"#))
    };
    let text = |len: usize| format!("\"{}\"", "x".repeat(len));
    let refused = |id: u64| format!(r#"{{"type":"error","in_reply_to":{id},"code":12,"#);
    for (id, value) in [
        (1, text(MAX_REQUEST)),
        (2, text(MAX_REQUEST / 2)),
        // Short as it is sent, and long as a key.
        (3, format!("[{}1]", "1e15,".repeat(MAX_REQUEST / 8))),
    ] {
        program.send(write(&value, id).as_bytes());
        assert!(program.line().contains(&refused(id)), "{id}");
    }
    let padded = format!(r#"{{"type":"read","key":1,"msg_id":4,"x":{}}}"#, text(MAX_REQUEST));
    program.send(ask(&padded).as_bytes());
    assert!(program.line().contains(&refused(4)));
    program.send(write(&text(MAX_LINE), 5).as_bytes());
    let fits = write(&text(MAX_REQUEST / 2 - 3), 6);
    program.exchange(&fits, &answer(r#"{"type":"write_ok","in_reply_to":6}"#));
    assert_eq!(program.end(), [""; 0]);
}

#[test]
fn nodes_exchange_messages_in_json_and_answer_each_others_clients() {
    let mut program = second(Form::Correct);
    let ask = ask(r#"{"type":"read","key":7,"msg_id":5}"#).replace("n1", "n2");
    program.send(ask.as_bytes());
    let forwarded = program.line();
    let prefix = r#"{"src":"n2","dest":"n1","body":{"type":"node","msg":{"Forward":{"client":"#;
    let rest = forwarded.strip_prefix(prefix).unwrap_or_else(|| panic!("{forwarded}"));
    let (client, rest) = rest.split_once(',').unwrap();
    assert_eq!(rest, r#""number":1,"op":{"Read":{"key":"7"}}}}}}"#);
    let answered = format!(
        r#"{{"src":"n1","dest":"n2","body":{{"type":"node","to":{client},"msg":{{"Answer":{{"number":1,"outcome":{{"Value":"[8]"}}}}}}}}}}"#
    );
    let reply = answer(r#"{"type":"read_ok","value":[8],"in_reply_to":5}"#).replace("n1", "n2");
    program.exchange(&answered, &reply);
    // The same message as the node that decides writes it.
    let mut decides = Program::start(Storage::Memory);
    decides.exchange(INIT, INIT_OK);
    let forwarded = forwarded.replace("Read", "Write").replace(r#""7""#, r#""7","value":"[8]""#);
    let written = answered.replace(r#"{"Value":"[8]"}"#, r#""Done""#);
    decides.exchange(&forwarded, &written);
    assert_eq!((program.end(), decides.end()), (vec![], vec![]));
}

/// The second node of two, which sends requests on.
fn second(form: Form) -> Program {
    let mut program = Program::of(form, Storage::Memory);
    let init = INIT.replace(r#""dest":"n1""#, r#""dest":"n2""#);
    let init = init.replace(r#""node_id":"n1""#, r#""node_id":"n2""#);
    program.exchange(&init, &INIT_OK.replace("n1", "n2"));
    program
}

#[test]
fn a_node_that_gives_up_says_that_it_may_be_done() {
    let mut program = second(Form::Correct);
    let ask = ask(r#"{"type":"write","key":7,"value":1,"msg_id":5}"#).replace("n1", "n2");
    program.send(ask.as_bytes());
    assert!(program.line().contains("Forward"));
    let unknown = r#"{"type":"error","in_reply_to":5,"code":13,"text":"it may be done"}"#;
    assert_eq!(program.line(), answer(unknown).replace("n1", "n2"), "after its timer");
    assert_eq!(program.end(), [""; 0]);
}

#[test]
fn more_requests_than_may_wait_are_refused_for_certain() {
    let mut program = second(Form::WithoutTimer);
    // 256 wait for the node and 256 for their turn.
    for id in 0..600 {
        let read = ask(&format!(r#"{{"type":"read","key":7,"msg_id":{id}}}"#));
        program.send(read.replace("n1", "n2").as_bytes());
    }
    program.send(ask(r#"{"type":"txn","msg_id":600}"#).replace("n1", "n2").as_bytes());
    let lines = std::iter::repeat_with(|| program.line());
    let lines = lines.take_while(|line| !line.contains(r#""in_reply_to":600,"code":10"#));
    let refused = |line: &String| line.contains(r#""code":11,"text":"too many requests"#);
    let refused = lines.filter(refused).count();
    assert!(refused >= 600 - 512, "{refused}");
    program.end();
}

#[test]
fn with_a_directory_records_survive_and_without_one_they_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let storages = |dir: &Path| {
        [Storage::Dir(dir.join("a")), Storage::PowerCut(dir.join("b")), Storage::Memory]
    };
    for storage in storages(dir.path()) {
        let mut program = Program::start(storage);
        program.exchange(INIT, INIT_OK);
        let write = r#"{"type":"write","key":1,"value":2,"msg_id":1}"#;
        exchange(&mut program, &[(write, r#"{"type":"write_ok","in_reply_to":1}"#)]);
        program.end();
    }
    for storage in storages(dir.path()) {
        let reply = match storage {
            Storage::Memory => r#"{"type":"error","in_reply_to":1,"code":20,"text":"no such key"}"#,
            _ => r#"{"type":"read_ok","value":2,"in_reply_to":1}"#,
        };
        let mut program = Program::start(storage);
        program.exchange(INIT, INIT_OK);
        exchange(&mut program, &[(r#"{"type":"read","key":1,"msg_id":1}"#, reply)]);
        program.end();
    }
}

//! The words of clients: what they mean, and what is wrong with them.

use bytes::Bytes;
use ch03_paxos::system::{Asked, ReadMode, parse, reply};
use ch03_paxos::types::kv::{
    Blob, MAX_KEY, MAX_REQUEST, MAX_VALUE, Op, Outcome, Refusal, RequestId, SessionId,
};
use lab::NodeId;
use lab::resp::Reply;
use proptest::prelude::*;

fn asked(words: &str) -> Asked {
    parse(&words.split(' ').map(|word| Bytes::from(word.to_owned())).collect::<Vec<_>>())
}

fn refused(words: &str) -> String {
    match asked(words) {
        Asked::Reply(Reply::Error(why)) => why.into_owned(),
        other => panic!("{words}: {other:?}"),
    }
}

#[test]
fn commands_are_read_in_any_case() {
    let key = || Blob::new("k");
    let value = || Blob::new("v");
    let plain = |op| Asked::Op(None, op);
    for (words, meant) in [
        ("GET k", plain(Op::Get { key: key() })),
        ("set k v", plain(Op::Set { key: key(), value: value(), only_new: false })),
        ("Set k v nx", plain(Op::Set { key: key(), value: value(), only_new: true })),
        ("del k k", plain(Op::Delete { keys: vec![key(), key()] })),
        ("incr k", plain(Op::Increment { key: key() })),
        ("append k v", plain(Op::Append { key: key(), value: value() })),
        ("cas k v w", plain(Op::CompareAndSet { key: key(), from: value(), to: Blob::new("w") })),
        ("session", plain(Op::OpenSession)),
        ("ping", Asked::Reply(Reply::Simple("PONG".into()))),
        ("config get save", Asked::Reply(Reply::Array(Vec::new()))),
        ("command docs", Asked::Reply(Reply::Array(Vec::new()))),
        ("readmode", Asked::WhichMode),
        ("readmode index", Asked::Mode(ReadMode::Index)),
        ("READMODE Log", Asked::Mode(ReadMode::Log)),
        ("readmode LEASE", Asked::Mode(ReadMode::Lease)),
        ("members", Asked::Members),
        ("info server", Asked::Info),
    ] {
        assert_eq!(asked(words), meant, "{words}");
    }
    let id = Some(RequestId { session: SessionId(7), seq: 2 });
    assert_eq!(asked("x 7 2 incr k"), Asked::Op(id, Op::Increment { key: key() }));
}

#[test]
fn what_is_wrong_is_told_with_what_is_right() {
    for (words, wanted) in [
        ("GET", "write GET key"),
        ("GET k l", "write GET key"),
        ("SET k", "write SET key value [NX]"),
        ("SET k v EX 10", "NX alone"),
        ("DEL", "write DEL key"),
        ("CAS k a", "write CAS key old new"),
        ("X 1 2", "write X session number command"),
        ("X 0 1 INCR k", "the session counts from 1"),
        ("X 1 0 INCR k", "the number of a request counts from 1"),
        ("X 1 -1 INCR k", "the number of a request counts from 1"),
        ("X a 1 INCR k", "the session counts from 1"),
        ("X 1 1 X 1 1 INCR k", "unknown command 'X'"),
        ("X 1 1 SESSION", "unknown command 'SESSION'"),
        ("FLUSHALL", "known are PING"),
        ("READMODE fast", "write READMODE [log | index | lease]"),
    ] {
        let why = refused(words);
        assert!(why.starts_with("ERR ") && why.contains(wanted), "{words}: {why}");
    }
}

#[test]
fn each_limit_is_stated() {
    let long = |bytes: usize| "x".repeat(bytes);
    assert!(refused(&format!("GET {}", long(MAX_KEY + 1))).contains(&MAX_KEY.to_string()));
    assert!(matches!(asked(&format!("GET {}", long(MAX_KEY))), Asked::Op(..)));
    let value = long(MAX_VALUE + 1);
    assert!(refused(&format!("SET k {value}")).contains(&MAX_VALUE.to_string()));
    let half = long(MAX_VALUE);
    assert!(refused(&format!("CAS k {half} {half}")).contains(&MAX_REQUEST.to_string()));
}

#[test]
fn every_outcome_has_a_reply_of_its_own() {
    let leader = "127.0.0.1:7381".parse().unwrap();
    let begins = |outcome, wanted: &str| match reply(outcome, Some(leader)) {
        Reply::Error(why) => assert!(why.starts_with(wanted), "{why}"),
        other => panic!("{other:?}"),
    };
    begins(Err(Refusal::NotDone), "TRYAGAIN ");
    begins(Err(Refusal::MayBeDone), "UNKNOWN ");
    begins(Err(Refusal::Moved(NodeId(11))), "MOVED 0 127.0.0.1:7381");
    begins(Ok(Outcome::Expired), "EXPIRED ");
    begins(Ok(Outcome::Superseded), "SUPERSEDED ");
    begins(Ok(Outcome::NotANumber), "ERR value is not an integer");
    begins(Ok(Outcome::TooLong), "ERR a value has at most ");
    let unknown = reply(Err(Refusal::Moved(NodeId(11))), None);
    assert!(matches!(unknown, Reply::Error(why) if why.starts_with("TRYAGAIN ")));
    assert_eq!(reply(Ok(Outcome::Nothing), None), Reply::Nil);
    assert_eq!(reply(Ok(Outcome::Opened(SessionId(3))), None), Reply::Integer(3));
}

proptest! {
    /// Whatever is sent, it is an operation within the limits, or it is answered.
    #[test]
    fn any_words_are_understood_or_refused(
        name in prop_oneof![
            "(?i)(get|set|del|incr|append|cas|session|x|ping|readmode|members|info|config)",
            "[ -~]{0,12}",
        ],
        words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..6),
    ) {
        let words = words.into_iter().map(Bytes::from);
        let request: Vec<Bytes> = std::iter::once(Bytes::from(name)).chain(words).collect();
        match parse(&request) {
            Asked::Op(id, op) => {
                prop_assert!(op.bytes() <= MAX_REQUEST);
                prop_assert!(id.is_none_or(|id| id.seq > 0 && id.session.0 > 0));
            }
            Asked::Reply(Reply::Error(why)) => prop_assert!(why.starts_with("ERR ")),
            Asked::Reply(_)
            | Asked::Members
            | Asked::Info
            | Asked::Mode(_)
            | Asked::WhichMode => {}
        }
    }
}

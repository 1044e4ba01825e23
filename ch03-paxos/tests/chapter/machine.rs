//! What commands do, and that a session makes them happen once.

use ch03_paxos::replicated_kv::{Machine, Store};
use ch03_paxos::types::kv::{Blob, Command, MAX_VALUE, Op, Origin, Outcome, RequestId, SessionId};
use ch03_paxos::worlds::REPLICAS;
use lab::NodeId;
use proptest::prelude::*;

fn command(id: Option<(u64, u64)>, op: Op) -> Command {
    let origin = Origin { replica: NodeId(11), start: 1, number: 1 };
    let id = id.map(|(session, seq)| RequestId { session: SessionId(session), seq });
    Command { origin, id, op }
}

fn increment() -> Op {
    Op::Increment { key: Blob::new("n") }
}

fn opened(machine: &mut Machine) -> Outcome {
    machine.execute(&command(None, Op::OpenSession))
}

#[test]
fn a_request_that_comes_again_gets_the_first_answer() {
    let mut machine = Machine::new(2, REPLICAS.into());
    assert_eq!(opened(&mut machine), Outcome::Opened(SessionId(1)));
    for _ in 0..3 {
        assert_eq!(machine.execute(&command(Some((1, 1)), increment())), Outcome::Number(1));
    }
    assert_eq!(machine.execute(&command(Some((1, 2)), increment())), Outcome::Number(2));
}

/// Two sessions may use the same numbers for their requests.
#[test]
fn sessions_do_not_share_their_answers() {
    let mut machine = Machine::new(2, REPLICAS.into());
    opened(&mut machine);
    opened(&mut machine);
    assert_eq!(machine.execute(&command(Some((1, 1)), increment())), Outcome::Number(1));
    assert_eq!(machine.execute(&command(Some((2, 1)), increment())), Outcome::Number(2));
}

#[test]
fn a_request_before_the_last_one_is_superseded_and_does_nothing() {
    let mut machine = Machine::new(2, REPLICAS.into());
    opened(&mut machine);
    machine.execute(&command(Some((1, 5)), increment()));
    assert_eq!(machine.execute(&command(Some((1, 4)), increment())), Outcome::Superseded);
    assert_eq!(machine.execute(&command(None, increment())), Outcome::Number(2));
}

#[test]
fn the_session_that_was_used_longest_ago_is_closed_and_its_requests_do_nothing() {
    let mut machine = Machine::new(2, REPLICAS.into());
    opened(&mut machine);
    opened(&mut machine);
    machine.execute(&command(Some((1, 1)), increment()));
    assert_eq!(opened(&mut machine), Outcome::Opened(SessionId(3)));
    assert_eq!(machine.sessions.len(), 2);
    assert_eq!(machine.execute(&command(Some((2, 1)), increment())), Outcome::Expired);
    assert_eq!(machine.execute(&command(Some((1, 2)), increment())), Outcome::Number(2));
    assert_eq!(machine.execute(&command(Some((9, 1)), increment())), Outcome::Expired);
}

fn set(value: &str, only_new: bool) -> Op {
    Op::Set { key: Blob::new("k"), value: Blob::new(value), only_new }
}

fn swap(from: &str, to: &str) -> Op {
    Op::CompareAndSet { key: Blob::new("k"), from: Blob::new(from), to: Blob::new(to) }
}

#[test]
fn commands_do_what_their_names_say() {
    let key = || Blob::new("k");
    let append = |value: &str| Op::Append { key: key(), value: Blob::new(value) };
    let steps = [
        (Op::Get { key: key() }, Outcome::Nothing),
        (swap("a", "b"), Outcome::Nothing),
        (Op::Increment { key: key() }, Outcome::Number(1)),
        (set("2", true), Outcome::Nothing),
        (set("-1", false), Outcome::Done),
        (Op::Increment { key: key() }, Outcome::Number(0)),
        (append("0x"), Outcome::Number(3)),
        (Op::Increment { key: key() }, Outcome::NotANumber),
        (swap("1", "b"), Outcome::Number(0)),
        (swap("00x", "b"), Outcome::Number(1)),
        (Op::Get { key: key() }, Outcome::Value(Blob::new("b"))),
        (Op::Delete { keys: vec![key(), key(), Blob::new("other")] }, Outcome::Number(1)),
        (set("9223372036854775807", true), Outcome::Done),
        (Op::Increment { key: key() }, Outcome::NotANumber),
        (append(&"x".repeat(MAX_VALUE - 18)), Outcome::TooLong),
        (append(&"x".repeat(MAX_VALUE - 19)), Outcome::Number(i64::try_from(MAX_VALUE).unwrap())),
        (set(&"x".repeat(MAX_VALUE + 1), false), Outcome::TooLong),
        (swap("b", &"x".repeat(MAX_VALUE + 1)), Outcome::TooLong),
        (Op::OpenSession, Outcome::Nothing),
    ];
    let mut store = Store::default();
    for (op, outcome) in steps {
        assert_eq!(store.execute(&op), outcome, "{op}");
    }
    assert_eq!(store.len(), 1);
}

proptest! {
    /// In an event log a key is text; on the wire it is bytes. Neither loses anything.
    #[test]
    fn bytes_are_themselves_again_in_every_form(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let blob = Blob(bytes.into());
        let text = serde_json::to_string(&blob).unwrap();
        prop_assert!(text.is_ascii());
        prop_assert_eq!(&serde_json::from_str::<Blob>(&text).unwrap(), &blob);
        let wire = postcard::to_allocvec(&blob).unwrap();
        prop_assert_eq!(&postcard::from_bytes::<Blob>(&wire).unwrap(), &blob);
    }

    #[test]
    fn text_that_is_no_blob_is_refused(text in "[ -~]{0,20}") {
        let json = serde_json::to_string(&text).unwrap();
        match serde_json::from_str::<Blob>(&json) {
            Ok(blob) => {
                let again: Blob = serde_json::from_str(&serde_json::to_string(&blob).unwrap()).unwrap();
                prop_assert_eq!(again, blob);
            }
            Err(_) => prop_assert!(text.contains('\\')),
        }
    }
}

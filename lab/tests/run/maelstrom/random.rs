//! Lines that nobody would send.

use lab::maelstrom::Storage;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::golden::Program;

/// What bodies are made of, right or wrong.
fn value() -> impl Strategy<Value = Value> {
    const WORDS: &[&str] =
        &["init", "node", "read", "write", "cas", "error", "n1", "n2", "c1", "", "1", "{"];
    let leaf = prop_oneof![
        select(WORDS).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..4_u64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(vec![Value::Null, json!(true), json!({}), json!([])]),
        select(vec![
            json!({ "Copy": { "key": "1", "value": "2" } }),
            json!({ "Request": { "number": 1, "op": { "Read": { "key": "1" } } } }),
            json!({ "Forward": { "client": 2, "number": 1, "op": { "Read": { "key": "1" } } } }),
            json!(["n1", "n2"]),
        ]),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object(fields: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::collection::vec((select(fields), value()), 0..8).prop_map(|fields| {
        Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    })
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let body = || {
        let fields = &["type", "msg_id", "key", "value", "from", "to", "msg", "in_reply_to"];
        let kind = select(&["read", "write", "cas", "node", "init", "txn"][..]);
        (object(fields), prop::option::weighted(0.8, kind)).prop_map(|(mut body, kind)| {
            if let Some(kind) = kind {
                body["type"] = kind.into();
            }
            body
        })
    };
    let message = (select(&["n1", "n2", "c1", "c2"][..]), body())
        .prop_map(|(src, body)| json!({ "src": src, "dest": "n1", "body": body }));
    let either = prop_oneof![6 => message, 1 => object(&["src", "dest", "body"]), 1 => value()];
    let text = either.prop_map(|line| line.to_string().into_bytes());
    let cut = (text.clone(), any::<prop::sample::Index>()).prop_map(|(text, at)| {
        let at = at.index(text.len() + 1);
        text[..at].to_vec()
    });
    let bytes = prop::collection::vec(any::<u8>().prop_filter("one line", |b| *b != b'\n'), 0..80);
    prop_oneof![4 => text, 1 => cut, 1 => bytes]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_lines_end_a_program_and_it_serves_the_next_request(
        early in prop::collection::vec(line(), 0..6),
        late in prop::collection::vec(line(), 0..24),
    ) {
        let mut program = Program::start(Storage::Memory);
        early.iter().for_each(|line| program.send(line));
        let init = json!({ "type": "init", "msg_id": 8, "node_id": "n1", "node_ids": ["n1", "n2"] });
        program.send(json!({ "src": "c9", "dest": "n1", "body": init }).to_string().as_bytes());
        late.iter().for_each(|line| program.send(line));
        let read = json!({ "type": "read", "key": "no such key", "msg_id": 7 });
        program.send(json!({ "src": "c9", "dest": "n1", "body": read }).to_string().as_bytes());
        let is_ours = |line: &Value| line["dest"] == "c9" && line["body"]["in_reply_to"] == 7;
        let answer = std::iter::repeat_with(|| serde_json::from_str(&program.line()).unwrap())
            .find(is_ours)
            .unwrap();
        prop_assert_eq!(&answer["body"]["code"], &json!(20));
        for line in program.end() {
            let line: Value = serde_json::from_str(&line).unwrap();
            prop_assert!(line["body"].is_object());
        }
    }
}

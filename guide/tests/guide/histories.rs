//! `check-history`: exit codes, what it prints, what it refuses.

use guide::commands::check_history::{MOST_LINES, Model, Rules, judge};
use proptest::prelude::*;

use crate::fake;

/// Writes a history and judges it as a reader would.
fn check(history: &str, options: &str) -> (i32, String) {
    let (dir, ws) = fake::book();
    let file = dir.path().join("h.jsonl");
    std::fs::write(&file, history).unwrap();
    let line = format!("guide check-history {} {options}", file.display());
    let mut out = Vec::new();
    let args = line.split_whitespace().map(Into::into).collect();
    let code = guide::cli::run(&ws, args, &mut out);
    (code, String::from_utf8(out).unwrap().replace(&dir.path().display().to_string(), "DIR"))
}

/// `process type f value`, one a line, as JSON lines; the key is always `x`.
pub(crate) fn lines(text: &str) -> String {
    let line = |(time, line): (usize, &str)| {
        let mut words = line.trim().splitn(4, ' ');
        let mut word = || words.next().unwrap_or("null").to_string();
        let (process, kind, f, value) = (word(), word(), word(), word());
        format!(
            "{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"{f}\",\"key\":\"x\",\"value\":{value},\"time\":{time}}}\n"
        )
    };
    text.lines().enumerate().map(line).collect()
}

#[test]
fn a_history_that_some_order_explains_exits_0() {
    let (code, said) = check(
        &lines("1 invoke write 1\n1 ok write\n2 invoke read\n2 ok read 1"),
        "--model register",
    );
    assert_eq!(
        (code, said.as_str()),
        (
            0,
            "ok: linearizable\n2 operations on 1 key: 1 answered read, 0 unknown outcomes\n\nnext: cargo guide list\n"
        )
    );
    let (code, said) = check(
        &lines("1 invoke txn [[\"append\",\"x\",1]]\n1 ok txn [[\"append\",\"x\",1]]"),
        "--model append",
    );
    assert_eq!(code, 0);
    assert!(said.contains("next: cargo guide check-history DIR/h.jsonl --model append --strict"));
}

#[test]
fn a_violation_exits_1_and_prints_the_lines_that_show_it() {
    let history = "3 invoke put 7\n3 ok put\n1 invoke put 1\n1 ok put\n2 invoke get\n2 ok get 7";
    let (code, said) = check(&lines(history), "--model kv");
    assert_eq!(code, 1);
    let expected = r#"violation: not linearizable
key "x": no order of the operations explains the answer `get 7` to process 2

the smallest part of the history that shows it:
{"process":1,"type":"invoke","f":"put","key":"x","value":1,"time":2}
{"process":1,"type":"ok","f":"put","key":"x","time":3}
{"process":2,"type":"invoke","f":"get","key":"x","time":4}
{"process":2,"type":"ok","f":"get","key":"x","value":7,"time":5}

next: cargo guide list
"#;
    assert_eq!(said, expected);
}

#[test]
fn a_stale_read_is_a_violation_only_where_time_counts() {
    let history = lines(
        "1 invoke txn [[\"append\",\"a\",1]]
         1 ok txn [[\"append\",\"a\",1]]
         2 invoke txn [[\"r\",\"a\",null]]
         2 ok txn [[\"r\",\"a\",[]]]",
    );
    assert_eq!(check(&history, "--model append").0, 0);
    let (code, said) = check(&history, "--model append --strict");
    assert_eq!(code, 1);
    assert!(said.starts_with("violation: not strictly serializable\nG-single-realtime"), "{said}");
}

#[test]
fn the_bank_counts_and_may_be_told_the_total() {
    let history = lines("1 invoke read\n1 ok read {\"a\":3,\"b\":7}");
    assert_eq!(check(&history, "--model bank").0, 0);
    let (code, said) = check(&history, "--model bank --total 11");
    assert_eq!(code, 1);
    assert!(said.contains("a read adds up to 10; all there is is 11"), "{said}");
}

#[test]
fn what_the_history_does_not_say_exits_2() {
    let (code, said) = check("", "--model register");
    assert_eq!((code, said.lines().next()), (2, Some("undecided: no operation was answered")));
    let many: String = (0..6).map(|i| format!("{i} invoke write {i}\n")).collect();
    let history =
        lines(&format!("{many}7 invoke read\n7 ok read 5\n7 invoke read\n7 ok read null"));
    let (code, said) = check(&history, "--model register --states 4");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--model register --states 16"), "{said}");
}

#[test]
fn what_cannot_be_read_exits_3_with_the_line_and_what_to_write_instead() {
    let ask = lines("1 invoke read");
    for (history, model, words) in [
        ("{\"process\":1}\n".to_string(), "register", "DIR/h.jsonl:1: missing field `type`"),
        (format!("{ask}\n\nhello\n"), "register", "DIR/h.jsonl:4: expected value (column 1)"),
        (
            "0\t:invoke\t:read\tnil".into(),
            "register",
            "h.jsonl:1: invalid type: integer `0`, expected an object",
        ),
        (
            "[1,\"invoke\",\"read\"]".into(),
            "kv",
            "DIR/h.jsonl:1: an array, and each line must be an object",
        ),
        (lines("1 invoke put"), "kv", "DIR/h.jsonl:1: a put needs a `value` that is not null"),
        (
            lines("1 invoke read\n1 ok read {\"a\":1.5}"),
            "bank",
            "DIR/h.jsonl:2: a has 1.5, and a balance is an",
        ),
        (
            lines("1 invoke write 1\n1 ok write 2"),
            "register",
            "DIR/h.jsonl:2: process 1 asked write 1",
        ),
        (format!("{ask}\n{ask}"), "register", "DIR/h.jsonl:3: process 1 asks again"),
        (lines("1 invoke jump"), "register", "DIR/h.jsonl:1: a register knows read, write and cas"),
        (lines("1 invoke jump"), "kv", "DIR/h.jsonl:1: a kv store knows get, put and delete"),
        (ask.clone(), "append", "DIR/h.jsonl:1: a transaction is called txn, not read"),
        (lines("1 invoke txn 3"), "append", "DIR/h.jsonl:1: expected a list such as"),
    ] {
        let (code, said) = check(&history, &format!("--model {model}"));
        assert_eq!(code, 3, "{said}");
        assert!(said.contains(words), "{said}");
        assert!(said.contains("fix: write {\"process\":3,"), "{said}");
    }
    let (code, said) =
        check(&lines("1 invoke read\n1 ok read").replace(":0}", ":9}"), "--model bank");
    assert_eq!(code, 3);
    assert!(said.contains("h.jsonl:2: this happened before the line above"), "{said}");
    let (code, said) = check("", "--model stack");
    assert_eq!(code, 3, "a command that is not understood is no verdict: {said}");
}

#[test]
fn a_history_that_is_missing_too_long_or_no_text_exits_3() {
    let (_dir, ws) = fake::book();
    let mut out = Vec::new();
    let args = ["guide", "check-history", "nowhere.jsonl", "--model", "bank"];
    assert_eq!(guide::cli::run(&ws, args.map(Into::into).to_vec(), &mut out), 3);
    assert!(String::from_utf8(out).unwrap().contains("nowhere.jsonl: cannot be read"));
    for (model, fix) in [
        (Model::Register, "judge a shorter run; keys can be judged one by one"),
        (Model::Append, "judge a shorter run"),
    ] {
        let error = judge(&b"\n".repeat(MOST_LINES + 1), &model.into(), None).unwrap_err();
        assert_eq!((error.what.as_str(), error.fix.as_str()), ("more than 1000000 lines", fix));
    }
    assert_eq!(judge(&[b'\n', 0xff], &Model::Bank.into(), None).unwrap_err().place, "2");
}

/// A line that is nearly one of a history.
fn nearly() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec!["invoke", "ok", "fail", "info", "what"]);
    let f = prop::sample::select(vec!["read", "write", "cas", "get", "put", "delete", "txn"]);
    let value = prop::sample::select(vec![
        "null",
        "1",
        "[1,2]",
        "{\"a\":1}",
        "[[\"append\",\"x\",1]]",
        "[[\"r\",\"x\",[1,1]],[\"append\",\"x\",2]]",
        "[[\"r\",\"x\",null]]",
        "1e999",
        "[[[[",
    ]);
    (0..3_u64, kind, f, value).prop_map(|(process, kind, f, value)| {
        format!(
            "{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"{f}\",\"value\":{value},\"time\":1}}\n"
        )
    })
}

proptest! {
    #[test]
    fn no_bytes_make_a_judge_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        lines in prop::collection::vec(nearly(), 0..8),
        strict: bool,
    ) {
        for model in [Model::Register, Model::Kv, Model::Append, Model::Bank] {
            let rules = Rules { strict, ..model.into() };
            let _ = judge(&bytes, &rules, None);
            let _ = judge(lines.concat().as_bytes(), &rules, None);
        }
    }
}

#[test]
fn a_session_that_is_used_after_its_end_exits_1_unless_it_may_be_for_a_while() {
    let late = r#"{"process":1,"type":"invoke","f":"sign-out","key":"s1","time":0}
{"process":1,"type":"ok","f":"sign-out","time":1000000}
{"process":2,"type":"invoke","f":"copied","key":"s1","time":3000000}
{"process":2,"type":"ok","f":"copied","value":[],"time":4000000}
"#;
    let (code, said) = check(late, "--model session");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("revocation is final: a cart is shown 2000000 ns after"), "{said}");
    let (code, said) = check(late, "--model session --within 2");
    assert_eq!(code, 0, "{said}");
    let counts =
        "2 requests on 1 session: 1 answered read, 0 unknown outcomes, 0 forced sign-in pages\n";
    assert!(said.contains(counts), "{said}");
    let (code, said) =
        check(r#"{"process":1,"type":"invoke","f":"read","time":1}"#, "--model session");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("\"sign-in|look|copied|add|sign-out\""), "{said}");
}

#[test]
fn a_sign_in_page_for_a_session_that_was_not_ended_is_counted() {
    let forced = r#"{"process":1,"type":"invoke","f":"sign-in","time":0}
{"process":1,"type":"ok","f":"sign-in","value":"s1","time":1}
{"process":1,"type":"invoke","f":"look","key":"s1","time":2}
{"process":1,"type":"fail","f":"look","time":3}
"#;
    let (code, said) = check(forced, "--model session");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("0 unknown outcomes, 1 forced sign-in page\n"), "{said}");
}

//! Histories as test benches write them: notations, and what is refused with its line.

use lab::check::append::{self, Promise};
use lab::check::linear::{self, Budget, MOST_STATES, Model};
use lab::check::{BadHistory, History, Verdict, bank};

use super::violation;

fn judge(text: &str, model: Model) -> Result<Verdict, BadHistory> {
    let history = History::read(text)?;
    let judged = linear::check(&history, &model.into(), &mut Budget::states(MOST_STATES))?;
    Ok(judged.verdict)
}

fn refused(text: &str, model: Model) -> (usize, String) {
    let BadHistory { line, why } = judge(text, model).expect_err(text);
    (line, why)
}

/// `process type f value`, one a line, without a key or a time.
fn lines(text: &str) -> String {
    let line = |line: &str| {
        let mut words = line.trim().splitn(4, ' ');
        let mut word = || words.next().unwrap_or("null").to_string();
        let (process, kind, f, rest) = (word(), word(), word(), word());
        format!("{{\"process\":{process},\"type\":\"{kind}\",\"f\":\"{f}\",\"value\":{rest}}}\n")
    };
    text.lines().map(line).collect()
}

const JSON: [&str; 4] = [
    r#"{"process":0,"type":"invoke","f":"write","key":"x","value":1,"time":5,"index":0}"#,
    r#"{"index":1,"process":0,"type":"ok","f":"write","key":"x","value":1,"time":6}"#,
    r#"{"process":1,"type":"invoke","f":"read","key":"x","time":7,"index":2}"#,
    r#"{"process":1,"type":"ok","f":"read","key":"x","value":1,"time":8,"index":3}"#,
];

const EDN: [&str; 4] = [
    r#"{:process 0, :type :invoke, :f :write, :key "x", :value 1, :time 5, :index 0}"#,
    r#"{:index 1 :type :ok :f :write :key "x" :value 1 :time 6 :process 0}"#,
    r#"#jepsen.history.Op{:process 1, :type :invoke, :f :read, :key "x", :value nil, :time 7}"#,
    r#"{:process 1, :type :ok, :f :read, :key "x", :value 1, :time 8}"#,
];

#[test]
fn every_notation_gives_the_same_history() {
    let expected = History::read(&JSON.join("\n")).unwrap();
    assert_eq!(expected.entries.len(), 4);
    let pretty = JSON.join(",\n").replace(",\"", ",\n  \"");
    for text in [
        format!("\u{feff}{}\r\n", JSON.join("\r\n")),
        format!("[{}]", JSON.join(",")),
        format!("\u{feff}\n[\n{pretty}\n]\n"),
        EDN.join("\n"),
        EDN.join(" "),
        format!("; a comment\n{}\n", EDN.join("\n; another {\n")),
        format!("[{}]", EDN.join("\n")),
        format!("({})", EDN.join(", ").replace(", :", "\n :")),
    ] {
        assert_eq!(History::read(&text).expect(&text).entries, expected.entries, "{text}");
    }
    for nothing in ["", "\u{feff}", "[]", "[ ]\n", "()", "; nothing"] {
        assert!(History::read(nothing).unwrap().entries.is_empty(), "{nothing}");
    }
}

#[test]
fn an_error_in_any_notation_has_the_line_in_which_its_object_begins() {
    let bad = r#"{"process":1,"type":"jump","f":"read","time":9}"#;
    let bad_edn = "{:process 1\n :type :jump :f :read :time 9}";
    for (text, line) in [
        (format!("{}\n{bad}", JSON.join("\n")), 5),
        (format!("[\n{},\n{bad}]", JSON.join(",\n")), 6),
        (format!("{}\n\n{bad_edn}", EDN.join("\n")), 6),
        (format!("[{}\n{bad_edn}]", EDN.join("\n")), 5),
        (format!("[{}\n\n", JSON.join(",")), 3),
        (format!("[{}]\n{}", JSON.join(","), JSON[0]), 2),
        (format!("[{}, 7]", JSON.join(",")), 1),
        (format!("{}\n:x", EDN.join("\n")), 5),
        (format!("{}\n}}", EDN.join("\n")), 5),
        (format!("{}\n{{:process", EDN.join("\n")), 5),
        ("{:a \"".into(), 1),
        ("{}".into(), 1),
    ] {
        assert_eq!(History::read(&text).expect_err(&text).line, line, "{text}");
    }
}

#[test]
fn an_array_is_no_operation() {
    let array = r#"[0,"invoke","read","x",null,5]"#;
    for text in [array.into(), format!("{}\n{array}", JSON[0]), format!("[{array}]")] {
        let error = History::read(&text).expect_err(&text);
        assert!(error.why.contains("object"), "{error}");
    }
}

#[test]
fn what_a_nemesis_did_is_skipped_and_counted() {
    let json = [
        r#"{"process":"nemesis","type":"info","f":"kill","value":{"n1":"killed"},"time":5}"#,
        r#"{"process":"nemesis","type":"sleep","value":10}"#,
        r#"{"process":-1,"type":"info","f":null,"time":5}"#,
    ];
    let edn = [
        "{:type :info, :f :start-partition, :process :nemesis, :time 6, :value [:isolated {\"n1\" #{\"n2\"}}]}",
        "{:process -7 :type :info :f :log :value \"hello ; {\"}",
        "{:process :nemesis :type :info :f :stop :time 5 :error #error{:via [{:type x}]}}",
    ];
    for text in [
        format!("{}\n{}", json.join("\n"), JSON.join("\n")),
        format!("[{},{}]", JSON.join(","), json.join(",")),
        format!("{}\n{}", EDN.join("\n"), edn.join("\n")),
    ] {
        let history = History::read(&text).expect(&text);
        assert_eq!((history.entries.len(), history.skipped()), (4, 3), "{text}");
    }
    for process in ["\"n1\"", "null", "1.5", "true", "18446744073709551616"] {
        let text = JSON[0].replace("\"process\":0", &format!("\"process\":{process}"));
        let error = History::read(&text).expect_err(&text);
        assert!(error.why.starts_with("`process` must be a number"), "{error}");
    }
}

#[test]
fn without_any_time_the_order_of_the_lines_counts() {
    let text = lines("1 invoke write 1\n1 ok write 1\n1 invoke read\n1 ok read 2");
    violation(judge(&text, Model::Register).unwrap());
    let timed = text.replacen('}', ",\"time\":0}", 1);
    assert_eq!(refused(&timed, Model::Register).0, 2);
}

#[test]
fn a_write_without_a_value_is_refused() {
    for (asked, model) in [
        ("1 invoke write", Model::Register),
        ("1 invoke write null", Model::Register),
        ("1 invoke put", Model::Kv),
    ] {
        let (line, why) = refused(&lines(asked), model);
        assert_eq!(line, 1);
        assert!(why.contains("needs a `value`"), "{why}");
        let misnamed = format!("{} 5", asked.trim_end_matches(" null"));
        assert_eq!(refused(&lines(&misnamed).replace("value", "val"), model).0, 1);
    }
    judge(&lines("1 invoke delete"), Model::Kv).unwrap();
}

#[test]
fn integers_beyond_64_bits_are_themselves() {
    let big = ["18446744073709551617", "18446744073709551619"];
    let text = format!("1 invoke write {}\n1 ok write\n1 invoke read\n1 ok read ", big[0]);
    for (seen, is_ok) in [(big[0], true), (big[1], false)] {
        let judged = judge(&lines(&format!("{text}{seen}")), Model::Register).unwrap();
        assert_eq!(judged == Verdict::Ok, is_ok, "{seen}: {judged:?}");
    }
    let (why, window) =
        violation(judge(&lines(&format!("{text}{}", big[1])), Model::Register).unwrap());
    assert!(why.contains("the answer `read 18446744073709551619`"), "{why}");
    assert!(History::of(window).to_json_lines().contains("\"value\":18446744073709551619,"));
    for [first, second] in [
        big,
        ["-9223372036854775809", "-9223372036854775810"],
        ["18446744073709551616", "18446744073709551616.0"],
        ["18446744073709551616", "\"18446744073709551616\""],
        ["1", "1.0"],
    ] {
        let ops = lines("1 invoke put 5\n1 ok put\n1 invoke get\n1 ok get");
        let mut keys = [first, first, second, second].into_iter();
        let named =
            ops.lines().map(|l| l.replace('}', &format!(",\"key\":{}}}\n", keys.next().unwrap())));
        assert_eq!(
            judge(&named.collect::<String>(), Model::Kv),
            Ok(Verdict::Ok),
            "{first} {second}"
        );
    }
    let twice = |a: &str, b: &str| {
        lines(&format!(
            "1 invoke txn [[\"append\",{a},1]]\n1 ok txn [[\"append\",{a},1]]\n\
         1 invoke txn [[\"append\",{b},1]]\n1 ok txn [[\"append\",{b},1]]"
        ))
    };
    let judged = |text: &str| append::check(&History::read(text).unwrap(), Promise::Serializable);
    assert_eq!(judged(&twice(big[0], big[1])), Ok(Verdict::Ok));
    let error = judged(&twice(big[0], big[0])).unwrap_err();
    assert!(
        error.why.starts_with("1 is appended to 18446744073709551617 a second time"),
        "{error}"
    );
}

#[test]
fn a_cas_that_failed_saw_another_value() {
    let cas = |kind: &str| {
        lines(&format!("1 invoke write 0\n1 ok write 0\n2 invoke cas [0,1]\n2 {kind} cas [0,1]"))
    };
    assert_eq!(judge(&cas("ok"), Model::Register), Ok(Verdict::Ok));
    assert_eq!(judge(&cas("info"), Model::Register), Ok(Verdict::Ok));
    let (why, window) = violation(judge(&cas("fail"), Model::Register).unwrap());
    assert_eq!(
        why,
        "no order of the operations explains the answer `fail` to `cas [0,1]` to process 2"
    );
    assert_eq!(window.len(), 4);
    let other = lines("1 invoke write 0\n2 invoke cas [0,1]\n2 fail cas\n1 ok write");
    assert_eq!(judge(&other, Model::Register), Ok(Verdict::Ok), "it may have been done before");
    let unreached = cas("fail").replace("\"fail\"", "\"fail\",\"error\":\"connection refused\"");
    assert_eq!(judge(&unreached, Model::Register), Ok(Verdict::Ok), "it says nothing of the value");
}

#[test]
fn keys_in_the_values_are_independent() {
    let text = "1 invoke write [\"k1\",1]
        1 ok write [\"k1\",1]
        2 invoke read [\"k2\",null]
        2 ok read [\"k2\",null]
        2 invoke cas [\"k1\",[1,3]]
        2 ok cas [\"k1\",[1,3]]
        1 invoke read [\"k1\",null]
        1 ok read [\"k1\",3]";
    assert_eq!(judge(&lines(text), Model::Register), Ok(Verdict::Ok));
    let edn = lines(text).replace("null", "nil").replace("\":", " ").replace("{\"", "{:");
    let edn = edn.replace(",\"", ", :").replace(" \"", " :").replace("\", :", ", :");
    assert_eq!(judge(&edn, Model::Register), Ok(Verdict::Ok), "{edn}");
    let wrong = text.replace("read [\"k1\",3]", "read [\"k1\",1]");
    let (why, window) = violation(judge(&lines(&wrong), Model::Register).unwrap());
    assert!(why.starts_with("key \"k1\": no order"), "{why}");
    assert!(window.iter().all(|entry| entry.value[0] == "k1"));
    for (broken, line) in [
        (text.replace("ok read [\"k2\",null]", "ok read [\"k1\",null]"), 4),
        (text.replace("ok read [\"k2\",null]", "ok read 7"), 4),
        (text.replace("write [\"k1\",1]", "write 1"), 3),
    ] {
        assert_eq!(refused(&lines(&broken), Model::Register).0, line, "{broken}");
    }
    let kv =
        "1 invoke put [\"k1\",1]\n1 ok put\n2 invoke get [\"k2\",null]\n2 ok get [\"k2\",null]";
    assert_eq!(judge(&lines(kv), Model::Kv), Ok(Verdict::Ok));
    let arrays = "1 invoke write [1,2]\n1 ok write\n2 invoke read\n2 ok read [1,2]";
    assert_eq!(judge(&lines(arrays), Model::Register), Ok(Verdict::Ok), "a value of its own");
}

#[test]
fn an_answer_about_something_else_is_refused() {
    for (text, model) in [
        ("1 invoke write 1\n1 ok write 2", Model::Register),
        ("1 invoke cas [1,2]\n1 ok cas [2,1]", Model::Register),
        ("1 invoke cas [1,2]\n1 fail cas [2,1]", Model::Register),
        ("1 invoke read 1\n1 ok read 2", Model::Register),
        ("1 invoke put 1\n1 fail put 2", Model::Kv),
    ] {
        assert_eq!(refused(&lines(text), model).0, 2, "{text}");
    }
    for kind in ["ok", "fail", "info"] {
        for f in ["get", "delete"] {
            let text = lines(&format!("1 invoke {f}\n1 {kind} {f}"));
            let text = text.replacen('}', ",\"key\":\"a\"}", 1);
            let other = text.trim_end().strip_suffix('}').unwrap().to_string() + ",\"key\":\"b\"}";
            assert_eq!(refused(&other, Model::Kv).0, 2, "{other}");
            judge(&text, Model::Kv).expect("an answer may leave the key out");
        }
    }
}

#[test]
fn a_violation_that_rests_on_equal_times_is_undecided() {
    let at = |text: &str, times: &[u64]| {
        let timed =
            |(line, time): (&str, &u64)| line.replace('}', &format!(",\"time\":{time}}}\n"));
        lines(text).lines().zip(times).map(timed).collect::<String>()
    };
    let stale = "1 invoke write 1\n1 ok write\n2 invoke read\n2 ok read";
    for (times, is_violation) in
        [([0, 1, 2, 3], true), ([0, 1, 1, 3], false), ([0, 0, 0, 0], false), ([0, 0, 1, 1], true)]
    {
        let judged = judge(&at(stale, &times), Model::Register).unwrap();
        assert_eq!(matches!(judged, Verdict::Violation { .. }), is_violation, "{times:?}");
        assert_eq!(matches!(judged, Verdict::Undecided { .. }), !is_violation, "{times:?}");
    }
    let fresh = format!("{stale} 1");
    assert_eq!(judge(&at(&fresh, &[0, 1, 1, 1]), Model::Register), Ok(Verdict::Ok));
    let txn = "1 invoke txn [[\"append\",1,1]]\n1 ok txn [[\"append\",1,1]]\n\
               2 invoke txn [[\"r\",1,null]]\n2 ok txn [[\"r\",1,[]]]";
    for (times, is_violation) in [([0, 1, 2, 3], true), ([0, 1, 1, 3], false)] {
        let history = History::read(&at(txn, &times)).unwrap();
        let judged = append::check(&history, Promise::StrictSerializable).unwrap();
        assert_eq!(matches!(judged, Verdict::Violation { .. }), is_violation, "{times:?}");
        assert_eq!(matches!(judged, Verdict::Undecided { .. }), !is_violation, "{times:?}");
    }
}

#[test]
fn a_list_that_is_not_there_is_empty_and_a_bank_has_numbers_for_names() {
    let edn = "{:process 0 :type :invoke :f :txn :value [[:append 1 7] [:r 2 nil]] :time 0}
        {:process 0 :type :ok :f :txn :value [[:append 1 7] [:r 2 nil]] :time 1}
        {:process 1 :type :invoke :f :txn :value [[:r 1 nil]] :time 2}";
    let judged = |answer: &str| {
        let end = format!("{{:process 1 :type :ok :f :txn :value [[:r 1 {answer}]] :time 3}}");
        let history = History::read(&format!("{edn}\n{end}")).unwrap();
        append::check(&history, Promise::StrictSerializable).unwrap()
    };
    assert_eq!(judged("[7]"), Verdict::Ok);
    for empty in ["nil", "[]"] {
        let (why, _) = violation(judged(empty));
        assert!(why.starts_with("G-single-realtime"), "{why}");
    }
    let bank = "{:process 0 :type :invoke :f :read :value nil :time 0}
        {:process 0 :type :ok :f :read :value {0 4, 1 6} :time 1}";
    assert_eq!(bank::check(&History::read(bank).unwrap(), Some(10)), Ok(Verdict::Ok));
}

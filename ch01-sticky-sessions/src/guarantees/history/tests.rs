//! Histories as text: written, read, judged, refused.

use proptest::prelude::*;

use super::*;

/// Any visits, with times that grow.
fn visits() -> impl Strategy<Value = Vec<Visit>> {
    let item = || prop::sample::select(vec!["boots", "candle", "umbrella"]);
    let deed = prop_oneof![
        Just(Deed::SignIn),
        Just(Deed::Look),
        Just(Deed::SignOut),
        Just(Deed::SignOutEverywhere),
        item().prop_map(|item| Deed::Add(Item::new(item))),
    ];
    let cart = prop::collection::btree_set(item().prop_map(Item::new), 0..3);
    let one = (0..50_u64, 0..9_u64, 0..2_u8, deed, any::<bool>(), 0..3_u8, cart);
    let one = one.prop_map(|(asked, took, session, deed, is_copied, told, cart)| Visit {
        asked,
        answered: asked + took,
        session: format!("s{session}"),
        user: if deed == Deed::SignIn { format!("u{session}") } else { String::new() },
        is_copied: is_copied && deed == Deed::Look,
        told: match (told, &deed) {
            (0, _) => Told::SignInPage,
            (1, _) => Told::Unknown,
            (_, Deed::SignIn | Deed::SignOut | Deed::SignOutEverywhere) => Told::Done,
            (_, Deed::Look | Deed::Add(_)) => Told::Cart(cart),
        },
        deed,
    });
    prop::collection::vec(one, 0..12)
}

/// Entries that need not fit together.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let f = prop::sample::select(vec![
        SIGN_IN,
        LOOK,
        COPIED,
        ADD,
        SIGN_OUT,
        SIGN_OUT_EVERYWHERE,
        "other",
    ]);
    let kind = prop::sample::select(vec![Type::Invoke, Type::Ok, Type::Fail, Type::Info]);
    let values = [Value::Null, "s1".into(), 7.into(), vec!["a"].into(), vec![1].into()];
    let value = prop::sample::select(values.to_vec());
    let one =
        (0..3_u64, kind, f, value.clone(), value).prop_map(|(process, kind, f, key, value)| {
            Entry { process, kind, f: f.into(), key, value, time: 0 }
        });
    prop::collection::vec(one, 0..8)
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_judged_alike(visits in visits()) {
        let text = of(&visits).to_json_lines();
        let read = read(&History::read(&text).unwrap()).unwrap();
        let (before, after) = (judge(&visits).unwrap(), judge(&read).unwrap());
        let sizes = |found: &Findings| (found.unread.len(), found.unseen.len(), found.revoked.len());
        prop_assert_eq!(sizes(&before), sizes(&after));
        prop_assert_eq!(before.lag() * NS, after.lag());
    }

    #[test]
    fn no_history_makes_the_checker_panic(entries in entries()) {
        let _ = check(&History::of(entries), 0);
    }
}

#[test]
fn a_violation_names_the_guarantee_and_shows_both_requests() {
    let text = r#"{"process":1,"type":"invoke","f":"sign-in","time":1}
{"process":1,"type":"ok","f":"sign-in","value":"s1","time":2}
{"process":1,"type":"invoke","f":"add","key":"s1","value":"boots","time":3}
{"process":1,"type":"ok","f":"add","value":["boots"],"time":4}
{"process":1,"type":"invoke","f":"look","key":"s1","time":5}
{"process":1,"type":"ok","f":"look","value":[],"time":6}
"#;
    let judged = check(&History::read(text).unwrap(), 0).unwrap().judged;
    let Verdict::Violation { why, window } = judged.verdict else { panic!("it is one") };
    assert!(why.starts_with("read your writes: boots"), "{why}");
    assert_eq!(window.iter().map(|entry| entry.time).collect::<Vec<_>>(), [3, 4, 5, 6]);
    assert_eq!((judged.counts.reads, judged.counts.keys), (2, 1));
}

#[test]
fn a_line_that_is_of_another_kind_is_refused() {
    for (text, line) in [
        (r#"{"process":1,"type":"invoke","f":"read","time":1}"#, 1),
        (r#"{"process":1,"type":"invoke","f":"add","key":"s1","time":1}"#, 1),
        (
            "{\"process\":1,\"type\":\"invoke\",\"f\":\"look\",\"key\":\"s1\",\"time\":1}\n\
             {\"process\":1,\"type\":\"ok\",\"f\":\"look\",\"value\":7,\"time\":2}",
            2,
        ),
        (
            "{\"process\":1,\"type\":\"invoke\",\"f\":\"sign-in\",\"time\":1}\n\
             {\"process\":1,\"type\":\"ok\",\"f\":\"sign-in\",\"time\":2}",
            2,
        ),
    ] {
        assert_eq!(read(&History::read(text).unwrap()).unwrap_err().line, line, "{text}");
    }
}

#[test]
fn a_session_is_named_by_a_string() {
    let look = |key: &str| {
        let text = format!(
            "{{\"process\":1,\"type\":\"invoke\",\"f\":\"look\",{key}\"time\":1}}\n\
             {{\"process\":1,\"type\":\"ok\",\"f\":\"look\",\"value\":[],\"time\":2}}"
        );
        read(&History::read(&text).unwrap())
    };
    for key in ["1", "2", "[\"s1\"]"] {
        let bad = look(&format!("\"key\":{key},")).unwrap_err();
        assert_eq!((bad.line, bad.why.contains("a string")), (1, true), "{key}: {bad:?}");
    }
    let bad = look("").unwrap_err();
    assert_eq!((bad.line, bad.why.contains("without a `key`")), (2, true), "{bad:?}");
    assert!(look("\"key\":\"1\",").is_ok());
}

#[test]
fn forced_sign_in_pages_are_counted_beside_the_verdict() {
    let sign_in = r#"{"process":1,"type":"invoke","f":"sign-in","time":1}
{"process":1,"type":"ok","f":"sign-in","value":"s1","time":2}
"#;
    let page = |f: &str, time: u64| {
        let asked =
            format!(r#"{{"process":1,"type":"invoke","f":"{f}","key":"s1","time":{time}}}"#);
        format!("{asked}\n{{\"process\":1,\"type\":\"fail\",\"f\":\"{f}\",\"time\":{time}}}\n")
    };
    let text = [sign_in, &page("look", 3), &page("look", 4), &page("copied", 5)].concat();
    let checked = check(&History::read(&text).unwrap(), 0).unwrap();
    assert_eq!((checked.judged.verdict, checked.forced), (Verdict::Ok, 2));
}

#[test]
fn a_page_without_a_session_may_be_the_sign_in_page() {
    let text = r#"{"process":1,"type":"invoke","f":"look","time":1}
{"process":1,"type":"fail","f":"look","time":2}
"#;
    let checked = check(&History::read(text).unwrap(), 0).unwrap();
    assert_eq!((checked.judged.verdict, checked.forced), (Verdict::Ok, 0));
}

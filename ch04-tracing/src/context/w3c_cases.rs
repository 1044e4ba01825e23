//! The 41 cases of the W3C's public test suite at level 2, strict, stated again from the standard.

use super::*;

const TRACE: &str = "12345678901234567890123456789012";
const VALID: &str = "00-12345678901234567890123456789012-1234567890123456-01";

/// What has to hold of the outgoing context.
enum Then {
    /// The caller's trace goes on.
    Kept,
    /// A new trace begins.
    New,
    /// The caller's trace goes on with this tracestate.
    State(&'static str),
    /// As [`Then::State`], of values that are too long to write down.
    Built(String),
}
use Then::{Built, Kept, New, State};

struct Case {
    name: &'static str,
    /// Headers of one request each, and what follows.
    requests: Vec<(Vec<(&'static str, String)>, Then)>,
}

/// Requests that have nothing but a `traceparent`.
fn parents(name: &'static str, values: &[&str], then: fn() -> Then) -> Case {
    let request = |value: &&str| (vec![("traceparent", (*value).to_owned())], then());
    Case { name, requests: values.iter().map(request).collect() }
}

/// Requests with a valid `traceparent` and these `tracestate` headers.
fn states(name: &'static str, requests: Vec<(Vec<String>, Then)>) -> Case {
    let request = |(values, then): (Vec<String>, Then)| {
        let states = values.into_iter().map(|value| ("tracestate", value));
        (std::iter::once(("traceparent", VALID.to_owned())).chain(states).collect(), then)
    };
    Case { name, requests: requests.into_iter().map(request).collect() }
}

fn one(value: &str, then: Then) -> (Vec<String>, Then) {
    (vec![value.to_owned()], then)
}

fn named(name: &'static str, headers: &[(&'static str, &str)], then: Then) -> Case {
    Case { name, requests: vec![(owned(headers), then)] }
}

fn owned(headers: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn traceparent_cases() -> Vec<Case> {
    vec![
        named("no headers", &[], New),
        parents("a valid traceparent", &[VALID], || Kept),
        named("two traceparents", &[("traceparent", VALID), ("traceparent", VALID)], New),
        Case {
            name: "a header of another name",
            requests: ["trace-parent", "trace.parent"].map(|n| (owned(&[(n, VALID)]), New)).into(),
        },
        Case {
            name: "a header name in any case",
            requests: ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"]
                .map(|name| (owned(&[(name, VALID)]), Kept))
                .into(),
        },
        parents("version 00 goes on", &[&format!("{VALID}."), &format!("{VALID}-extra")], || New),
        Case {
            name: "version cc goes on",
            requests: [("-extra", Kept), ("", Kept), (".extra", New)]
                .map(|(end, then)| (vec![("traceparent", format!("cc{}{end}", &VALID[2..]))], then))
                .into(),
        },
        changed("version ff", 0..2, &["ff"]),
        changed("a version with an illegal character", 0..2, &[".0", "0."]),
        changed("a version that is too long", 0..2, &["000", "0000"]),
        changed("a version that is too short", 0..2, &["0"]),
        changed("a trace id of zeros", 3..35, &["00000000000000000000000000000000"]),
        changed(
            "a trace id with an illegal character",
            3..35,
            &[".2345678901234567890123456789012", "1234567890123456789012345678901."],
        ),
        changed("a trace id that is too long", 3..35, &["123456789012345678901234567890123"]),
        changed("a trace id that is too short", 3..35, &["1234567890123456789012345678901"]),
        changed("a parent id of zeros", 36..52, &["0000000000000000"]),
        changed(
            "a parent id with an illegal character",
            36..52,
            &[".234567890123456", "123456789012345."],
        ),
        changed("a parent id that is too long", 36..52, &["12345678901234567"]),
        changed("a parent id that is too short", 36..52, &["123456789012345"]),
        changed("flags with an illegal character", 53..55, &[".0", "0."]),
        changed("flags that are too long", 53..55, &["001"]),
        changed("flags that are too short", 53..55, &["1"]),
        parents(
            "blanks around a traceparent",
            &[
                &format!(" {VALID}"),
                &format!("\t{VALID}"),
                &format!("{VALID} "),
                &format!("{VALID}\t"),
                &format!("\t {VALID} \t"),
            ],
            || Kept,
        ),
    ]
}

/// A valid `traceparent` with another text in one place.
fn changed(name: &'static str, place: std::ops::Range<usize>, texts: &[&str]) -> Case {
    let value = |text: &&str| format!("{}{text}{}", &VALID[..place.start], &VALID[place.end..]);
    let values: Vec<_> = texts.iter().map(value).collect();
    parents(name, &values.iter().map(String::as_str).collect::<Vec<_>>(), || New)
}

fn tracestate_cases() -> Vec<Case> {
    let both = |values: [&str; 2]| values.map(str::to_owned).to_vec();
    let other = |name| (owned(&[("traceparent", VALID), (name, "foo=1")]), State(""));
    let cased = |name| (owned(&[("traceparent", VALID), (name, "foo=1")]), State("foo=1"));
    vec![
        named("a tracestate alone", &[("tracestate", "foo=1")], New),
        states("a tracestate is inherited", vec![one("foo=1,bar=2", State("foo=1,bar=2"))]),
        Case {
            name: "a tracestate header of another name",
            requests: ["trace-state", "trace.state"].map(other).into(),
        },
        Case {
            name: "a tracestate header name in any case",
            requests: ["TraceState", "TrAcEsTaTe", "TRACESTATE"].map(cased).into(),
        },
        states(
            "an empty tracestate header",
            vec![
                one("", State("")),
                (both(["foo=1", ""]), State("foo=1")),
                (both(["", "foo=1"]), State("foo=1")),
            ],
        ),
        states(
            "several tracestate headers",
            vec![(
                ["foo=1,bar=2", "rojo=1,congo=2", "baz=3"].map(str::to_owned).to_vec(),
                State("foo=1,bar=2,rojo=1,congo=2,baz=3"),
            )],
        ),
        states(
            "one key twice",
            vec![
                one("foo=1,foo=1", State("foo=1")),
                one("foo=1,foo=2", State("foo=1")),
                (both(["foo=1", "foo=1"]), State("foo=1")),
                (both(["foo=1", "foo=2"]), State("foo=1")),
            ],
        ),
        states("all legal characters", vec![all_legal("a"), all_legal("0")]),
        states(
            "blanks around members",
            vec![
                one("foo=1 \t , \t bar=2, \t baz=3", State("foo=1,bar=2,baz=3")),
                (["foo=1\t", "\t bar=2 "].map(str::to_owned).to_vec(), State("foo=1,bar=2")),
            ],
        ),
    ]
}

fn illegal_state_cases() -> Vec<Case> {
    vec![
        states(
            "keys with illegal characters",
            ["foo =1", "FOO=1", "foo.bar=1"].map(|value| one(value, State(""))).into(),
        ),
        states(
            "keys with @",
            vec![
                one("foo@=1,bar=2", State("foo@=1,bar=2")),
                one("foo@@bar=1,bar=2", State("foo@@bar=1,bar=2")),
                one("foo@bar@baz=1,bar=2", State("foo@bar@baz=1,bar=2")),
                one("@foo=1,bar=2", State("")),
            ],
        ),
        states("32 members and 33", vec![members(32), members(33)]),
        states(
            "keys of 256 characters and of 257",
            vec![
                key("z".repeat(256), true),
                key("z".repeat(257), false),
                key(format!("{}@{}", "t".repeat(241), "v".repeat(14)), true),
                key(format!("{}@v", "t".repeat(242)), true),
                key(format!("t@{}", "v".repeat(15)), true),
            ],
        ),
        states(
            "values with illegal characters",
            vec![one("foo=bar=baz", State("")), one("foo=,bar=3", State(""))],
        ),
    ]
}

fn all_legal(first: &str) -> (Vec<String>, Then) {
    let key = format!("{first}{}", "0123456789abcdefghijklmnopqrstuvwxyz_-*/");
    let value: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
    let member = format!("{key}={value}");
    (vec![member.clone()], Built(member))
}

/// In four headers.
fn members(count: usize) -> (Vec<String>, Then) {
    let members: Vec<_> = (1..=count).map(|n| format!("bar{n:02}={n:02}")).collect();
    let headers: Vec<_> = members.chunks(count.div_ceil(4)).map(|some| some.join(",")).collect();
    assert_eq!(headers.len(), 4);
    (headers, if count > 32 { State("") } else { Built(members.join(",")) })
}

fn key(key: String, is_legal: bool) -> (Vec<String>, Then) {
    let member = format!("{key}=1");
    (
        vec![format!("foo=1,{member}")],
        if is_legal { Built(format!("foo=1,{member}")) } else { State("") },
    )
}

fn other_cases() -> Vec<Case> {
    let three = |name, headers: &[(&'static str, &str)], then: fn() -> Then| Case {
        name,
        requests: (0..3).map(|_| (owned(headers), then())).collect(),
    };
    let zero = format!("00-{}-1234567890123456-01", "0".repeat(32));
    vec![
        three("three calls in one trace", &[("traceparent", VALID)], || Kept),
        three("three calls without a trace", &[], || New),
        three("three calls in an illegal trace", &[("traceparent", &zero)], || New),
        named("the random flag", &[("traceparent", &VALID.replace("-01", "-02"))], Kept),
    ]
}

#[test]
fn all_41_cases_of_level_2_pass() {
    let cases: Vec<_> =
        [traceparent_cases(), tracestate_cases(), illegal_state_cases(), other_cases()]
            .into_iter()
            .flatten()
            .collect();
    assert_eq!(cases.len(), 41);
    let mut drawn = 1;
    for Case { name, requests } in cases {
        for (headers, then) in requests {
            drawn += 1;
            let incoming: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
            let (span, new) = (SpanId(drawn), TraceId(drawn.into()));
            let context = TraceContext::answering(&incoming, span, new, Flags::RANDOM);
            let outgoing: Vec<_> = context.headers().collect();
            let parent = &outgoing[0].1;
            let state = outgoing.get(1).map_or("", |(_, value)| value);
            let is_kept = parent[3..35] == *TRACE;
            assert_eq!(parent[36..52], span.to_string(), "{name}: a new parent id");
            match then {
                Kept => assert!(is_kept, "{name}: {headers:?} gave {parent}"),
                New => assert_eq!((&parent[3..35], state), (&*new.to_string(), ""), "{name}"),
                State(expected) => assert_eq!((is_kept, state), (true, expected), "{name}"),
                Built(expected) => assert_eq!((is_kept, state), (true, &*expected), "{name}"),
            }
            if name == "the random flag" {
                assert!(parent.ends_with("-02"), "{parent}");
            }
        }
    }
}

/// What the suite does not ask, and the standard says.
#[test]
fn flags_that_nobody_knows_are_cleared_and_known_ones_are_kept() {
    for (incoming, outgoing) in
        [("00", "00"), ("01", "01"), ("03", "03"), ("ff", "03"), ("fc", "00")]
    {
        let value = format!("{}{incoming}", &VALID[..53]);
        let context = TraceContext::extract(&[("traceparent", value.as_bytes())]).unwrap().unwrap();
        assert_eq!(context.traceparent()[53..], *outgoing);
    }
}

#[test]
fn a_long_tracestate_loses_whole_members_the_longest_first() {
    let long = |key: &str, len: usize| format!("{key}={}", "x".repeat(len - key.len() - 1));
    let kept = |members: &[String]| {
        let state = TraceState::parse([members.join(",").as_bytes()]).unwrap();
        let keys: Vec<_> =
            state.members().map(|m| m.split_once('=').unwrap().0.to_owned()).collect();
        (state.as_str().len(), keys.join(" "))
    };
    let at_the_limit = [long("a", 128), long("b", 128), long("c", 128), long("d", 125)];
    assert_eq!(kept(&at_the_limit), (512, "a b c d".into()));
    let above = [long("a", 128), long("b", 128), long("c", 128), long("d", 126)];
    assert_eq!(kept(&above), (386, "a b c".into()));
    let with_a_long_one = [long("a", 128), long("b", 129), long("c", 128), long("d", 128)];
    assert_eq!(kept(&with_a_long_one), (386, "a c d".into()));
}

#[test]
fn a_new_member_goes_left_and_makes_room_at_the_end() {
    let full: Vec<_> = (0..32).map(|n| format!("k{n}={n}")).collect();
    let state = TraceState::parse([full.join(",").as_bytes()]).unwrap();
    let with = state.with("ot", "th:8").unwrap();
    assert!(with.as_str().starts_with("ot=th:8,k0=0,"), "{with:?}");
    assert_eq!((with.members().count(), with.get("k31"), with.get("k30")), (32, None, Some("30")));
    let changed = with.with("k3", "new").unwrap();
    assert!(changed.as_str().starts_with("k3=new,ot=th:8,k0=0,k1=1,k2=2,k4=4,"), "{changed:?}");
    assert_eq!(changed.members().count(), 32);
    for (key, value) in [("Ot", "1"), ("ot", ""), ("ot", "1 "), ("ot", "1,2"), ("ot\r\n", "1")] {
        assert_eq!(state.with(key, value), Err(BadTraceState::Member), "{key}={value}");
    }
}

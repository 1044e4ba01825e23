//! Our messages beside those of the crate that OpenTelemetry publishes, and what bodies may hold.

use opentelemetry_proto::tonic as theirs;
use proptest::prelude::*;
use prost::Message as _;
use theirs::collector::trace::v1::ExportTraceServiceRequest;
use theirs::common::v1::any_value;
use theirs::trace::v1::{ResourceSpans, ScopeSpans, Status as TheirStatus, span};

use super::*;
use crate::types::{Kind, Link, Span, SpanId, Status, TraceId, Value};

fn any_value() -> impl Strategy<Value = theirs::common::v1::AnyValue> {
    use any_value::Value as Any;
    let leaf = prop_oneof![
        ".{0,8}".prop_map(|text| Some(Any::StringValue(text))),
        any::<bool>().prop_map(|bool| Some(Any::BoolValue(bool))),
        any::<i64>().prop_map(|number| Some(Any::IntValue(number))),
        prop_oneof![any::<i32>().prop_map(|n| f64::from(n) / 4.0), Just(f64::INFINITY)]
            .prop_map(|number| Some(Any::DoubleValue(number))),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(|bytes| Some(Any::BytesValue(bytes))),
        Just(None),
    ];
    let leaf = leaf.prop_map(|value| theirs::common::v1::AnyValue { value });
    leaf.prop_recursive(3, 12, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..3);
        let list =
            list.prop_map(|values| Any::ArrayValue(theirs::common::v1::ArrayValue { values }));
        let map = prop::collection::vec(("[a-z.]{0,5}", inner), 0..3).prop_map(|pairs| {
            let values = pairs.into_iter().map(|(key, value)| pair(key, value)).collect();
            Any::KvlistValue(theirs::common::v1::KeyValueList { values })
        });
        prop_oneof![list, map].prop_map(|v| theirs::common::v1::AnyValue { value: Some(v) })
    })
}

fn pair(key: String, value: theirs::common::v1::AnyValue) -> theirs::common::v1::KeyValue {
    theirs::common::v1::KeyValue { key, value: Some(value), ..Default::default() }
}

fn attributes() -> impl Strategy<Value = Vec<theirs::common::v1::KeyValue>> {
    prop::collection::vec(("[a-z.]{0,9}", any_value()).prop_map(|(k, v)| pair(k, v)), 0..4)
}

fn id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), len), Just(vec![])]
}

fn their_span() -> impl Strategy<Value = theirs::trace::v1::Span> {
    let ids = (id(16), id(8), id(8), "[a-z=,]{0,9}", any::<u32>());
    let times = (".{0,9}", 0..6i32, any::<u64>(), any::<u64>());
    let event = (any::<u64>(), ".{0,5}", attributes(), 0..3u32).prop_map(|(time, name, a, n)| {
        span::Event { time_unix_nano: time, name, attributes: a, dropped_attributes_count: n }
    });
    let link = (id(16), id(8), "[a-z]{0,3}", attributes(), 0..3u32, any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| {
            span::Link {
                trace_id,
                span_id,
                trace_state,
                attributes,
                dropped_attributes_count,
                flags,
            }
        },
    );
    let status = (".{0,4}", 0..3i32).prop_map(|(message, code)| TheirStatus { message, code });
    let lists =
        (attributes(), prop::collection::vec(event, 0..3), prop::collection::vec(link, 0..3));
    let rest = (prop::array::uniform3(0..3u32), prop::option::of(status));
    (ids, times, lists, rest).prop_map(|(ids, times, lists, (dropped, status))| {
        theirs::trace::v1::Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            trace_state: ids.3,
            flags: ids.4,
            name: times.0,
            kind: times.1,
            start_time_unix_nano: times.2,
            end_time_unix_nano: times.3,
            attributes: lists.0,
            events: lists.1,
            links: lists.2,
            dropped_attributes_count: dropped[0],
            dropped_events_count: dropped[1],
            dropped_links_count: dropped[2],
            status,
        }
    })
}

fn their_request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = (".{0,4}", ".{0,4}", attributes(), 0..3u32).prop_map(|(name, version, a, n)| {
        theirs::common::v1::InstrumentationScope {
            name,
            version,
            attributes: a,
            dropped_attributes_count: n,
        }
    });
    let scope_spans = (prop::option::of(scope), prop::collection::vec(their_span(), 0..3));
    let scope_spans = scope_spans.prop_map(|(scope, spans)| ScopeSpans {
        scope,
        spans,
        schema_url: String::new(),
    });
    let resource =
        (attributes(), 0..3u32).prop_map(|(attributes, n)| theirs::resource::v1::Resource {
            attributes,
            dropped_attributes_count: n,
            entity_refs: vec![],
        });
    let group = (prop::option::of(resource), prop::collection::vec(scope_spans, 0..3)).prop_map(
        |(resource, scope_spans)| ResourceSpans {
            resource,
            scope_spans,
            schema_url: String::new(),
        },
    );
    prop::collection::vec(group, 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

/// A request has its spans in groups, by their services.
fn sorted(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_cached_key(|span| format!("{span:?}"));
    spans
}

proptest! {
    #[test]
    fn their_messages_survive_ours_in_protobuf_and_in_json(request in their_request()) {
        let ours = Encoding::Protobuf.read(&request.encode_to_vec()).unwrap();
        let back = ExportTraceServiceRequest::decode(ours.encode_to_vec().as_slice()).unwrap();
        prop_assert_eq!(back, request);
        let json = Encoding::Json.read(&Encoding::Json.write(&ours)).unwrap();
        prop_assert_eq!(&json, &ours);
        let spans = received(ours).spans;
        let again = received(super::request(&spans));
        prop_assert_eq!((sorted(again.spans), again.refused), (sorted(spans), 0));
    }

    #[test]
    fn any_body_is_read_or_refused(
        body in prop::collection::vec(any::<u8>(), 0..200),
        request in their_request(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut changed = request.encode_to_vec();
        for (at, byte) in changes {
            if !changed.is_empty() {
                let at = at.index(changed.len());
                changed[at] = byte;
            }
        }
        for body in [body, changed] {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                if let Ok(request) = encoding.read(&body) {
                    let spans = received(request).spans;
                    let again = received(super::request(&spans));
                    prop_assert_eq!((sorted(again.spans), again.refused), (sorted(spans), 0));
                }
            }
        }
    }
}

fn one_span() -> Span {
    Span {
        trace: TraceId(7),
        id: SpanId(8),
        parent: Some(SpanId(9)),
        links: vec![Link { trace: TraceId(1), span: SpanId(2) }],
        service: "coord".into(),
        name: "prepare".into(),
        kind: Kind::Client,
        start: 1_700_000_000_000_000_001,
        end: 1_700_000_000_000_000_002,
        status: Status::Error("timeout".into()),
        attributes: vec![
            ("order".into(), Value::Text("2.1".into())),
            ("ratio".into(), Value::Float(0.5f64.to_bits())),
            ("list".into(), Value::List(vec![Value::Int(1), Value::Empty, Value::Bool(true)])),
            ("map".into(), Value::Map(vec![("bytes".into(), Value::Bytes(vec![0, 255]))])),
            (DROPPED_ATTRIBUTES.into(), Value::Int(3)),
        ],
    }
}

#[test]
fn a_span_of_ours_survives_both_encodings() {
    let wire = request(&[one_span()]);
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let read = encoding.read(&encoding.write(&wire)).unwrap();
        assert_eq!(received(read), Received { spans: vec![one_span()], refused: 0 });
    }
}

/// A request with one span that has these fields besides its ids, and what became of it.
fn json_span(fields: &str) -> Result<Received, BadBody> {
    let ids = r#""traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174""#;
    let body =
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids}{fields}}}]}}]}}]}}"#);
    Encoding::Json.read(body.as_bytes()).map(received)
}

#[test]
fn json_is_read_by_the_rules_of_otlp() {
    for (fields, attribute) in [
        (r#","parentSpanId":"EEE19B7EC3C1B173","unknown":{"a":[1]}"#, None),
        (r#","startTimeUnixNano":"9007199254740993","endTimeUnixNano":9007199254740993"#, None),
        (r#","parentSpanId":"","attributes":null,"status":null,"name":null,"links":null"#, None),
        (r#","attributes":[{"key":"a","value":{"intValue":"-7"}}]"#, Some(Value::Int(-7))),
        (r#","attributes":[{"key":"a","value":{"intValue":7}}]"#, Some(Value::Int(7))),
        (r#","attributes":[{"key":"a","value":{}}]"#, Some(Value::Empty)),
        (r#","attributes":[{"key":"a"}]"#, Some(Value::Empty)),
        (
            r#","attributes":[{"key":"a","value":{"bytesValue":"AP8="}}]"#,
            Some(Value::Bytes(vec![0, 255])),
        ),
        (
            r#","attributes":[{"key":"a","value":{"bytesValue":"AP8"}}]"#,
            Some(Value::Bytes(vec![0, 255])),
        ),
        (
            r#","attributes":[{"key":"a","value":{"doubleValue":"-Infinity"}}]"#,
            Some(Value::Float(f64::NEG_INFINITY.to_bits())),
        ),
        (
            r#","attributes":[{"key":"a","value":{"arrayValue":{"values":[{"boolValue":false}]}}}]"#,
            Some(Value::List(vec![Value::Bool(false)])),
        ),
    ] {
        let received = json_span(fields).unwrap();
        let [span] = received.spans.as_slice() else { panic!("{fields}: {received:?}") };
        assert_eq!(span.trace.to_string(), "5b8efff798038103d269b633813fc60c");
        assert_eq!(span.attributes.first().map(|(_, value)| value), attribute.as_ref(), "{fields}");
    }
    for fields in [
        r#","kind":"SPAN_KIND_SERVER""#,
        r#","parentSpanId":"xyz""#,
        r#","parentSpanId":"123""#,
        r#","startTimeUnixNano":"soon""#,
        r#","attributes":{"a":1}"#,
    ] {
        assert!(matches!(json_span(fields), Err(BadBody::Json(_))), "{fields}");
    }
    let times =
        json_span(r#","startTimeUnixNano":"9007199254740993","endTimeUnixNano":5"#).unwrap();
    assert_eq!(
        (times.spans[0].start, times.spans[0].end),
        (9_007_199_254_740_993, 9_007_199_254_740_993)
    );
}

#[test]
fn empty_envelopes_are_no_error_and_bad_ids_are_counted() {
    for body in ["{}", r#"{"resourceSpans":[]}"#, r#"{"resourceSpans":[{"scopeSpans":[{}]}]}"#] {
        assert_eq!(received(Encoding::Json.read(body.as_bytes()).unwrap()), Received::default());
    }
    assert_eq!(received(Encoding::Protobuf.read(b"").unwrap()), Received::default());
    let mut wire = request(&[one_span(), one_span(), one_span(), one_span()]);
    let spans = &mut wire.resource_spans[0].scope_spans[0].spans;
    spans[0].trace_id = vec![0; 16];
    spans[1].span_id.pop();
    spans[2].parent_span_id = vec![1; 9];
    let received = received(wire);
    assert_eq!((received.spans.len(), received.refused), (1, 3));
}

#[test]
fn what_is_over_a_limit_is_left_out_and_counted() {
    let mut wire = request(&[one_span()]);
    let span = &mut wire.resource_spans[0].scope_spans[0].spans[0];
    let text = "ä".repeat(MAX_VALUE);
    let value = Some(wire::AnyValue { value: Some(wire::Value::String(text)) });
    span.attributes = vec![wire::KeyValue { key: "k".repeat(300), value }; 130];
    span.dropped_attributes_count = 5;
    span.links = vec![span.links[0].clone(); 130];
    span.name = "n".repeat(300);
    let received = received(wire);
    let span = &received.spans[0];
    assert_eq!((span.name.len(), span.attributes[0].0.len(), span.links.len()), (256, 256, 128));
    assert!(matches!(&span.attributes[127].1, Value::Text(text) if text.len() == MAX_VALUE));
    let counts =
        [(DROPPED_ATTRIBUTES.into(), Value::Int(7)), (DROPPED_LINKS.into(), Value::Int(2))];
    assert_eq!(span.attributes[128..], counts);
}

#[test]
fn a_body_of_two_byte_spans_is_refused_before_it_takes_memory() {
    let field = |tag: u8, content: &[u8]| {
        let mut bytes = vec![tag];
        prost::encoding::encode_varint(content.len() as u64, &mut bytes);
        bytes.extend_from_slice(content);
        bytes
    };
    let body = |spans: usize| field(0x0a, &field(0x12, &[0x12, 0].repeat(spans)));
    assert_eq!(Encoding::Protobuf.read(&body(MAX_SPANS + 1)), Err(BadBody::TooMany(TooMany)));
    let request = Encoding::Protobuf.read(&body(1000)).unwrap();
    assert_eq!(received(request).refused, 1000);
    // Attributes, and values in a list in an attribute.
    let attributes = [0x4a, 0].repeat(MAX_MESSAGES);
    let list = field(0x4a, &field(0x12, &field(0x2a, &[0x0a, 0].repeat(MAX_MESSAGES))));
    for span in [attributes, list] {
        let body = field(0x0a, &field(0x12, &field(0x12, &span)));
        assert_eq!(Encoding::Protobuf.read(&body), Err(BadBody::TooMany(TooMany)));
    }
    // A group hides what comes after it from a count.
    let hidden = [&[0xa3, 0x06, 0xa4, 0x06], [0x12, 0].repeat(MAX_SPANS + 1).as_slice()].concat();
    let grouped = field(0x0a, &field(0x12, &hidden));
    assert_eq!(Encoding::Protobuf.read(&grouped), Err(BadBody::TooMany(TooMany)));
    // A message may be a list of its fields.
    let lists =
        format!(r#"{{"resourceSpans":[[null,[[null,[{}[]]]]]]}}"#, "[],".repeat(MAX_MESSAGES / 2));
    assert_eq!(Encoding::Json.read(lists.as_bytes()), Err(BadBody::TooMany(TooMany)));
    let json = format!(r#"{{"resourceSpans":[{}]}}"#, "{},".repeat(MAX_MESSAGES / 2));
    assert_eq!(Encoding::Json.read(json.as_bytes()), Err(BadBody::TooMany(TooMany)));
}

//! Any bytes are read or refused, and what was written is read back.

use proptest::prelude::*;

use super::*;

/// Bytes that get further than random ones: valid values with a few changes.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let valid = prop::sample::select(vec![
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ot=th:8;rv:6e6d1a75832a2f,a@b=1, c= d ,",
        "k=%41%2,l=2;p=1,=;",
        "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90",
    ]);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (valid, changes).prop_map(|(valid, changes)| {
        let mut bytes = valid.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

fn header_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![value(), prop::collection::vec(any::<u8>(), 0..700)]
}

fn state() -> impl Strategy<Value = TraceState> {
    let member = ("[a-z0-9][a-z0-9_*/@-]{0,20}", "[ -+--<>-~]{0,200}[!-+--<>-~]");
    prop::collection::vec(member, 0..40).prop_map(|members| {
        let with =
            |state: TraceState, (key, value): (String, String)| state.with(&key, &value).unwrap();
        members.into_iter().fold(TraceState::default(), with)
    })
}

fn context() -> impl Strategy<Value = TraceContext> {
    (1..=u128::MAX, 1..=u64::MAX, 0..4u8, state()).prop_map(|(trace, span, flags, state)| {
        let flags = Flags::from_bits(flags);
        TraceContext { trace: TraceId(trace), span: SpanId(span), flags, state }
    })
}

proptest! {
    #[test]
    fn any_header_is_read_or_refused_and_what_was_read_is_legal(
        parent in header_value(), states in prop::collection::vec(header_value(), 0..3),
    ) {
        let mut headers: Vec<Header<'_>> = vec![("traceparent", &parent), ("b3", &parent)];
        headers.extend(states.iter().map(|value| ("tracestate", value.as_slice())));
        headers.extend(states.iter().map(|value| ("baggage", value.as_slice())));
        if let Ok(Some(context)) = TraceContext::extract(&headers) {
            prop_assert!(context.state.as_str().len() <= MAX_STATE);
            prop_assert_eq!(again(&context), Ok(Some(context)));
        }
        if let Ok(Some(context)) = B3::extract(&headers).map(|b3| b3.and_then(B3::context)) {
            prop_assert_eq!(again(&context), Ok(Some(context)));
        }
        let baggage = Baggage::extract(&headers, &["k", "l"]);
        let header = baggage.header();
        prop_assert!(header.len() <= MAX_BAGGAGE);
        let read = Baggage::extract(&[("baggage", header.as_bytes())], &["k", "l"]);
        prop_assert_eq!(read.entries(), baggage.entries());
        prop_assert_eq!(read.refused(), 0);
    }

    #[test]
    fn a_context_that_was_written_is_read_back(context in context()) {
        prop_assert_eq!(again(&context), Ok(Some(context)));
    }

    #[test]
    fn a_frame_holds_the_ids_and_as_many_whole_members_as_fit(context in context()) {
        let frame = context.to_frame();
        let read = TraceContext::from_frame(frame.as_bytes()).unwrap();
        let members: Vec<_> = context.state.members().collect();
        let kept: Vec<_> = read.state.members().collect();
        prop_assert_eq!(&kept[..], &members[..members.len() - frame.dropped()]);
        // One more would not have fitted.
        let next = members.get(kept.len()).map_or(MAX_FRAME, |member| member.len() + 1);
        prop_assert!(frame.as_bytes().len() + next > 64);
        prop_assert_eq!(TraceContext { state: TraceState::default(), ..context },
            TraceContext { state: TraceState::default(), ..read });
    }

    #[test]
    fn any_frame_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..70)) {
        if let Ok(context) = TraceContext::from_frame(&bytes) {
            let again = TraceContext::from_frame(context.to_frame().as_bytes());
            prop_assert_eq!(again, Ok(context));
        }
    }

    #[test]
    fn any_text_travels_as_baggage(value in "\\PC{0,40}") {
        let mut baggage = Baggage::default();
        let entry = Entry { key: "k".into(), value, properties: "p=1".into() };
        prop_assert!(baggage.push(entry.clone()));
        let header = baggage.header();
        let read = Baggage::extract(&[("baggage", header.as_bytes())], &["k"]);
        prop_assert_eq!(read.entries(), [entry]);
    }
}

fn again(context: &TraceContext) -> Result<Option<TraceContext>, BadTraceparent> {
    let headers: Vec<_> = context.headers().collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    TraceContext::extract(&headers)
}

//! What comes out of a stream of bytes, whatever it is.

use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::run::context::MAX_CONTEXT;

prop_compose! {
    fn any_frame()(
        numbers in any::<[u64; 6]>(),
        context in prop::collection::vec(any::<u8>(), 0..=MAX_CONTEXT),
        payload in ".{0,200}",
    ) -> (Head, String) {
        let [cluster, from, to, start, sequence, cause] = numbers;
        let context = Context::new(&context).unwrap();
        let (from, to) = (NodeId(from), NodeId(to));
        (Head { cluster, from, to, start, sequence, cause, context }, payload)
    }
}

fn encoded(frames: &[(Head, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (head, payload) in frames {
        encode(head, payload, &mut bytes).unwrap();
    }
    bytes
}

fn drain(decoder: &mut Decoder, into: &mut Vec<(Head, String)>) {
    while let Some(frame) = decoder.next_frame().unwrap() {
        into.push((frame.head, postcard::from_bytes(frame.payload).unwrap()));
    }
}

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in_wherever_the_stream_is_cut(
        frames in prop::collection::vec(any_frame(), 1..5),
        cuts in prop::collection::vec(1..40usize, 1..8),
    ) {
        let bytes = encoded(&frames);
        let mut decoder = Decoder::default();
        let mut got = Vec::new();
        let mut rest = bytes.as_slice();
        for len in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (now, later) = rest.split_at((*len).min(rest.len()));
            decoder.feed(now);
            drain(&mut decoder, &mut got);
            rest = later;
        }
        prop_assert_eq!(got, frames);
    }

    #[test]
    fn random_bytes_are_refused_or_waited_for(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut decoder = Decoder::default();
        decoder.feed(&bytes);
        prop_assert!(!matches!(decoder.next_frame(), Ok(Some(_))));
    }

    #[test]
    fn a_flipped_bit_never_gives_another_frame(frame in any_frame(), at in any::<prop::sample::Index>()) {
        let mut bytes = encoded(&[frame]);
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let mut decoder = Decoder::default();
        decoder.feed(&bytes);
        prop_assert!(!matches!(decoder.next_frame(), Ok(Some(_))));
    }

    #[test]
    fn a_right_checksum_around_random_bytes_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend_from_slice(&crc32c(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        let mut decoder = Decoder::default();
        decoder.feed(&bytes);
        let _ = decoder.next_frame();
    }
}

/// A frame with the longest head there is, and a message of so many bytes.
fn longest(message: usize, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let context = Context::new(&[1; MAX_CONTEXT]).unwrap();
    let [cluster, start, sequence, cause] = [u64::MAX; 4];
    let (from, to) = (NodeId(u64::MAX), NodeId(u64::MAX));
    let head = Head { cluster, from, to, start, sequence, cause, context };
    // So long a sequence has three bytes for its length.
    encode(&head, &vec![1u8; message - 3], out)
}

#[test]
fn the_longest_message_fits_behind_the_longest_head() {
    let mut bytes = Vec::new();
    longest(MAX_MESSAGE, &mut bytes).unwrap();
    let mut decoder = Decoder::default();
    decoder.feed(&bytes);
    assert_eq!(decoder.next_frame().unwrap().unwrap().payload.len(), MAX_MESSAGE);
}

#[test]
fn a_message_that_is_too_long_is_refused_and_leaves_the_buffer_alone() {
    let mut bytes = vec![1, 2, 3];
    let error = longest(MAX_MESSAGE + 1, &mut bytes).unwrap_err();
    assert_eq!(error, FrameError::MessageTooLong { len: MAX_MESSAGE + 1 });
    assert!(error.to_string().contains("MAX_MESSAGE"), "{error}");
    assert_eq!(bytes, [1, 2, 3]);
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_its_bytes_come() {
    let mut decoder = Decoder::default();
    decoder.feed(&[0xff; PREFIX]);
    assert_eq!(decoder.next_frame(), Err(FrameError::TooLong { len: 0xffff_ffff }));
}

#[test]
fn a_message_for_many_is_serialised_once() {
    /// Counts how often it is turned into bytes.
    struct Counted<'a>(u8, &'a Cell<usize>);

    impl PartialEq for Counted<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Eq for Counted<'_> {}

    impl Serialize for Counted<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.1.set(self.1.get() + 1);
            self.0.serialize(serializer)
        }
    }

    let times = Cell::new(0);
    let (mut encoder, mut together, mut alone) = (Encoder::new(), Vec::new(), Vec::new());
    let [cluster, start, cause] = [1; 3];
    let (from, context) = (NodeId(1), Context::default());
    for (sequence, message) in (0..).zip([7, 7, 7, 8, 7]) {
        let head = Head { cluster, from, to: NodeId(sequence), start, sequence, cause, context };
        encoder.encode(&head, Counted(message, &times), &mut together).unwrap();
        encode(&head, &message, &mut alone).unwrap();
    }
    assert_eq!(together, alone);
    assert_eq!(times.get(), 3);
}
